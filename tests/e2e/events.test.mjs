// E-09: what an app is told in a real browser: progress forward to its end, events once each, in the tab that leads, and
// counts that follow in the other one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const told = (page, event) =>
  page.evaluate((name) => window.seen.filter((one) => one.event === name).map((one) => one.detail), event);

test('E-09 a pass of many changes: one beginning, progress up to all of it, one acknowledgement each, one end', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    window.progress = [];
    db.sync.on('progress', (detail) => void progress.push(detail));
    window.shown = [];
    db.sync.subscribe((status) => void (status.progress && shown.push(status.progress)));
    await assistants.putMany(Array.from({ length: 120 }, (_, i) => ({ name: `n${i}` })));
    await db.sync.now({ pull: false });
  });
  assert.equal((await server.documents()).length, 120);
  await until('the end', async () => (await told(page, 'completed')).length > 0);
  assert.equal((await told(page, 'started')).length, 1);
  assert.equal((await told(page, 'completed')).length, 1);
  const ids = (await told(page, 'acknowledged')).map((one) => one.mutationId);
  assert.equal(new Set(ids).size, 120);
  assert.equal(ids.length, 120);
  const { progress, shown, left } = await page.evaluate(() => ({ progress, shown, left: db.sync.status.progress }));
  const dones = progress.map((one) => one.done);
  assert.deepEqual(
    dones,
    [...dones].sort((a, b) => a - b),
  );
  const last = progress.at(-1);
  assert.deepEqual([last.phase, last.done, last.total, last.fraction], ['pushing', 120, 120, 1]);
  assert.ok(shown.length > 0 && left === undefined);
});

test('E-09 the other tab sees the counts and what the server refused, the leader tells the events', async (t) => {
  const { page, open } = await world(t);
  await page.evaluate(() => begin());
  await until('the lease', () => page.evaluate(() => db.sync.status.leader));
  const other = await open();
  await other.evaluate(async () => {
    await begin();
    await assistants.put({ name: 'x'.repeat(101) });
  });
  await eventually('parked, in both', async () => {
    for (const tab of [page, other]) assert.equal(await tab.evaluate(() => db.sync.status.parked), 1);
  });
  const stored = await other.evaluate(async () => (await db.outbox.list())[0].lastError);
  assert.equal(stored.code, 'VALIDATION');
  assert.ok(stored.fields.name.length > 0, 'the server’s messages by field are seen in the tab that did not send');
  await until('the word of it', async () => (await told(page, 'parked')).length > 0);
  const parked = [...(await told(page, 'parked')), ...(await told(other, 'parked'))];
  assert.equal(parked.length, 1, 'told once, by the one that sent');
});

test('E-07 C-01 a scheduled pass runs at its time and says why; what is cancelled does not', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    await assistants.put({ name: 'Ada' });
    db.sync.schedule(Date.now() + 200)();
    db.sync.schedule(Date.now() + 500);
  });
  await drained(page);
  assert.equal((await server.documents()).length, 1);
  assert.equal((await told(page, 'started'))[0].reason, 'schedule');
  await eventually('the pass to end', async () =>
    assert.deepEqual(await page.evaluate(() => db.sync.triggers().running), []),
  );
});
