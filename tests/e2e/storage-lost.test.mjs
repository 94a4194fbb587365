// Stored data that goes while a page uses it: nobody is told that the server has what it never saw.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

test('a database deleted under an open page: what was lost is said, counted and not taken for sent', async (t) => {
  const { page, server, context } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { pullInterval: 0 } });
    await assistants.put({ id: 'there', name: 'on the server' });
    await db.sync.now();
    db.sync.stop();
    window.lost = [];
    db.on('storage-lost', (detail) => lost.push(detail));
    for (let n = 0; n < 5; n++) follow(await assistants.put({ id: `lost-${n}`, name: 'never sent' }));
    watch();
  });
  const chromium = await context.newCDPSession(page);
  await chromium.send('Storage.clearDataForOrigin', { origin: server.url, storageTypes: 'indexeddb' });
  await until('the store to be asked again', () =>
    page.evaluate(async () => (await assistants.count()) === 0 && lost.length > 0),
  );
  assert.deepEqual(await page.evaluate(() => lost), [{ pendingLost: 5 }]);
  await until('the status to be that of the new store', () =>
    page.evaluate(() => db.sync.status.pending === 0 && views.at(-1).rows.length === 0),
  );
  const ends = await page.evaluate(() => followed.map(({ synced, error }) => synced ?? error?.code));
  assert.deepEqual(ends, Array(5).fill('STORAGE_UNAVAILABLE'));
  await page.evaluate(async () => {
    await assistants.put({ id: 'after', name: 'made afterwards' });
    db.sync.start();
  });
  await drained(page);
  await until('all of the server to be here again', () =>
    page.evaluate(async () => (await assistants.query()).map(({ id }) => id).join() === 'after,there'),
  );
  assert.deepEqual((await server.documents()).map(({ id }) => id).sort(), ['after', 'there']);
});

test('handles that are closed while the database is deleted under their writes come to their end', async (t) => {
  const { page } = await world(t);
  const ends = await page.evaluate(async () => {
    const all = [];
    for (let i = 0; i < 30; i++) {
      const made = seakeep.open('going', { collections: { notes: {} } });
      const used = made.then(async (one) => {
        const written = outcome(() => one.collection('notes').put({ i }));
        if (i % 3 === 0) void seakeep.destroy('going', { discardPending: true });
        if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, i % 5));
        await one.close();
        return (await written).error?.code;
      });
      all.push(used);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    return Promise.all(all);
  });
  assert.ok(
    ends.every((code) => code === undefined || code === 'CLOSED'),
    ends.join(),
  );
});
