// Calls on the real module in memory: their order, their independence, and that every promise comes to its end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const { open, destroy, increment } = await import(process.env.SEAKEEP_ENTRY ?? '../../dist/node.js');

let made = 0;

async function database(options = {}) {
  made += 1;
  const name = `calls-${made}`;
  const notes = { indexes: [{ path: 'e', unique: true }], ...options.notes };
  const sync = { url: 'http://127.0.0.1:9/api', auto: false };
  const db = await open(name, { storage: 'memory', collections: { notes, drafts: { local: true } }, sync });
  return { db, name, notes: db.collection('notes'), drafts: db.collection('drafts') };
}

const code = (wanted) => (thrown) => thrown.code === wanted;

test('calls made at once take effect in the order they were made', async () => {
  const { db, notes } = await database();
  await Promise.all([notes.put({ id: 'a', n: 1 }), notes.patch('a', { n: 2 })]);
  assert.equal((await notes.get('a')).n, 2);
  await Promise.all([notes.put({ id: 'a', n: 5 }), notes.remove('a')]);
  assert.equal(await notes.get('a'), undefined);
  const both = await Promise.allSettled([notes.put({ id: 'b', n: 1 }), notes.add({ id: 'b', n: 2 })]);
  assert.deepEqual(
    both.map((one) => one.status),
    ['fulfilled', 'rejected'],
  );
  assert.equal((await notes.get('b')).n, 1);
  await db.close();
});

test('a validated patch sees what the one before it left, and what follows waits its turn', async () => {
  const { db, notes } = await database({ notes: { validate: (doc) => (doc.n > 5 ? { n: 'at most 5' } : undefined) } });
  await notes.put({ id: 'k', n: 0 });
  const patches = Array.from({ length: 10 }, () => notes.patch('k', { n: increment(1) }));
  const put = notes.put({ id: 'k', n: 3, last: true });
  const ends = await Promise.allSettled(patches);
  assert.equal(ends.filter((one) => one.status === 'fulfilled').length, 5);
  assert.ok(ends.slice(5).every((one) => one.reason.code === 'VALIDATION'));
  await put;
  assert.deepEqual(await notes.get('k'), { id: 'k', n: 3, last: true });
  await db.close();
});

test('one write that cannot be stored fails alone', async () => {
  const { db, notes } = await database();
  await notes.put({ id: '1', e: 1 });
  const ends = await Promise.allSettled([10, 11, 1, 12].map((e, at) => notes.add({ id: `w${at}`, e })));
  assert.deepEqual(
    ends.map((one) => one.reason?.code),
    [undefined, undefined, 'UNIQUE_VIOLATION', undefined],
  );
  assert.equal(await notes.count(), 4);
  await db.close();
});

test('synced settles when the document is removed before anybody heard of it', async () => {
  const { db, notes } = await database();
  const write = await notes.put({ name: 'q' });
  await notes.remove(write.id);
  assert.equal((await write.synced).doc, undefined);
  const [made, removed] = await Promise.all([notes.put({ id: 'x' }), notes.remove('x')]);
  assert.equal((await made.synced).doc, undefined);
  await removed.synced;
  assert.equal(await db.outbox.count(), 0);
  await db.close();
});

test('removing without sending is refused while changes wait, and sends nothing', async () => {
  const { db, notes, drafts } = await database();
  await notes.put({ id: 'a', n: 1 });
  await assert.rejects(notes.remove('a', { local: true }), code('IN_FLIGHT'));
  assert.equal((await db.outbox.list()).length, 1);
  await drafts.put({ id: 'd' });
  await drafts.remove('d', { local: true });
  assert.equal(await drafts.count(), 0);
  await db.close();
});

test('an increment may not leave the numbers that can be stored', async () => {
  const { db, notes } = await database();
  await notes.put({ id: 'big', n: 1, m: Number.MAX_SAFE_INTEGER });
  await assert.rejects(notes.patch('big', { n: increment(1.7e308) }), code('PATCH_TYPE'));
  await assert.rejects(notes.patch('big', { m: increment(3) }), code('PATCH_TYPE'));
  assert.deepEqual(await notes.get('big'), { id: 'big', n: 1, m: Number.MAX_SAFE_INTEGER });
  await db.close();
});

