// databases of older code are brought to the declared schema, and no document is lost on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { world } from './support/world.mjs';

const MANY = 1203;
const old = Array.from({ length: MANY }, (_, n) => ({
  id: `old-${String(n).padStart(4, '0')}`,
  name: `Assistant ${n}`,
  category: n % 3 === 0 ? 'work' : 'home',
  tags: ['a', `t${n}`],
  owner: { id: `u${n % 7}` },
}));

test('A-01 a version-1 database of older code with the assistants store alone becomes version 2 without losing a document', async (t) => {
  const { page } = await world(t);
  await page.evaluate((docs) => older('e2e', 1, { assistants: { keyPath: 'id', docs } }), old);
  const found = await page.evaluate(async () => {
    await begin({ version: 2, collections: { assistants: { indexes: ['category', 'owner.id'] } }, sync: null });
    return {
      all: await assistants.query(),
      work: await assistants.count({ where: { category: 'work' } }),
      owned: await assistants.count({ where: { 'owner.id': 'u3' } }),
      stored: await raw('assistants'),
      pending: await raw('pending'),
      version: (await indexedDB.databases()).find((one) => one.name === 'e2e').version,
    };
  });
  assert.deepEqual(found.all, old);
  assert.equal(found.work, old.filter((doc) => doc.category === 'work').length);
  assert.equal(found.owned, old.filter((doc) => doc.owner.id === 'u3').length);
  assert.deepEqual(
    found.stored.map((row) => row.doc),
    old,
  );
  assert.deepEqual(found.pending, []);
  assert.equal(found.version, 2);
});

test('A-01 documents of older code survive a full pull, and reach the server once they are edited', async (t) => {
  const { page, server } = await world(t);
  const there = await server.create({ name: 'On the server' });
  await page.evaluate((docs) => older('e2e', 1, { assistants: { keyPath: 'id', docs } }), old.slice(0, 20));
  const ids = await page.evaluate(async () => {
    await begin({ version: 2 });
    await assistants.refresh({ full: true });
    return (await assistants.query()).map((doc) => doc.id);
  });
  assert.deepEqual(new Set(ids), new Set([...old.slice(0, 20).map((doc) => doc.id), there.id]));
  await page.evaluate(async () => (await assistants.patch('old-0003', { name: 'Edited' })).synced);
  const [doc] = (await server.documents()).filter((one) => one.id === 'old-0003');
  assert.equal(doc.name, 'Edited');
  assert.equal(doc.category, 'work', 'the whole document was sent, for the server had none');
});

test('A-01 a version-1 database of Seakeep itself with fewer collections and unsent changes becomes version 2', async (t) => {
  const { page, server } = await world(t);
  await server.cutOff();
  const before = await page.evaluate(async () => {
    await begin({ version: 1, collections: { assistants: {} } });
    await assistants.putMany(Array.from({ length: 60 }, (_, n) => ({ id: `chosen-${n}`, name: `Assistant ${n}` })));
    await assistants.put({ name: 'Unsent' });
    const stored = { rows: await raw('assistants'), pending: await raw('pending') };
    await db.close();
    return stored;
  });
  const after = await page.evaluate(async () => {
    const collections = { assistants: { indexes: ['name'] }, notes: { references: { assistant: 'assistants' } } };
    await begin({ version: 2, collections, sync: { auto: false } });
    await db.collection('notes').put({ text: 'new', assistant: 'chosen-1' });
    const named = await assistants.query({ where: { name: 'Assistant 7' } });
    return { rows: await raw('assistants'), pending: await raw('pending'), named };
  });
  assert.equal(before.rows.length, 61);
  assert.deepEqual(
    after.rows.map((row) => row.doc),
    before.rows.map((row) => row.doc),
  );
  assert.deepEqual(
    after.pending.slice(0, 61).map((row) => row.idempotencyKey),
    before.pending.map((row) => row.idempotencyKey),
  );
  assert.equal(after.pending.length, 62);
  assert.equal(after.named[0].id, 'chosen-7');
  await server.heal();
  await page.evaluate(() => db.sync.start());
  await until('all to arrive', async () => (await server.documents()).length === 61);
});

test('A-01 a tab that holds version 1 open gives way to the upgrade and is told', async (t) => {
  const { page, open } = await world(t);
  await page.evaluate(async () => {
    await begin({ version: 1, sync: null });
    db.on('closed-for-upgrade', () => seen.push({ event: 'closed-for-upgrade', detail: {} }));
    await assistants.put({ id: 'kept', name: 'Kept' });
  });
  const other = await open();
  const kept = await other.evaluate(async () => {
    await begin({ version: 2, collections: { assistants: {}, notes: {} }, sync: null });
    return assistants.get('kept');
  });
  assert.deepEqual(kept, { id: 'kept', name: 'Kept' });
  await until('the event', () => page.evaluate(() => seen.some((one) => one.event === 'closed-for-upgrade')));
  const late = await page.evaluate(() => outcome(() => assistants.put({ name: 'Late' })));
  assert.equal(late.error.code, 'DB_VERSION_NEWER');
});
