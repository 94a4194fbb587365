// C-07: nothing is lost and nothing doubled between online and offline use.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, within } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const CHANGES = 50;

/** Chance that can be repeated. */
function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** One step of the user in the page; `expected` is what the server must hold in the end, by a name of our own. */
async function change(page, roll, expected, n) {
  const known = [...expected.keys()];
  const kind = known.length < 3 ? 0 : roll(4);
  if (kind <= 1) {
    const mark = `doc ${n}`;
    expected.set(mark, { mark, name: mark, edits: 0 });
    await page.evaluate(async (mark) => {
      window.ids ??= {};
      window.ids[mark] = (await assistants.put({ mark, name: mark, edits: 0 })).id;
    }, mark);
    return;
  }
  const mark = known[roll(known.length)];
  if (kind === 2) {
    expected.set(mark, { ...expected.get(mark), name: `${mark} at ${n}`, edits: n });
    await page.evaluate(([mark, n]) => assistants.patch(ids[mark], { name: `${mark} at ${n}`, edits: n }), [mark, n]);
    return;
  }
  expected.delete(mark);
  await page.evaluate((mark) => assistants.remove(ids[mark]), mark);
}

/** Whether a request of the log certainly changed something, and was not answered from what is stored for its key. */
const hasRun = ({ status, replayed, fault }) => fault === null && !replayed && status < 300;

const plain = (docs) =>
  docs.map(({ mark, name, edits }) => ({ mark, name, edits })).sort((a, b) => a.mark.localeCompare(b.mark));

for (const seed of [1, 2, 3]) {
  test(`C-07 ${CHANGES} mixed changes while the way to the server comes and goes: the server ends equal, each key executed once (seed ${seed})`, async (t) => {
    const { page, context, server } = await world(t);
    const roll = dice(seed);
    const expected = new Map();
    await page.evaluate(() => begin());
    const toggles = [
      () => context.setOffline(true),
      () => context.setOffline(false),
      () => server.order({ match: { method: 'POST' }, times: 2, fault: { drop: 'after' } }),
      () => server.order({ match: { method: 'PATCH' }, times: 2, fault: { drop: 'before' } }),
      () => server.order({ times: 2, fault: { status: 503 } }),
      () => server.order({ times: 1, fault: { drop: 'after' } }),
      () => server.order({ times: 2, fault: { status: 504, after: true } }),
      () => server.order({ match: { method: 'DELETE' }, fault: { status: 500, after: true } }),
    ];
    for (let n = 0; n < CHANGES; n++) {
      if (n % 4 === 0) await toggles[roll(toggles.length)]();
      await change(page, roll, expected, n);
    }
    await context.setOffline(false);
    await server.heal();
    await within('the outbox to drain', drained(page, 25_000), 30_000);
    await eventually('the server equal to what the user did', async () => {
      assert.deepEqual(plain(await server.documents()), plain([...expected.values()]));
    });
    await page.evaluate(() => db.sync.now());
    const local = await page.evaluate(() => assistants.query());
    assert.deepEqual(plain(local), plain([...expected.values()]));
    const stored = await page.evaluate(() => raw('assistants'));
    assert.deepEqual(plain(stored.map((row) => row.doc)), plain([...expected.values()]));

    const executed = new Map();
    for (const one of (await server.log({ writes: true })).filter(hasRun))
      executed.set(one.key, (executed.get(one.key) ?? 0) + 1);
    assert.ok(executed.size > 0);
    for (const [key, times] of executed) assert.equal(times, 1, `key ${key} was executed ${times} times`);
    assert.equal((await page.evaluate(() => db.sync.status)).parked, 0);
  });
}
