// The memory tier: what it may answer, for how long, and what ends that. The clock is the test's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modules } from './modules.mjs';

const { memoryTier } = await modules();

/** A tier on a clock and a mark that the test moves. */
function world(t, options = { items: 3, ttl: 60_000 }) {
  const state = { now: 0, mark: '1', asked: 0, answers: [] };
  t.mock.method(performance, 'now', () => state.now);
  const tier = memoryTier(options, () => {
    state.asked++;
    return state.mark === undefined ? Promise.reject(new Error('gone')) : Promise.resolve(state.mark);
  });
  return { state, tier, cache: tier.collection('notes') };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('what is given out and what was given in are the callers own', (t) => {
  const { cache } = world(t);
  const doc = { id: 'a', list: [1] };
  cache.reading()('a', doc);
  doc.list.push(2);
  cache.get('a').list.push(3);
  assert.deepEqual(cache.get('a'), { id: 'a', list: [1] });
});

test('the least recently used goes first', (t) => {
  const { cache } = world(t);
  for (const id of ['a', 'b', 'c']) cache.set(id, { id });
  cache.get('a');
  cache.set('d', { id: 'd' });
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((id) => cache.get(id)?.id),
    ['a', undefined, 'c', 'd'],
  );
});

test('an entry ends with its time to live', (t) => {
  const { cache, state } = world(t, { items: 3, ttl: 500 });
  cache.set('a', { id: 'a' });
  state.now = 499;
  assert.ok(cache.get('a'));
  state.now = 500;
  assert.equal(cache.get('a'), undefined);
});

test('a second later it answers only after a comparison that found no commit', async (t) => {
  const { cache, state } = world(t);
  cache.set('a', { id: 'a' });
  state.now = 1000;
  assert.equal(cache.get('a'), undefined);
  await settled();
  // The first comparison has nothing to compare with: only what is read after it can profit.
  assert.equal(cache.get('a'), undefined);
  await settled();
  cache.set('a', { id: 'a' });
  state.now = 2500;
  assert.equal(cache.get('a'), undefined);
  await settled();
  assert.ok(cache.get('a'), 'the mark has not moved');
  state.now = 3400;
  assert.ok(cache.get('a'));
  state.now = 3500;
  assert.equal(cache.get('a'), undefined);
});

test('a mark that moved ends the trust in all that was there before', async (t) => {
  const { cache, state } = world(t);
  cache.set('z', { id: 'z' });
  state.now = 1000;
  cache.get('z');
  await settled();
  for (const id of ['a', 'b']) cache.set(id, { id });
  state.now = 2100;
  state.mark = '2';
  assert.equal(cache.get('a'), undefined);
  await settled();
  assert.equal(cache.get('a'), undefined);
  assert.equal(cache.get('b'), undefined);
  cache.set('b', { id: 'b' });
  assert.ok(cache.get('b'));
});

test('a reading that began before a comparison is not trusted by it', async (t) => {
  const { cache, state } = world(t);
  cache.set('z', { id: 'z' });
  state.now = 1000;
  cache.get('z');
  const keep = cache.reading();
  state.now = 1100;
  await settled();
  keep('a', { id: 'a' });
  assert.ok(cache.get('a'), 'for its own second');
  state.now = 2050;
  assert.equal(cache.get('a'), undefined);
  await settled();
  assert.equal(cache.get('a'), undefined);
});

test('a store that cannot be asked is not trusted', async (t) => {
  const { cache, state } = world(t);
  cache.set('a', { id: 'a' });
  state.now = 1500;
  state.mark = undefined;
  assert.equal(cache.get('a'), undefined);
  await settled();
  assert.equal(cache.get('a'), undefined);
});

test('a reading is not kept when something was set meanwhile', (t) => {
  const { cache } = world(t);
  const keep = cache.reading();
  cache.set('a', { id: 'a', n: 2 });
  keep('a', { id: 'a', n: 1 });
  assert.equal(cache.get('a').n, 2);
  const again = cache.reading();
  cache.drop();
  again('a', { id: 'a', n: 1 });
  assert.equal(cache.get('a'), undefined);
});

test('false turns it off', () => {
  const cache = memoryTier(undefined, () => assert.fail()).collection('notes');
  cache.set('a', { id: 'a' });
  cache.reading()('a', { id: 'a' });
  assert.equal(cache.get('a'), undefined);
});
