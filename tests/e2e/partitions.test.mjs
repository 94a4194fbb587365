// The judge of the partition runs (tests/partitions) can say no: each thing it must notice, made by hand. The runs
// themselves are a stage of their own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { weigh } from '../partitions/oracle.mjs';
import { plan } from '../partitions/plan.mjs';

const append = (value, begun, more) => ({
  ...{ value, list: 'red', field: 'items', note: true, begun, ended: begun + 1, outcome: 'acknowledged' },
  ...more,
});
const executed = (key) => ({ method: 'PATCH', key, status: 200, replayed: false, members: [], fault: null });
const batch = (...keys) => ({
  ...executed(undefined),
  members: keys.map((key) => ({ key, status: 200, replayed: false })),
});

/** A run in which all is well; `change` breaks it. */
function told(change) {
  const run = {
    appends: [append('0-0', 10), append('0-1', 20), append('0-2', 30, { outcome: 'unknown', note: false })],
    lists: [{ id: 'red', items: ['0-0', '0-1', '0-2'] }],
    notes: [{ value: '0-0' }, { value: '0-1' }],
    requests: [executed('a'), { ...executed('a'), replayed: true }, executed('b'), batch('c', 'd')],
  };
  change(run);
  return weigh(run);
}

test('a run in which all is well, with an append of which nothing was heard, there or not', () => {
  assert.deepEqual(
    told(() => {}),
    [],
  );
  assert.deepEqual(
    told(({ lists }) => lists[0].items.pop()),
    [],
  );
});

const broken = {
  'an acknowledged append is missing': ({ lists }) => lists[0].items.shift(),
  'its note is missing': ({ notes }) => notes.pop(),
  'a note stands twice': ({ notes }) => notes.push({ value: '0-0' }),
  'an append stands twice': ({ lists }) => lists[0].items.push('0-0'),
  'an append that was never acknowledged stands twice': ({ lists }) => lists[0].items.push('0-2'),
  'two stand in the wrong order': ({ lists }) => lists[0].items.reverse(),
  'something nobody appended': ({ lists }) => lists[0].items.push('9-9'),
  'an append in another list': ({ lists }) => lists.push({ id: 'blue', items: ['0-2'] }),
  'a request was executed twice': ({ requests }) => requests.push(executed('b')),
  'a change of a batch was executed twice': ({ requests }) => requests.push(batch('e', 'c')),
  'a change was executed in a batch and alone': ({ requests }) => requests.push(executed('d')),
};
for (const [what, change] of Object.entries(broken))
  test(`noticed: ${what}`, () => {
    assert.equal(told(change).length > 0, true);
  });

test('the same seed is the same plan, another one another', () => {
  assert.deepEqual(plan(7, 20), plan(7, 20));
  assert.notDeepEqual(plan(7, 20), plan(8, 20));
});
