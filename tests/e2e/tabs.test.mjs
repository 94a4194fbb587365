// Two tabs on one database: any may write, one sends, both show the truth.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const leads = (page) => page.evaluate(() => db.sync.status.leader);

/** Two tabs with the same database; the first one leads. */
async function twoTabs(t) {
  const { page: first, open, server } = await world(t);
  await first.evaluate(async () => {
    await begin();
    watch();
    await (await assistants.put({ name: 'Ada' })).synced;
  });
  const second = await open();
  await second.evaluate(async () => {
    await begin();
    watch();
  });
  assert.equal(await leads(first), true);
  return { first, second, server };
}

test('one tab sends; the other tab’s write arrives, its synced settles, and both show the same', async (t) => {
  const { first, second, server } = await twoTabs(t);
  await second.evaluate(async () => follow(await assistants.put({ name: 'Grace' })));
  const synced = await until('synced in the tab that does not send', () => second.evaluate(() => followed[0].synced));
  const grace = (await server.documents()).find((doc) => doc.name === 'Grace');
  assert.equal(synced.id, grace.id);
  assert.deepEqual([await leads(first), await leads(second)], [true, false]);
  for (const page of [first, second]) {
    await eventually('both rows', async () => {
      const rows = await page.evaluate(() => views.at(-1).rows.map((row) => [row.doc.name, row.state]));
      assert.deepEqual(rows.sort(), [
        ['Ada', 'synced'],
        ['Grace', 'synced'],
      ]);
    });
  }
  const posts = await server.log({ method: 'POST' });
  assert.equal(posts.length, 2, 'each change was sent by one tab only');
});

test('a live query in the other tab follows writes, edits and deletions, and so do get and the counts', async (t) => {
  const { first, second } = await twoTabs(t);
  await first.evaluate(async () => {
    db.sync.hold('to stay pending');
    window.grace = await assistants.put({ name: 'Grace' });
  });
  await eventually('the new row in the other tab', async () => {
    const rows = await second.evaluate(() => views.at(-1).rows.map((row) => [row.doc.name, row.state]));
    assert.ok(
      rows.some(([name, state]) => name === 'Grace' && state === 'pending'),
      JSON.stringify(rows),
    );
  });
  await eventually('the pending count in the other tab', async () => {
    assert.equal(await second.evaluate(() => db.sync.status.pending), 1);
  });
  const id = await first.evaluate(() => grace.id);
  await first.evaluate(() => assistants.patch(grace.id, { name: 'Grace H.' }));
  assert.equal((await second.evaluate((id) => assistants.get(id, { fresh: true }), id)).name, 'Grace H.');
  await eventually('memory within a second', async () => {
    assert.equal((await second.evaluate((id) => assistants.get(id), id)).name, 'Grace H.');
  });
  await first.evaluate(() => assistants.remove(grace.id));
  await eventually('gone in the other tab', async () => {
    const rows = await second.evaluate(() => views.at(-1).rows.map((row) => row.doc.name));
    assert.deepEqual(rows, ['Ada']);
  });
});

test('both tabs edit different fields of one document at once: the server ends with both', async (t) => {
  const { first, second, server } = await twoTabs(t);
  const [{ id }] = await server.documents();
  await until('the document in the second tab', () => second.evaluate((id) => assistants.get(id), id));
  await Promise.all([
    first.evaluate((id) => assistants.patch(id, { category: 'from the first' }), id),
    second.evaluate((id) => assistants.patch(id, { prompt: 'from the second' }), id),
  ]);
  await drained(first);
  const there = await server.document(id);
  assert.deepEqual([there.category, there.prompt], ['from the first', 'from the second']);
  for (const page of [first, second])
    await eventually('the same in both', async () => {
      assert.deepEqual(await page.evaluate((id) => assistants.get(id), id), there);
    });
});

test('a follower’s now() is answered with the leader’s report, and settings reach the other tab', async (t) => {
  const { first, second, server } = await twoTabs(t);
  await server.create({ name: 'Joan' });
  const report = await second.evaluate(() => db.sync.now());
  assert.equal(report.skipped, undefined);
  await eventually('the pulled document in both', async () => {
    for (const page of [first, second])
      assert.deepEqual((await page.evaluate(() => assistants.query())).map((doc) => doc.name).sort(), ['Ada', 'Joan']);
  });
  await second.evaluate(() => {
    window.values = [];
    db.settings.subscribe('theme', (value) => values.push(value));
  });
  await first.evaluate(() => db.settings.set('theme', { dark: true }));
  await eventually('the setting', async () => {
    assert.deepEqual(await second.evaluate(() => values.at(-1)), { dark: true });
  });
});

test('the sending tab is closed: the other one takes over and sends what the first had left', async (t) => {
  const { first, second, server } = await twoTabs(t);
  await server.cutOff();
  await first.evaluate(() => assistants.put({ name: 'Left behind' }));
  await until('an attempt', async () => (await server.log({ method: 'POST' })).length > 1);
  await first.close({ runBeforeUnload: false });
  await server.heal();
  await drained(second, 45_000);
  assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['Ada', 'Left behind']);
  await eventually('the other leads', async () => assert.equal(await leads(second), true));
  const keys = (await server.log({ method: 'POST' })).map((one) => one.key);
  assert.equal(new Set(keys).size, 2);
});

test('the tab that does not send shows what the leader does: syncing with progress, waiting at an open breaker, at rest', async (t) => {
  const { page: first, open, server } = await world(t);
  const sync = { breaker: { failures: 3, cooldown: 4_000 }, delayBetween: 60, concurrency: 1, pullInterval: 0 };
  await first.evaluate(async (sync) => {
    await begin({ sync });
    await (await assistants.put({ name: 'Ada' })).synced;
  }, sync);
  const second = await open();
  await second.evaluate(async (sync) => {
    await begin({ sync });
    window.states = [];
    window.told = [];
    db.sync.subscribe(({ state, leader, progress }) => states.push([state, leader, progress?.done]));
    db.sync.on('progress', (progress) => told.push(['progress', progress.total]));
    db.sync.on('breaker', ({ state }) => told.push(['breaker', state]));
  }, sync);
  await first.evaluate(() => assistants.putMany(Array.from({ length: 20 }, (_, n) => ({ name: `N${n}` }))));
  await drained(second, 30_000);
  const seen = await second.evaluate(() => ({ states, told }));
  assert.ok(
    seen.states.some(([state, leader, done]) => state === 'syncing' && !leader && done > 0 && done < 20),
    JSON.stringify(seen.states),
  );
  assert.ok(seen.told.some(([event, total]) => event === 'progress' && total >= 20));
  await eventually('rest', async () => assert.equal(await second.evaluate(() => db.sync.status.state), 'idle'));
  await server.order({ match: { method: 'POST' }, times: 0, fault: { status: 500 } });
  await first.evaluate(() => assistants.putMany(Array.from({ length: 6 }, (_, n) => ({ name: `M${n}` }))));
  await until('the open breaker', () => second.evaluate(() => db.sync.status.state === 'breaker-open'));
  assert.ok((await second.evaluate(() => db.sync.status.nextAttemptAt)) > Date.now());
  assert.deepEqual(
    (await second.evaluate(() => told)).find(([event]) => event === 'breaker'),
    ['breaker', 'open'],
  );
});
