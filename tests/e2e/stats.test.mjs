// E-10: numbers of sync over reloads and tabs, compared with what the server's own log says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, reload, world } from './support/world.mjs';

test('E-10 statistics survive reload and a second tab, and begin anew when asked', async (t) => {
  const { page, server, open } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { pullInterval: 0 } });
    await assistants.putMany(Array.from({ length: 10 }, (_, i) => ({ name: `n${i}` })));
  });
  await drained(page);
  const first = await page.evaluate(() => db.sync.stats());
  assert.equal(first.pushed, 10);
  assert.deepEqual(first.byCollection.assistants.pushed, 10);
  assert.equal(first.successRate, 1);
  const asked = (await server.log({})).length;
  assert.ok(first.requestMs.count > 0 && first.requestMs.count <= asked, `${first.requestMs.count} of ${asked}`);
  assert.ok(first.bytesSent > 0 && first.bytesReceived > 0);
  assert.ok(first.requestMs.min <= first.requestMs.p50 && first.requestMs.p99 <= first.requestMs.max);

  await page.evaluate(() => db.close());
  await reload(page);
  await page.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  const again = await page.evaluate(() => db.sync.stats());
  assert.ok(again.pushed === 10 && again.since === first.since && again.passes >= first.passes);

  const other = await open();
  await other.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  assert.equal((await other.evaluate(() => db.sync.stats())).pushed, 10);
  await other.evaluate(() => db.sync.resetStats());
  await eventually('anew in both', async () => {
    for (const tab of [page, other]) assert.equal((await tab.evaluate(() => db.sync.stats())).pushed, 0);
  });
  const stored = await page.evaluate(() => raw('meta'));
  assert.ok(
    stored.some((row) => row?.resets === 1),
    'one stored row holds them',
  );
});
