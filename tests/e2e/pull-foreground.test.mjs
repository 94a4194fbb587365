// A pull of much is many short transactions, one at a time: what the app writes meanwhile waits for one of them at most.
// Nothing here is timed (`npm run bench -- --only pull-foreground` does that); transactions are counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { world } from './support/world.mjs';

const COUNT = 1200;
const PART = 50;

test('two collections are pulled in parts while the app writes: no part is large, no write waits for two', async (t) => {
  const { page, server } = await world(t);
  const id = (n) => `d${String((n * 7919) % COUNT).padStart(5, '0')}`;
  for (const collection of ['items', 'tags'])
    await server.fill(collection, COUNT, (n) => ({ id: id(n), name: `Number ${n}` }));
  const seen = await page.evaluate(watchTransactions);
  assert.equal(seen.counts.items, COUNT);
  assert.equal(seen.counts.tags, COUNT);
  assert.deepEqual(seen.failed, []);

  const parts = seen.transactions.filter(({ puts }) => (puts.items ?? 0) + (puts.tags ?? 0) > 0);
  const sizes = parts.map(({ puts }) => Math.max(puts.items ?? 0, puts.tags ?? 0));
  assert.ok(Math.max(...sizes) <= PART, `a part of ${Math.max(...sizes)} documents`);
  assert.ok(parts.length >= (2 * COUNT) / PART, `${parts.length} parts`);
  assert.ok(
    parts.every(({ durability }) => durability === 'relaxed'),
    'what can be pulled again need not outlive a loss of power',
  );
  assert.ok(
    parts.every((part, i) => i === 0 || part.begun >= parts[i - 1].ended),
    'one part at a time',
  );

  assert.ok(seen.writes.length >= 10, `${seen.writes.length} writes meanwhile`);
  const waits = seen.writes.map(({ called, answered }) => {
    const own = seen.transactions.find(({ puts, begun, ended }) => puts.notes && begun >= called && ended <= answered);
    return parts.filter(({ begun, ended }) => ended > called && begun < own.begun).length;
  });
  assert.ok(Math.max(...waits) <= 1, `a write waited for ${Math.max(...waits)} parts`);
});

/** In the page: pulls both collections, writes and reads beside it, and notes every transaction. */
async function watchTransactions() {
  const transactions = [];
  const open = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    const transaction = open.call(this, stores, mode, options);
    const note = { puts: {}, durability: transaction.durability, begun: performance.now(), ended: Infinity };
    transactions.push(note);
    transaction.noted = note;
    transaction.addEventListener('complete', () => {
      note.ended = performance.now();
    });
    return transaction;
  };
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (...args) {
    const puts = this.transaction.noted?.puts;
    if (puts !== undefined) puts[this.name] = (puts[this.name] ?? 0) + 1;
    return put.apply(this, args);
  };
  await begin({
    collections: { items: { indexes: ['name'] }, tags: {}, notes: { local: true } },
    sync: { auto: false },
    persist: false,
  });
  const notes = db.collection('notes');
  const writes = [];
  const failed = [];
  let over = false;
  db.sync.on('failed', (error) => failed.push(error.code));
  const pulled = db.sync.now({ push: false }).finally(() => {
    over = true;
  });
  for (let n = 0; !over; n++) {
    const called = performance.now();
    await notes.put({ id: `n${n % 20}`, n });
    writes.push({ called, answered: performance.now() });
    await notes.get(`n${n % 20}`, { fresh: true });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await pulled;
  const counts = { items: await db.collection('items').count(), tags: await db.collection('tags').count() };
  return { transactions, writes, failed, counts };
}
