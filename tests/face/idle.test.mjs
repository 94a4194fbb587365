// B-14 in memory, where a clock that stands shows everything that could wake up: an open database with nothing to do sets
// no timer, asks for nothing and tells nothing, for a day; then it is as awake as ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, scripted } from './scripted.mjs';

const DAY = 86_400_000;

/** Counts what is set and what fires on the clock that is installed. */
function counting(t) {
  const counts = { set: 0, fired: 0 };
  const own = globalThis.setTimeout;
  globalThis.setTimeout = (call, delay, ...args) => {
    counts.set++;
    return own(() => {
      counts.fired++;
      call(...args);
    }, delay);
  };
  t.after(() => {
    globalThis.setTimeout = own;
  });
  return counts;
}

test('B-14 nothing to do: no timer, no request, no event for a day', async (t) => {
  const { clock, db, notes, sent, told } = await scripted(t, { pullInterval: 0 });
  await clock.advance(60_000);
  const counts = counting(t);
  const states = [];
  db.sync.subscribe(({ state }) => states.push(state));
  notes.live().subscribe(() => {});
  await notes.put({ id: 'c', n: 1 });
  await clock.advance(60_000);
  assert.ok(counts.set > 0, 'the counter counts');
  const before = { ...counts, sent: sent.length, told: told.length, states: states.length };
  await clock.advance(DAY);
  assert.deepEqual({ ...counts, sent: sent.length, told: told.length, states: states.length }, before);
  await notes.put({ id: 'd', n: 1 });
  await clock.advance(1000);
  assert.equal(await db.outbox.count(), 0, 'awake');
});

test('B-14 with a routine pull: one request each time, and nothing between them', async (t) => {
  const { clock, sent } = await scripted(t, { pullInterval: 600_000 });
  await clock.advance(600_000);
  const counts = counting(t);
  sent.length = 0;
  await clock.advance(6_000_000);
  assert.equal(sent.length, 10);
  assert.ok(counts.set <= 60, `${counts.set} timers for ten polls`);
});

test('B-14 a parked change waits for a person without a timer', async (t) => {
  const { clock, db, notes, sent, say } = await scripted(t, { pullInterval: 0 });
  say(/PUT notes\/c/, answer(422));
  await notes.put({ id: 'c', n: 1 });
  await clock.advance(60_000);
  assert.equal(db.sync.status.parked, 1);
  const counts = counting(t);
  const before = sent.length;
  await clock.advance(DAY);
  assert.deepEqual([counts, sent.length], [{ set: 0, fired: 0 }, before]);
});
