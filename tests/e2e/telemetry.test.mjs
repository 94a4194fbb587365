// B-10: what an app can measure and log in a real browser, compared with what the server's own log says:
// durations, the memory tier, sync, the app's own work, spans for telemetry, and lines without any content.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const CANARY = 'canary-4711';

test('A-13 numbers of writes, reads, requests, the memory tier and sync, and of the app’s own work', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ cache: { items: 2 }, sync: { auto: false } });
    window.snapshots = [];
    db.metrics.subscribe((snapshot) => void snapshots.push(snapshot));
    for (const id of ['a', 'b', 'c']) await assistants.put({ id, name: id });
    await assistants.get('c');
    await assistants.get('a');
    await assistants.query();
    await db.metrics.measure('draw', async () => 1);
    await db.sync.now({ pull: false });
  });
  await drained(page);
  await eventually('the numbers to be told', () =>
    page.evaluate(() => {
      if (snapshots.at(-1).sync.succeeded !== 3) throw new Error(JSON.stringify(snapshots.at(-1)));
    }),
  );
  const now = await page.evaluate(() => db.metrics.snapshot());
  assert.deepEqual([now.writeMs.count, now.readMs.count, now.queryMs.count], [3, 1, 1]);
  assert.deepEqual([now.cache.hits, now.cache.misses], [1, 1]);
  assert.ok(now.cache.evictions >= 1 && now.openMs > 0 && now.wasmBytes >= 65_536);
  assert.deepEqual([now.sync, now.measured.draw.count], [{ succeeded: 3, failed: 0, retried: 0 }, 1]);
  const asked = (await server.log({})).length;
  assert.ok(now.requestMs.count > 0 && now.requestMs.count <= asked, `${now.requestMs.count} of ${asked}`);
  assert.ok(now.requestMs.min <= now.requestMs.p50 && now.requestMs.p50 <= now.requestMs.max);
});

test('B-10 spans and counters go out in batches while somebody exports, with codes and no content', async (t) => {
  const { page } = await world(t);
  await page.evaluate(async (name) => {
    await begin({ sync: { auto: false } });
    window.batches = [];
    window.stop = db.metrics.export((batch) => void batches.push(batch));
    await assistants.put({ id: name, name });
    await outcome(() => assistants.add({ id: name, name }));
    await db.sync.now({ pull: false });
  }, CANARY);
  await eventually('a span of a request', async () => {
    const names = await page.evaluate(() => batches.flat().map((item) => item.name));
    for (const name of ['seakeep.write', 'seakeep.request', 'seakeep.sync.succeeded']) assert.ok(names.includes(name));
  });
  const items = await page.evaluate(() => batches.flat());
  const writes = items.filter((item) => item.type === 'span' && item.name === 'seakeep.write');
  assert.deepEqual(
    writes.map((span) => span.status),
    [{ code: 1 }, { code: 2, message: 'ALREADY_EXISTS' }],
  );
  assert.equal(items.findLast((item) => item.name === 'seakeep.sync.succeeded').value, 1);
  assert.ok(!JSON.stringify(items).includes(CANARY));
});

test('A-14 log lines reach the app’s own sink with component and level, without content; by default there are none', async (t) => {
  const { page } = await world(t);
  const lines = [];
  page.on('console', (message) => void lines.push(message.text()));
  await page.evaluate(async (name) => {
    await begin({ name: 'silent' });
    await assistants.put({ id: name, name: name.repeat(20) });
  }, CANARY);
  await eventually('parked', async () => assert.equal(await page.evaluate(() => db.sync.status.parked), 1));
  assert.deepEqual(
    lines.filter((line) => line.includes('seakeep')),
    [],
  );
  await page.evaluate(async (name) => {
    await db.close();
    window.told = [];
    await begin({ name: 'telling', log: (entry) => void told.push(entry) });
    await assistants.put({ id: name, name: name.repeat(20) });
  }, CANARY);
  await eventually('the line that says it is parked', async () => {
    const told = await page.evaluate(() => window.told);
    const parked = told.find((line) => line.message === 'parked');
    assert.deepEqual([parked?.level, parked?.scope, parked?.detail.code], ['warn', 'sync', 'VALIDATION']);
    for (const scope of ['sync', 'store', 'net']) assert.ok(told.some((line) => line.scope === scope));
    assert.ok(!JSON.stringify(told).includes(CANARY));
  });
});