test('everything asked for before close() comes to its end, and what was written is there', async () => {
  const { db, name, notes } = await database();
  const writes = [1, 2, 3].map((n) => notes.add({ id: `n${n}`, n }));
  const list = db.outbox.list();
  const setting = db.settings.set('k', 1);
  const release = db.sync.hold('typing');
  await db.close();
  assert.deepEqual(
    (await Promise.all(writes)).map((write) => write.id),
    ['n1', 'n2', 'n3'],
  );
  await Promise.allSettled([list]);
  await setting;
  release();
  const again = await open(name, { storage: 'memory', collections: { notes: {} } });
  assert.equal(await again.collection('notes').count(), 3);
  await again.close();
});

test('another handle may act on a change it has just been shown', async () => {
  const { db, name, notes } = await database();
  const collections = { notes: { indexes: [{ path: 'e', unique: true }] }, drafts: { local: true } };
  const sync = { url: 'http://127.0.0.1:9/api', auto: false };
  const other = await open(name, { storage: 'memory', collections, sync });
  const write = await notes.put({ id: 'a', n: 1 });
  await other.outbox.discard((await other.outbox.list())[0].mutationId);
  // What handles tell each other keeps no process alive in Node.
  const alive = setInterval(() => {}, 1000);
  await assert.rejects(write.synced, code('DISCARDED'));
  clearInterval(alive);
  assert.equal(await notes.get('a', { fresh: true }), undefined);
  await Promise.all([db.close(), other.close()]);
});

test('a database in memory can be destroyed in Node; another one says what is missing', async () => {
  const { db, name, notes } = await database();
  await notes.put({ id: 'a' });
  await db.close();
  await assert.rejects(destroy(name), code('PENDING_EXIST'));
  await destroy(name, { discardPending: true });
  const again = await open(name, { storage: 'memory', collections: { notes: {} } });
  assert.equal(await again.collection('notes').count(), 0);
  await again.close();
});

test('a database in memory that is destroyed closes its handles, as one in IndexedDB does', async () => {
  const { db, name, notes } = await database();
  await notes.put({ id: 'a' });
  const told = new Promise((resolve) => db.on('closed-for-upgrade', resolve));
  await destroy(name, { discardPending: true });
  await told;
  await assert.rejects(notes.put({ id: 'b' }), code('CLOSED'));
  await assert.rejects(notes.get('a', { fresh: true }), code('CLOSED'));
  await db.close();
  const again = await open(name, { storage: 'memory', collections: { notes: {} } });
  assert.equal(await again.collection('notes').count(), 0, 'nothing of the old handle is in the new database');
  await again.close();
});

test('an increment anywhere but as a field of a patch is refused with its path, and nothing is written', async () => {
  const { db, notes } = await database();
  const refused = (path) => (error) => error.code === 'DOC_UNSUPPORTED' && error.path === path;
  await assert.rejects(notes.put({ id: 'a', n: increment(1) }), refused('$.n'));
  await assert.rejects(notes.add({ id: 'a', deep: { list: [increment(1)] } }), refused('$.deep.list[0]'));
  await assert.rejects(notes.putMany([{ id: 'b' }, { id: 'a', n: increment(1) }]), code('DOC_UNSUPPORTED'));
  await notes.put({ id: 'c', n: 1 });
  await assert.rejects(notes.patch('c', { deep: { n: increment(1) } }), refused('$.deep.n'));
  const inTransaction = db.transaction(['notes'], (tx) => tx.collection('notes').put({ id: 'a', n: increment(1) }));
  await assert.rejects(inTransaction, code('DOC_UNSUPPORTED'));
  const [{ mutationId }] = await db.outbox.list();
  await assert.rejects(db.outbox.edit(mutationId, { id: 'c', n: increment(1) }), code('DOC_UNSUPPORTED'));
  await assert.rejects(db.settings.set('n', increment(1)), code('DOC_UNSUPPORTED'));
  await notes.patch('c', { n: increment(2) });
  await notes.put({ id: 'd', $increment: 1, other: true });
  assert.deepEqual(await notes.query({ orderBy: 'id' }), [
    { id: 'c', n: 3 },
    { id: 'd', $increment: 1, other: true },
  ]);
  await db.close();
});
