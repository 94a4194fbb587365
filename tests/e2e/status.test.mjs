// what an app is told about the network, the sync and each item.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

const status = (page) =>
  page.evaluate(() => {
    const { state, phase, online, pending, parked, lastSyncedAt, holds } = db.sync.status;
    return { state, phase, online, pending, parked, lastSyncedAt, holds };
  });

test('A-07 offline and online again: the status follows, and what waits is sent on recovery', async (t) => {
  const { page, context, server } = await world(t);
  await page.evaluate(async () => {
    await begin();
    window.states = [];
    db.sync.subscribe((now) => states.push({ state: now.state, online: now.online, pending: now.pending }));
  });
  await eventually('idle and online', async () => {
    const now = await status(page);
    assert.equal(now.state, 'idle');
    assert.equal(now.online, true);
    assert.ok(Math.abs(now.lastSyncedAt - Date.now()) < 60_000);
  });
  await context.setOffline(true);
  await eventually('offline', async () => assert.equal((await status(page)).state, 'offline'));
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  const offline = await status(page);
  assert.equal(offline.online, false);
  assert.equal(offline.pending, 1);
  assert.equal((await page.evaluate(() => db.sync.network)).online, false);
  const skipped = await page.evaluate(() => db.sync.now());
  assert.equal(skipped.pushed, 0);
  assert.equal(skipped.skipped, 'offline');

  const back = Date.now();
  await context.setOffline(false);
  await drained(page);
  const [post] = await server.log({ method: 'POST' });
  assert.ok(post.time - back < 3000, `sent ${post.time - back} ms after coming online, not at the next period`);
  await eventually('idle again', async () => {
    const now = await status(page);
    assert.deepEqual([now.state, now.phase, now.online, now.pending], ['idle', 'idle', true, 0]);
  });
  const states = await page.evaluate(() => states);
  for (const wanted of ['offline', 'syncing', 'idle'])
    assert.ok(
      states.some((one) => one.state === wanted),
      `no ${wanted} in ${JSON.stringify(states)}`,
    );
  assert.deepEqual(states[0].pending, 0);
  assert.equal((await page.evaluate(() => window.seen.filter((one) => one.event === 'network'))).length >= 2, true);
});

test('A-07 an unreachable server is offline too, whatever the browser says', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin();
    await db.sync.now();
  });
  await server.cutOff();
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  await eventually('offline', async () => {
    const now = await status(page);
    assert.equal(now.state, 'offline');
    assert.equal(now.online, false);
  });
  assert.equal(await page.evaluate(() => navigator.onLine), true);
  assert.equal((await page.evaluate(() => db.sync.network)).reachable, false);
  await server.heal();
  await drained(page);
  await eventually('idle', async () => assert.equal((await status(page)).online, true));
});

test('A-07 coming online ends every pause but the server’s own: a change that was tried in vain goes at once, not after its 60 s', async (t) => {
  const { page, context, server } = await world(t);
  await server.cutOff();
  await page.evaluate(async () => {
    await begin({ sync: { backoff: { base: 60_000, max: 60_000, jitter: 'none' } } });
    await assistants.put({ name: 'Ada' });
  });
  await until('an attempt in vain', async () => (await server.log({ method: 'POST' })).length > 0);
  await eventually('the change waiting again', async () => {
    assert.equal((await page.evaluate(() => raw('pending')))[0].state, 'waiting');
  });
  await context.setOffline(true);
  await eventually('offline', async () => assert.equal((await status(page)).state, 'offline'));
  await server.heal();
  const back = Date.now();
  await context.setOffline(false);
  await drained(page);
  assert.ok(Date.now() - back < 5000);
});

test('A-08 results per item: success with temporary and new id, failure with its error; a manual sync reports the same', async (t) => {
  const { page, server } = await world(t);
  const report = await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    const good = await assistants.put({ name: 'Ada' });
    const bad = await assistants.put({ name: 'x'.repeat(101) });
    for (const write of [good, bad]) follow(write);
    return { report: await db.sync.now(), good: good.id, bad: bad.id };
  });
  const [there] = await server.documents();
  const { results, pushed, parked, failed } = report.report;
  assert.deepEqual([pushed, parked, failed], [1, 1, 0]);
  const success = results.find((one) => one.success);
  const failure = results.find((one) => !one.success);
  assert.equal(success.tempId, report.good);
  assert.equal(success.id, there.id);
  assert.equal(success.collection, 'assistants');
  assert.equal(success.error, undefined);
  assert.equal(failure.tempId, report.bad);
  assert.equal(failure.error.code, 'VALIDATION');
  assert.equal(failure.error.status, 422);
  const acknowledged = await seen(page, 'acknowledged');
  assert.equal(acknowledged.tempId, report.good);
  assert.equal(acknowledged.id, there.id);
  assert.equal((await seen(page, 'parked')).tempId, report.bad);
  const followed = await page.evaluate(() => window.followed);
  assert.equal(followed[0].synced.id, there.id);
  assert.equal(followed[1].error.code, 'VALIDATION');
  assert.equal((await status(page)).state, 'held', 'a stopped loop says so');
});

test('A-08 stop, start and holds: nothing leaves while any stands, and now() says why', async (t) => {
  const { page, server } = await world(t);
  const first = await page.evaluate(async () => {
    await begin();
    await db.sync.now();
    window.release = [db.sync.hold('editing'), db.sync.hold('metered')];
    await assistants.put({ name: 'Ada' });
    return db.sync.now();
  });
  assert.equal(first.skipped, 'held');
  const held = await status(page);
  assert.equal(held.state, 'held');
  assert.deepEqual([...held.holds].sort(), ['editing', 'metered']);
  await page.evaluate(() => release[0]());
  assert.equal((await page.evaluate(() => db.sync.now())).skipped, 'held');
  assert.equal((await server.log({ writes: true })).length, 0);
  await page.evaluate(() => release[1]());
  await drained(page);
  await page.evaluate(async () => {
    db.sync.stop();
    await assistants.put({ name: 'Grace' });
  });
  const pass = await page.evaluate(() => db.sync.now());
  assert.equal(pass.pushed, 1, 'an ordered pass runs although the loop is stopped');
  await page.evaluate(() => assistants.put({ name: 'Joan' }));
  assert.equal((await status(page)).pending, 1);
  assert.equal((await server.documents()).length, 2);
  await page.evaluate(() => db.sync.start());
  await drained(page);
  assert.equal((await server.documents()).length, 3);
});
