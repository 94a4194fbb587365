// A disk that is full (pitfalls B3, bad input 89), by a quota of the browser's own: what is acknowledged is there, what is
// refused left nothing, and when there is room again everything arrives.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const QUOTA = 3_000_000;

/** A page whose origin may store so much, and how to give it more. */
async function small(t) {
  const { page, server, context } = await world(t);
  const chromium = await context.newCDPSession(page);
  const quota = (quotaSize) => chromium.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize });
  await quota(QUOTA);
  return { page, server, makeRoom: () => quota() };
}

/** Writes until the browser refuses; ids of what was acknowledged, and the refusal. */
const fill = (page) =>
  page.evaluate(async () => {
    // Text that no store can make shorter.
    window.long = () => Array.from({ length: 50_000 }, () => String.fromCharCode(33 + Math.random() * 90)).join('');
    const acknowledged = [];
    for (;;) {
      const id = `q${acknowledged.length}`;
      const { error } = await outcome(() => assistants.put({ id, name: 'Long', prompt: long() }));
      if (error) return { acknowledged, error };
      acknowledged.push(id);
    }
  });

const stored = (page) =>
  page.evaluate(async () => ({
    rows: (await raw('assistants')).map(({ id }) => id).sort(),
    changes: (await raw('pending')).map(({ id }) => id).sort(),
  }));

test('89 no room left: a write is refused with QUOTA_EXCEEDED and leaves nothing, what was acknowledged stays', async (t) => {
  const { page } = await small(t);
  await page.evaluate(() => begin({ sync: { auto: false, pullInterval: 0 } }));
  const { acknowledged, error } = await fill(page);
  assert.ok(acknowledged.length > 5, `${acknowledged.length} writes`);
  assert.deepEqual([error.ours, error.code, error.retryable], [true, 'QUOTA_EXCEEDED', true]);
  assert.match(error.userMessage, /space/);
  const others = await page.evaluate(async () => [
    await outcome(() =>
      assistants.putMany([
        { id: 'm1', name: 'x' },
        { id: 'm2', name: 'y', prompt: long() },
      ]),
    ),
    await outcome(() => db.transaction(['assistants'], (tx) => tx.collection('assistants').put({ name: long() }))),
    await outcome(() => assistants.patch('q0', { prompt: long() })),
  ]);
  assert.deepEqual(
    others.map((one) => one.error?.code),
    Array(3).fill('QUOTA_EXCEEDED'),
  );
  const wanted = [...acknowledged].sort();
  assert.deepEqual(await stored(page), { rows: wanted, changes: wanted }, 'nothing is there by half');
  const shown = await page.evaluate(async () => [await assistants.count(), await db.outbox.count()]);
  assert.deepEqual(shown, [acknowledged.length, acknowledged.length]);
  assert.equal(await page.evaluate(async () => (await assistants.get('q0')).name), 'Long', 'reads go on');
});

test('B4 a full disk is sent empty: bookkeeping has a reserve, and each acknowledgement frees the space of its change', async (t) => {
  const { page, server } = await small(t);
  await page.evaluate(() => begin({ sync: { auto: false, pullInterval: 0 } }));
  const { acknowledged } = await fill(page);
  await page.evaluate(() => db.sync.start());
  await drained(page, 60_000);
  const there = (await server.documents()).map(({ id }) => id).sort();
  assert.deepEqual(there, [...acknowledged].sort());
  const executed = (await server.log({ method: 'PUT' })).filter((one) => one.status === 201);
  assert.equal(new Set(executed.map((one) => one.key)).size, acknowledged.length);
  assert.deepEqual((await stored(page)).rows, there, 'the documents are still here');
  await page.evaluate(async () => void (await (await assistants.put({ id: 'after', name: 'There is room' })).synced));
});

test('89 a full disk without a reserve: it says so without a storm, and when there is room all arrives, each once', async (t) => {
  const { page, server, makeRoom } = await small(t);
  await page.evaluate(async () => {
    await begin({ sync: { auto: false, pullInterval: 0 } });
    // Spent before, and then filled up by the app.
    const deleted = indexedDB.open(storedName);
    const connection = await new Promise((resolve) => {
      deleted.onsuccess = () => resolve(deleted.result);
    });
    const transaction = connection.transaction('meta', 'readwrite');
    transaction.objectStore('meta').delete('reserve');
    await new Promise((resolve) => {
      transaction.oncomplete = resolve;
    });
    connection.close();
  });
  const { acknowledged } = await fill(page);
  await page.evaluate(() => db.sync.start());
  await until('the status to say so', () => page.evaluate(() => db.sync.status.error?.code === 'QUOTA_EXCEEDED'));
  const counts = await page.evaluate(async () => {
    const { transaction } = IDBDatabase.prototype;
    let transactions = 0;
    IDBDatabase.prototype.transaction = function (...args) {
      transactions++;
      return transaction.apply(this, args);
    };
    await new Promise((resolve) => setTimeout(resolve, 5000));
    IDBDatabase.prototype.transaction = transaction;
    return transactions;
  });
  assert.ok(counts <= 40, `${counts} transactions in five seconds`);
  assert.equal((await stored(page)).changes.length, acknowledged.length, 'nothing is given up');
  await makeRoom();
  await drained(page, 60_000);
  await eventually('all on the server', async () => {
    const there = (await server.documents()).map(({ id }) => id).sort();
    assert.deepEqual(there, [...acknowledged].sort());
  });
  const executed = (await server.log({ method: 'PUT' })).filter((one) => one.status === 201);
  assert.equal(new Set(executed.map((one) => one.key)).size, acknowledged.length);
  await page.evaluate(() => assistants.put({ id: 'after', name: 'There is room' }));
  await drained(page);
});
