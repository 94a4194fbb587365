// Transactions on IndexedDB and the real server: whole or not at all through throws, kills and other tabs, sent in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mortal } from './support/browser.mjs';
import { eventually } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const COLLECTIONS = { orders: {}, lines: { references: { order: 'orders' }, indexes: ['order'] } };
const start = (page, options = {}) => page.evaluate((given) => begin(given), { collections: COLLECTIONS, ...options });

/** An order with two lines that refer to it by its temporary id. */
const order = (page, name) =>
  page.evaluate(
    (name) =>
      db.transaction(['orders', 'lines'], async (tx) => {
        const made = await tx.collection('orders').put({ name });
        for (const n of [1, 2]) await tx.collection('lines').put({ order: made.id, n });
        return made.id;
      }),
    name,
  );

test('new documents that refer to each other arrive whole, under the ids of the server', async (t) => {
  const { page, server } = await world(t);
  await start(page);
  const id = await order(page, 'first');
  assert.match(id, /^pending-/);
  await drained(page);
  const [stored] = await server.documents('orders');
  const lines = await server.documents('lines');
  assert.deepEqual(
    lines.map((line) => [line.order, line.n]),
    [
      [stored.id, 1],
      [stored.id, 2],
    ],
  );
  const local = await page.evaluate(() => db.collection('lines').query());
  assert.deepEqual(
    local.map((line) => line.order),
    [stored.id, stored.id],
  );
  assert.equal((await page.evaluate((id) => db.collection('orders').get(id), id)).name, 'first');
});

test('a function that throws, and a write that the store refuses, leave both collections as they were', async (t) => {
  const { page } = await world(t);
  const unique = { ...COLLECTIONS, orders: { indexes: [{ path: 'name', unique: true }] } };
  await start(page, { collections: unique, sync: null });
  await order(page, 'only');
  const codes = await page.evaluate(async () => {
    const told = [];
    for (const last of [() => Promise.reject(new Error('mine')), (tx) => tx.collection('orders').put({ name: 'only' })])
      await db
        .transaction(['orders', 'lines'], async (tx) => {
          await tx.collection('lines').put({ id: 'lost' });
          await last(tx);
        })
        .catch((error) => told.push(error.code ?? error.message));
    return told;
  });
  assert.deepEqual(codes, ['mine', 'UNIQUE_VIOLATION']);
  assert.equal(await page.evaluate(() => db.collection('lines').get('lost')), undefined);
  assert.equal(await page.evaluate(() => db.collection('orders').count()), 1);
});

test('two tabs that read, add one and write fifty times each lose nothing', async (t) => {
  const { page: first, open } = await world(t);
  await start(first, { sync: null });
  await first.evaluate(() => db.collection('orders').put({ id: 'counter', n: 0 }));
  const second = await open();
  await start(second, { sync: null });
  const add = (page) =>
    page.evaluate(async () => {
      for (let i = 0; i < 50; i++)
        await db.transaction(['orders'], async (tx) => {
          const { n } = await tx.collection('orders').get('counter');
          await tx.collection('orders').put({ id: 'counter', n: n + 1 });
        });
    });
  await Promise.all([add(first), add(second)]);
  for (const page of [first, second])
    assert.equal((await page.evaluate(() => db.collection('orders').get('counter', { fresh: true }))).n, 100);
});

test('two tabs that only make what a query does not find make it once', async (t) => {
  const { page: first, open } = await world(t);
  await start(first, { sync: null });
  const second = await open();
  await start(second, { sync: null });
  const claim = (page, who) =>
    page.evaluate(async (who) => {
      for (let i = 0; i < 20; i++)
        await db.transaction(['lines'], async (tx) => {
          const taken = await tx.collection('lines').query({ where: { order: `slot${i}` } });
          if (taken.length === 0) await tx.collection('lines').put({ order: `slot${i}`, who });
        });
    }, who);
  await Promise.all([claim(first, 1), claim(second, 2)]);
  const lines = await first.evaluate(() => db.collection('lines').query());
  assert.equal(lines.length, 20);
  assert.equal(new Set(lines.map((line) => line.order)).size, 20);
});

test('the changes go out in order, and one that is refused holds those of its transaction and no others', async (t) => {
  const { page, server } = await world(t);
  await start(page);
  await page.evaluate(async () => {
    await db.collection('orders').putMany(['a', 'b', 'c'].map((id) => ({ id, n: 0 })));
  });
  await drained(page);
  await server.order({ match: { method: 'PATCH', path: '/orders/b' }, times: 1, fault: { status: 422 } });
  await server.forgetLog();
  await page.evaluate(async () => {
    await db.transaction(['orders'], async (tx) => {
      for (const id of ['a', 'b', 'c']) await tx.collection('orders').patch(id, { n: 1 });
    });
    await db.collection('orders').put({ id: 'd', n: 9 });
  });
  await eventually('the second parked, the third held', async () => {
    const rows = await page.evaluate(() => db.outbox.list());
    assert.deepEqual(
      rows.map((row) => [row.id, row.state]),
      [
        ['b', 'parked'],
        ['c', 'waiting'],
      ],
    );
    assert.deepEqual(rows[1].dependsOn, [rows[0].mutationId]);
  });
  assert.deepEqual((await server.documents('orders')).map((doc) => [doc.id, doc.n]).sort(), [
    ['a', 1],
    ['b', 0],
    ['c', 0],
    ['d', 9],
  ]);
  await page.evaluate(() => db.outbox.retry());
  await drained(page);
  const sent = (await server.log({ writes: true })).map((one) => one.path.split('/').pop());
  assert.deepEqual(
    sent.filter((id) => id !== 'd'),
    ['a', 'b', 'b', 'c'],
  );
});

test('a browser killed while transactions run leaves each of them whole or not at all', async (t) => {
  const { server } = await world(t);
  const mortal = new Mortal();
  t.after(() => mortal.end());
  const visit = async () => {
    const page = await mortal.start();
    await page.goto(server.url);
    await page.waitForFunction(() => window.begin);
    await start(page, { sync: null });
    return page;
  };
  for (let round = 0; round < 3; round++) {
    const page = await visit();
    await page.evaluate((round) => {
      window.write = async () => {
        for (let i = 0; ; i++)
          await Promise.all(
            [0, 1, 2].map((k) =>
              db.transaction(['orders', 'lines'], async (tx) => {
                const order = await tx.collection('orders').put({ name: `${round}-${i}-${k}` });
                for (const n of [1, 2, 3]) await tx.collection('lines').put({ order: order.id, n });
              }),
            ),
          );
      };
      void window.write();
    }, round);
    await new Promise((resolve) => setTimeout(resolve, 300 + 200 * round));
    await mortal.kill();
  }
  const page = await visit();
  const [orders, lines] = await page.evaluate(async () => [
    await db.collection('orders').query(),
    await db.collection('lines').query(),
  ]);
  assert.ok(orders.length > 0);
  assert.equal(lines.length, 3 * orders.length);
  for (const { id } of orders) assert.equal(lines.filter((line) => line.order === id).length, 3);
});
