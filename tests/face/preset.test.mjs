// What the preset assistantSync promises, to the millisecond, on the real module and a clock that stands:
// 3 request retries of 1, 2 and 4 s in an attempt, a loop of 30 s, 5 counted attempts, 1 s between items, 5 s to the start.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seakeep } from './package.mjs';
import { answer, lost, START, scripted } from './scripted.mjs';

const DAY = 86_400_000;
const preset = (more = {}) => ({
  ...{ startDelay: undefined, pullInterval: undefined, backoff: undefined },
  ...seakeep.assistantSync,
  ...more,
});
const times = (requests) => requests.map((one) => one.at);
const pauses = (list) => list.slice(1).map((at, i) => at - list[i]);
const writes = (sent) => sent.filter((one) => !one.what.startsWith('GET'));

test('5 s to the first pull, then one each minute', async (t) => {
  const { clock, opened, sent } = await scripted(t, preset());
  assert.equal(opened.length, 1);
  assert.equal(opened[0].at, 5000);
  await clock.advance(120_000);
  assert.deepEqual(times([...opened, ...sent]), [5000, 65_000, 125_000]);
});

test('items go one by one with 1 s between them, in the order they were made', async (t) => {
  const { clock, notes, sent } = await scripted(t, preset({ pullInterval: 0 }));
  const begun = clock.now() - START;
  for (const id of ['c', 'd', 'e', 'f']) await notes.put({ id, n: 1 });
  await clock.advance(10_000);
  assert.deepEqual(
    writes(sent).map((one) => [one.at - begun, one.what]),
    [
      [0, 'PUT notes/c'],
      [1000, 'PUT notes/d'],
      [2000, 'PUT notes/e'],
      [3000, 'PUT notes/f'],
    ],
  );
});

test('an item that failed holds the next one back for 1 s too, and for nothing more', async (t) => {
  const { clock, notes, sent, say } = await scripted(t, preset({ pullInterval: 0 }));
  say(/PUT notes\/c/, answer(422), 1);
  const begun = clock.now() - START;
  for (const id of ['c', 'd']) await notes.put({ id, n: 1 });
  await clock.advance(5000);
  assert.deepEqual(times(writes(sent)), [begun, begun + 1000]);
});

test('an attempt is a request and three more after 1, 2 and 4 s; the next comes with the loop of 30 s; five, then parked', async (t) => {
  const world = await scripted(t, preset({ pullInterval: 0 }));
  const { clock, notes, sent, say, told } = world;
  say(/PUT/, answer(500), 100);
  const begun = clock.now() - START;
  await notes.put({ id: 'c', n: 1 });
  await clock.advance(6999);
  const { state, retryCount, pause } = await world.change('c');
  assert.deepEqual([state, retryCount, pause], ['sending', 0, undefined], 'one attempt, whatever requests it makes');
  await clock.advance(1);
  assert.deepEqual(times(writes(sent)), [begun, begun + 1000, begun + 3000, begun + 7000]);
  const waiting = await world.change('c');
  assert.deepEqual([waiting.state, waiting.retryCount], ['waiting', 1]);
  const due = clock.now() - START + waiting.pause;
  await clock.advance(DAY);
  const attempts = times(writes(sent)).filter((_, i) => i % 4 === 0);
  assert.equal(writes(sent).length, 20);
  assert.equal(attempts[1], due, 'as it was said');
  // The loop's periods are counted from its last pass, which an attempt of 7 s belongs to.
  assert.deepEqual(pauses(attempts), [30_000, 30_000, 30_000, 30_000]);
  for (let i = 0; i < 5; i++)
    assert.deepEqual(pauses(times(writes(sent)).slice(4 * i, 4 * i + 4)), [1000, 2000, 4000], `attempt ${i + 1}`);
  assert.deepEqual(
    told.map((one) => [one.event, one.detail.attempts]),
    [...[1, 2, 3, 4].map((n) => ['retrying', n]), ['parked', 5]],
  );
  assert.equal(new Set(writes(sent).map((one) => one.key)).size, 1);
});

test('a success within the attempt counts nothing', async (t) => {
  const { clock, notes, sent, say, told } = await scripted(t, preset({ pullInterval: 0 }));
  say(/PUT/, answer(503), 3);
  const begun = clock.now() - START;
  await notes.put({ id: 'c', n: 1 });
  await clock.advance(DAY);
  assert.deepEqual(times(writes(sent)), [begun, begun + 1000, begun + 3000, begun + 7000]);
  assert.deepEqual(
    told.map((one) => [one.event, one.detail.attempts]),
    [['acknowledged', 1]],
  );
});

for (const [what, said, state] of [
  ['lost', lost, 'offline'],
  ['answered with 429', answer(429), 'rate-limited'],
]) {
  test(`requests that are ${what} count nothing and come again after 1, 2, 4 … 60 s, without chance`, async (t) => {
    const world = await scripted(t, preset({ pullInterval: 0, rest: { health: false } }));
    const { clock, db, notes, sent, say } = world;
    say(/PUT/, said, 9);
    await notes.put({ id: 'c', n: 1 });
    await clock.advance(500);
    assert.equal(db.sync.status.state, state);
    await clock.advance(DAY);
    assert.deepEqual(
      pauses(times(writes(sent))),
      [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000),
    );
    assert.equal(await world.change('c'), undefined);
  });
}

test('there is no breaker: a server that fails everything is asked by every item', async (t) => {
  const { clock, notes, sent, say, told } = await scripted(t, preset({ pullInterval: 0, requestRetries: 1 }));
  say(/PUT/, answer(500), 1000);
  for (let i = 0; i < 12; i++) await notes.put({ id: `n${i}`, i });
  await clock.advance(12_000);
  assert.equal(writes(sent).length, 12);
  assert.deepEqual([...new Set(told.map((one) => one.event))], ['retrying']);
});

test('a hold stops the loop, and its end starts what is due at once', async (t) => {
  const { clock, db, notes, sent } = await scripted(t, preset());
  const release = db.sync.hold('typing');
  await notes.put({ id: 'c', n: 1 });
  await clock.advance(DAY);
  assert.deepEqual(sent, []);
  assert.equal(db.sync.status.state, 'held');
  release();
  await clock.advance(0);
  assert.ok(sent.some((one) => one.what === 'PUT notes/c'));
});

test('nothing to do, nothing done: between two pulls there is no request, and without pulls none at all', async (t) => {
  const { clock, sent } = await scripted(t, preset({ pullInterval: 0 }));
  await clock.advance(DAY);
  assert.deepEqual(sent, []);
});
