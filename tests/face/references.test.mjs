// Changes that refer to documents the server has not made yet: who waits for whom, what is told of it, and what can never be
// sent. On the real module, against a scripted server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, scripted } from './scripted.mjs';

const collections = { notes: {}, files: { references: { note: 'notes', next: 'files' } } };
const refusing = answer(422, { type: 'https://x.test/problems/invalid', title: 'no', errors: { n: 'is wrong' } });

const rowOf = async (db, id) => (await db.outbox.list()).find((row) => row.id === id);

test('a parked create holds what refers to it, which says so; corrected, all go in order with the id of the server', async (t) => {
  const { db, notes, clock, sent, say } = await scripted(t, {}, { collections });
  const files = db.collection('files');
  say(/POST notes/, refusing);
  const note = await notes.put({ n: -1 });
  await assert.rejects(Promise.race([note.synced, clock.advance(1_000).then(() => note.synced)]), {
    code: 'VALIDATION',
    parked: true,
  });
  const file = await files.put({ note: note.id, name: 'x' });
  const other = await files.put({ name: 'y' });
  await clock.advance(5_000);
  const parked = await rowOf(db, note.id);
  const held = await rowOf(db, file.id);
  assert.deepEqual(
    [parked.state, parked.lastError.code, parked.lastError.fields],
    ['parked', 'VALIDATION', { n: 'is wrong' }],
  );
  assert.deepEqual([held.state, held.retryCount, held.dependsOn], ['waiting', 0, [parked.mutationId]]);
  assert.equal(held.lastError, undefined);
  assert.equal(await rowOf(db, other.id), undefined, 'nobody else waits');
  assert.ok(!sent.some((one) => one.body?.name === 'x'));
  await db.outbox.edit(parked.mutationId, { n: 1 });
  await clock.advance(5_000);
  assert.deepEqual(await db.outbox.list(), []);
  const [{ id: made }] = (await notes.query()).filter((doc) => doc.n === 1);
  assert.match(made, /^s\d+$/);
  assert.deepEqual(
    sent.filter((one) => one.body?.name === 'x').map((one) => one.body.note),
    [made],
  );
  assert.equal((await files.get(file.id)).note, made);
});

test('documents that refer to each other by temporary ids are parked with REFERENCE_CYCLE; with one reference less they go', async (t) => {
  const { db, clock, server } = await scripted(t, {}, { collections });
  const files = db.collection('files');
  const release = db.sync.hold('later');
  const first = await files.put({ name: 'first' });
  const second = await files.put({ name: 'second', next: first.id });
  await files.patch(first.id, { next: second.id });
  release();
  await clock.advance(120_000);
  const rows = await db.outbox.list();
  const stuck = rows.filter((row) => row.lastError?.code === 'REFERENCE_CYCLE');
  assert.ok(stuck.length > 0, JSON.stringify(rows.map((row) => [row.state, row.lastError?.code])));
  assert.ok(stuck.every((row) => row.state === 'parked' && /refer to each other/.test(row.lastError.userMessage)));
  const [row] = stuck;
  await db.outbox.edit(row.mutationId, { name: 'alone' });
  await clock.advance(120_000);
  assert.deepEqual(await db.outbox.list(), []);
  assert.deepEqual(server.docs('files').map((doc) => doc.name).length, 2);
});

test('what refers to a document that was taken back is parked with REFERENCE_MISSING, and says which', async (t) => {
  const { db, notes, clock, server } = await scripted(t, {}, { collections });
  const files = db.collection('files');
  const release = db.sync.hold('later');
  const note = await notes.put({ n: 1 });
  const file = await files.put({ note: note.id, name: 'x' });
  assert.equal(await note.cancel(), true);
  await note.synced.catch(() => undefined);
  release();
  await clock.advance(120_000);
  const row = await rowOf(db, file.id);
  assert.deepEqual([row.state, row.lastError.code], ['parked', 'REFERENCE_MISSING']);
  assert.match(row.lastError.message, new RegExp(note.id));
  assert.equal(server.docs('files').length, 0);
});
