// What a page may hold, on the real module in memory with a server of a few lines: more rows than were asked for, and data
// that looks like something of the library's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, seakeep } from './package.mjs';
import { server } from './server.mjs';

let made = 0;

async function database(t, answers = server()) {
  const sync = { url: 'http://unit.test/api', fetch: answers.fetch, auto: false, pullInterval: 0 };
  const db = await seakeep.open(`pages-${++made}`, { storage: 'memory', collections: { notes: {} }, sync });
  t.after(() => db.close());
  return { db, notes: db.collection('notes'), answers };
}

test('a server that minds no limit is believed: its rows are taken, once, and the pull goes on from its checkpoint', async (t) => {
  const { db, notes, answers } = await database(t);
  const pages = [];
  answers.say(({ method }, url = pages.length) => {
    if (method !== 'GET') return undefined;
    const items = Array.from({ length: 700 }, (_, i) => {
      const id = `n${url * 700 + i}`;
      return { id, revision: '1', updatedAt: 1, doc: { id } };
    });
    pages.push(url);
    const hasMore = pages.length < 3;
    return Response.json({ items: pages.length > 3 ? [] : items, checkpoint: `c${pages.length}`, hasMore, epoch: 'e' });
  });
  const report = await db.sync.now();
  assert.equal(report.pulled, 2100);
  assert.equal(await notes.count(), 2100);
  assert.equal(pages.length, 3);
  assert.equal(db.sync.status.error, undefined);
});

test('a document of the server that looks like an increment is data, and can be written back', async (t) => {
  const { db, notes, answers } = await database(t);
  const doc = { id: 'a', how: { $increment: 1 }, list: [{ $increment: 2 }], n: 1 };
  answers.docs.set('a', doc);
  await db.sync.now();
  const read = await notes.get('a', { fresh: true });
  assert.deepEqual(read, doc);
  await notes.put({ ...read, n: 2 });
  await notes.patch('a', { list: [{ $increment: 3 }], n: seakeep.increment(1) });
  await db.sync.now();
  const after = { ...doc, list: [{ $increment: 3 }], n: 3 };
  assert.deepEqual(answers.docs.get('a'), after);
  assert.deepEqual(await notes.get('a', { fresh: true }), after);
  const error = await failure(() => notes.patch('a', { how: { $increment: 1 } }));
  assert.equal(error.code, 'PATCH_TYPE', 'as a whole field of a patch it is what increment() makes');
  assert.equal(await db.outbox.count(), 0);
});
