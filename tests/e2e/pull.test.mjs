// Pulling: incremental, conditional, deletions, and starting over when the server's history is another one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

const names = (page) => page.evaluate(async () => (await assistants.query({ orderBy: 'name' })).map((doc) => doc.name));

test('the first pull goes page by page, later ones from the checkpoint, and an idle one costs a 304', async (t) => {
  const { page, server } = await world(t);
  const count = 450;
  for (let n = 0; n < count; n += 50)
    await Promise.all(Array.from({ length: 50 }, (_, i) => server.create({ name: `Assistant ${n + i}` })));
  await server.forgetLog();
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    await db.sync.now();
  });
  const first = await server.log({ method: 'GET', path: '/assistants' });
  assert.ok(first.length >= 2, 'more than one page');
  assert.ok(!first[0].path.includes('since='));
  assert.ok(first.slice(1).every((one) => one.path.includes('since=')));
  assert.equal(await page.evaluate(() => assistants.count()), count);
  assert.equal((await page.evaluate(() => raw('assistants'))).length, count);

  await server.create({ name: 'One more' });
  await server.forgetLog();
  const report = await page.evaluate(() => db.sync.now());
  assert.equal(report.pulled, 1);
  const second = await server.log({ method: 'GET', path: '/assistants' });
  assert.ok(second[0].path.includes('since='));
  assert.equal(second[0].status, 200);

  await page.evaluate(() => db.sync.now());
  await server.forgetLog();
  const idle = await page.evaluate(() => db.sync.now());
  assert.equal(idle.pulled, 0);
  const third = await server.log({ method: 'GET', path: '/assistants' });
  assert.deepEqual(
    third.map((one) => one.status),
    [304],
  );
});

test('a tombstone deletes here, a change made there is told, and the checkpoint is stored with them', async (t) => {
  const { page, server } = await world(t);
  const [ada, grace] = [await server.create({ name: 'Ada' }), await server.create({ name: 'Grace' })];
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    await db.sync.now();
    watch();
  });
  await server.remove(ada.id);
  await server.update(grace.id, { name: 'Grace H.' });
  await page.evaluate(() => db.sync.now());
  assert.deepEqual(await names(page), ['Grace H.']);
  assert.equal(await page.evaluate((id) => assistants.get(id), ada.id), undefined);
  assert.deepEqual(
    (await page.evaluate(() => raw('assistants'))).map((row) => row.id),
    [grace.id],
  );
  const pulled = await page.evaluate(() => seen.filter((one) => one.event === 'pulled').at(-1).detail);
  assert.deepEqual([pulled.collection, pulled.changed, pulled.deleted], ['assistants', 1, 1]);
  await eventually('the live query', async () => {
    assert.deepEqual(await page.evaluate(() => views.at(-1).rows.map((row) => row.doc.name)), ['Grace H.']);
  });
});

test('410: an unknown checkpoint leads to a full pull; what is gone there goes here, what is pending stays', async (t) => {
  const { page, server } = await world(t);
  const [ada, grace] = [await server.create({ name: 'Ada' }), await server.create({ name: 'Grace' })];
  await page.evaluate(async (id) => {
    await begin({ sync: { auto: false } });
    await db.sync.now();
    await assistants.put({ name: 'Pending' });
    await assistants.patch(id, { category: 'changed here' });
  }, grace.id);
  await server.remove(ada.id);
  await server.order({ match: { method: 'GET', path: 'since=' }, fault: { status: 410, body: { status: 410 } } });
  await server.forgetLog();
  await page.evaluate(() => db.sync.now({ push: false }));
  const pulls = await server.log({ method: 'GET', path: '/assistants' });
  assert.equal(pulls[0].status, 410);
  assert.ok(!pulls[1].path.includes('since='), 'from the beginning');
  assert.deepEqual(await names(page), ['Grace', 'Pending']);
  assert.equal((await page.evaluate((id) => assistants.get(id), grace.id)).category, 'changed here');
  assert.equal((await page.evaluate(() => raw('pending'))).length, 2);
  await page.evaluate(() => db.sync.now());
  await drained(page);
  assert.equal((await server.document(grace.id)).category, 'changed here');
});

test('another epoch: the server was restored from elsewhere; full resync, unsent changes kept and sent', async (t) => {
  const { page, server } = await world(t);
  await server.create({ name: 'Only in the old history' });
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    await db.sync.now();
    await assistants.put({ name: 'Unsent' });
  });
  await server.reset('another-history');
  await server.create({ name: 'In the new history' });
  await page.evaluate(() => db.sync.now({ push: false }));
  assert.deepEqual(await names(page), ['In the new history', 'Unsent']);
  await page.evaluate(() => db.sync.now());
  await drained(page);
  assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['In the new history', 'Unsent']);
  assert.deepEqual(await names(page), ['In the new history', 'Unsent']);
});

test('a page with a fault in it is no page: nothing is applied, nothing is lost, the next one counts', async (t) => {
  const { page, server } = await world(t);
  await server.create({ name: 'Ada' });
  await server.order(
    { match: { method: 'GET', path: 'assistants' }, fault: { truncate: 60, clean: true } },
    { match: { method: 'GET', path: 'assistants' }, fault: { status: 200, body: { items: {}, checkpoint: '1' } } },
  );
  await page.evaluate(() => begin());
  await until('the document', async () => (await names(page)).length === 1);
  const pulls = await server.log({ method: 'GET', path: '/assistants' });
  assert.ok(pulls.length >= 3);
  assert.ok(
    pulls.slice(0, 3).every((one) => !one.path.includes('since=')),
    'no checkpoint of a broken page was kept',
  );
});

test('a server killed and started again on its file goes on where it was: nothing pulled twice, nothing sent twice', async (t) => {
  const { page, server } = await world(t);
  await server.create({ name: 'Ada' });
  await page.evaluate(async () => {
    await begin();
    await (await assistants.put({ name: 'Before' })).synced;
  });
  await server.kill();
  await page.evaluate(async () => follow(await assistants.put({ name: 'Meanwhile' })));
  await eventually('it to be noticed', async () =>
    assert.equal(await page.evaluate(() => db.sync.status.state), 'offline'),
  );
  await server.start();
  await drained(page);
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['Ada', 'Before', 'Meanwhile'],
  );
  assert.deepEqual(await names(page), ['Ada', 'Before', 'Meanwhile']);
});
