// Several changes in one request, with the real server and its faults.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

const COLLECTIONS = { orders: {}, lines: {} };

/** Opens with batches, and without sending until the test says so. */
function beginHeld(page, sync = {}, collections = undefined) {
  return page.evaluate(
    ([sync, collections]) => begin({ sync: { rest: { batch: true }, auto: false, ...sync }, collections }),
    [sync, collections],
  );
}

/** The changes of each batch that leaves the page from now on. */
function batchesOf(page) {
  const sent = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/_batch')) sent.push(request.postDataJSON().changes);
  });
  return sent;
}

const putMany = (page, count) =>
  page.evaluate((count) => assistants.putMany(Array.from({ length: count }, (_, n) => ({ name: `N${n}` }))), count);

test('60 documents made offline go in two batches, each document once, with the server’s ids', async (t) => {
  const { page, server } = await world(t);
  await beginHeld(page);
  await putMany(page, 60);
  await page.evaluate(() => db.sync.start());
  await drained(page);
  const writes = await server.log({ writes: true });
  assert.deepEqual(new Set(writes.map((one) => `${one.method} ${one.path}`)), new Set(['POST /_batch']));
  assert.equal(writes.length, 2);
  const names = (await server.documents()).map((doc) => doc.name);
  assert.equal(new Set(names).size, 60);
  assert.equal(names.length, 60);
  const ids = await page.evaluate(async () => (await assistants.query()).map((doc) => doc.id));
  assert.ok(ids.every((id) => !id.startsWith('pending-')));
});

test('the answer to a batch is lost: the same keys again, and each document once', async (t) => {
  const { page, server } = await world(t);
  await beginHeld(page);
  // The browser may repeat what got no answer by itself; the second loss it shows to the page.
  await server.order(
    { match: { path: '/_batch' }, fault: { drop: 'after' } },
    { match: { path: '/_batch' }, fault: { status: 504, after: true } },
  );
  const sent = batchesOf(page);
  await putMany(page, 10);
  const before = await page.evaluate(async () => (await raw('pending')).map((row) => row.idempotencyKey));
  await page.evaluate(() => db.sync.start());
  await drained(page);
  const statuses = (await server.log({ path: '/_batch' })).map((one) => one.status);
  assert.deepEqual(statuses.slice(0, 2), [null, 504]);
  assert.ok(statuses.length > 2 && statuses.slice(2).every((status) => status === 200), statuses.join());
  // In doubt one goes first, alone, and the others behind it.
  const keys = sent.map((changes) => changes.map((change) => change.idempotencyKey));
  const alone = (await server.log({ path: '/assistants', method: 'POST' })).map((one) => one.key);
  assert.deepEqual(keys[0], before);
  const again = new Set([...keys.slice(1).flat(), ...alone]);
  assert.deepEqual([...again].sort(), before.toSorted(), 'all of them once more, under the same keys');
  assert.equal((await server.documents()).length, 10);
});

test('413 halves the batch until it fits', async (t) => {
  const { page, server } = await world(t);
  await beginHeld(page, { concurrency: 1 });
  await server.order({ match: { path: '/_batch' }, times: 2, fault: { status: 413 } });
  const sent = batchesOf(page);
  await putMany(page, 12);
  await page.evaluate(() => db.sync.start());
  await drained(page);
  const batches = await server.log({ path: '/_batch' });
  assert.deepEqual(
    batches.slice(0, 2).map((one) => one.status),
    [413, 413],
  );
  const sizes = sent.map((changes) => changes.length);
  assert.deepEqual(sizes.slice(0, 3), [12, 6, 3], `batches of ${sizes}`);
  assert.equal((await server.documents()).length, 12);
});

test('one change that the server refuses parks alone', async (t) => {
  const { page, server } = await world(t);
  await beginHeld(page);
  await page.evaluate(() => assistants.putMany([{ name: 'Ada' }, { category: 'nameless' }, { name: 'Joan' }]));
  await page.evaluate(() => db.sync.start());
  await seen(page, 'parked');
  await until('the others', async () => (await server.documents()).length === 2);
  const parked = await page.evaluate(() => db.outbox.list({ state: 'parked' }));
  assert.deepEqual(
    parked.map((change) => [change.data.category, change.lastError.code]),
    [['nameless', 'VALIDATION']],
  );
  assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['Ada', 'Joan']);
});

test('a server without batches gets the changes one by one', async (t) => {
  const { page, server } = await world(t);
  await beginHeld(page);
  await server.order({ match: { path: '/_batch' }, times: 0, fault: { status: 404 } });
  await putMany(page, 5);
  await page.evaluate(() => db.sync.start());
  await drained(page);
  assert.equal((await server.log({ path: '/_batch' })).length, 1);
  assert.equal((await server.documents()).length, 5);
});

test('a transaction is one atomic batch: a refused change holds the others, and nothing of it is on the server', async (t) => {
  const { page, server } = await world(t);
  await beginHeld(page, {}, COLLECTIONS);
  await page.evaluate(() => db.collection('lines').put({ id: 'taken', n: 0 }));
  await page.evaluate(() => db.sync.start());
  await drained(page);
  await page.evaluate(() => db.sync.stop());
  await page.evaluate(() =>
    db.transaction(['orders', 'lines'], async (tx) => {
      await tx.collection('orders').put({ id: 'o1', total: 2 });
      await tx.collection('lines').put({ id: 'l1', order: 'o1' });
    }),
  );
  await server.order({ match: { path: '/_batch' }, times: 1, fault: { status: 422 } });
  await page.evaluate(() => db.sync.start());
  await seen(page, 'parked');
  assert.equal((await server.documents('orders')).length, 0);
  const rows = await page.evaluate(() => db.outbox.list());
  assert.deepEqual(
    rows.map((row) => [row.collection, row.state, row.dependsOn.length]),
    [
      ['orders', 'parked', 0],
      ['lines', 'waiting', 1],
    ],
  );
  assert.equal(rows[0].group, rows[1].group);
  await page.evaluate(() => db.outbox.retry());
  await drained(page);
  assert.equal((await server.documents('orders')).length, 1);
  assert.equal((await server.documents('lines')).length, 2);
  assert.equal((await server.log({ path: '/_batch' })).length, 2);
});
