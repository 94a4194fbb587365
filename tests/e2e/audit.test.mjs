// the audit ring in IndexedDB, written with what it records: after a refusal, a retry, a success and a reload.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, reload, world } from './support/world.mjs';

test('A-15 what was done to which item, with its outcome, after a reload too, and never any content', async (t) => {
  const { page } = await world(t);
  const open = () => page.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  await open();
  await page.evaluate(() => assistants.put({ name: 'canary-'.repeat(20) }));
  await eventually('parked', async () => assert.equal(await page.evaluate(() => db.sync.status.parked), 1));
  await page.evaluate(async () => {
    const [change] = await db.outbox.list();
    await db.outbox.edit(change.mutationId, { name: 'Ada' });
  });
  await drained(page);
  await reload(page);
  await open();
  const all = await page.evaluate(() => db.audit.list());
  assert.deepEqual(all.map((entry) => entry.outcome).reverse(), ['parked', 'edited', 'acknowledged']);
  const [last] = all;
  assert.deepEqual([last.action, last.collection], ['create', 'assistants']);
  assert.notEqual(last.id, last.tempId);
  const story = await page.evaluate((id) => db.audit.list({ id }), last.id);
  assert.equal(story.length, 3, 'the whole story is found under the id the server gave');
  assert.ok(!JSON.stringify(all).includes('canary'));
});
