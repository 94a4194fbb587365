// The audit ring and the outbox's own rules, on the real module in memory with a server of a few lines.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './modules.mjs';
import { failure, seakeep } from './package.mjs';
import { server } from './server.mjs';

let made = 0;

async function database({ name = `audit-${++made}`, ...options } = {}, notes = {}) {
  const answers = server();
  const sync = { url: 'http://unit.test/api', fetch: answers.fetch, auto: false };
  const collections = { notes, tags: {} };
  const db = await seakeep.open(name, { storage: 'memory', collections, sync, ...options });
  return { db, name, answers, notes: db.collection('notes') };
}

const outcomes = (entries) => entries.map((entry) => `${entry.action} ${entry.outcome}`).reverse();

test('what became of each change, with who, when, which and why, newest first, and kept', async () => {
  const { db, name, notes } = await database({ user: 'ada' });
  const canary = 'canary-4711';
  const good = await notes.put({ text: canary });
  await notes.put({ id: 'bad', refuse: true, text: canary });
  await db.sync.now();
  const [parked] = await db.outbox.list();
  await db.outbox.retry(parked.mutationId);
  await db.outbox.edit(parked.mutationId, { id: 'bad', refuse: true, text: canary });
  await db.outbox.discard(parked.mutationId);
  const taken = await notes.put({ id: 'taken' });
  assert.equal(await taken.cancel(), true);
  const all = await db.audit.list();
  assert.deepEqual(outcomes(all), [
    'create acknowledged',
    'create parked',
    'create retried',
    'create edited',
    'create discarded',
    'create cancelled',
  ]);
  assert.ok(all.every((entry) => entry.user === 'ada' && Math.abs(entry.at - Date.now()) < 60_000));
  assert.equal(all.find((entry) => entry.outcome === 'parked').code, 'VALIDATION');
  assert.ok(!JSON.stringify(all).includes(canary));
  assert.deepEqual(
    Object.keys(all[0]).filter((key) => key === 'slot' || key === 'n'),
    [],
  );

  const story = await db.audit.list({ collection: 'notes', id: good.id });
  assert.deepEqual([story.length, story[0].tempId, story[0].mutationId], [1, good.id, good.mutationId]);
  assert.deepEqual(await db.audit.list({ id: story[0].id }), story, 'found under the id the server gave');
  assert.equal((await db.audit.list({ limit: 2 })).length, 2);
  assert.deepEqual(await db.audit.list({ collection: 'tags' }), []);
  for (const [query, code] of [
    [{ limit: 0 }, 'QUERY_RANGE'],
    [{ collection: 'none' }, 'STORE_UNKNOWN'],
    [{ id: 5 }, 'ID_TYPE'],
    [{ from: 1 }, 'ARGUMENT_TYPE'],
  ]) {
    assert.equal((await failure(() => db.audit.list(query))).code, code);
  }
  await db.close();
  const again = await database({ name, user: 'ada' });
  assert.equal((await again.db.audit.list()).length, 6);
  await again.db.close();
});

test('a rolled back change says that it was rejected, and why', async () => {
  const { db, notes } = await database({}, { rejected: 'rollback' });
  await notes.put({ id: 'bad', refuse: true });
  await db.sync.now();
  const [entry] = await db.audit.list();
  assert.deepEqual([entry.outcome, entry.code], ['rejected', 'VALIDATION']);
  await db.close();
});

test('the ring keeps the newest thousand', async () => {
  const { db, notes } = await database();
  await notes.putMany(Array.from({ length: 600 }, (_, i) => ({ id: `n${i}` })));
  await db.outbox.retry();
  await db.outbox.retry();
  const all = await db.audit.list();
  assert.equal(all.length, 1000);
  assert.equal(all[0].id, 'n599');
  assert.equal(all.at(-1).id, 'n200');
  await db.close();
});

test('a refusal keeps the server’s messages by field, in the outbox and in every event', async () => {
  const { db, name, notes } = await database();
  await notes.put({ id: 'bad', refuse: true });
  const report = await db.sync.now();
  const fields = { refuse: 'must not be set' };
  assert.deepEqual(report.results[0].error.fields, fields);
  assert.deepEqual((await db.outbox.list())[0].lastError.fields, fields);
  assert.deepEqual((await notes.meta('bad')).lastError.fields, fields);
  const { lastError } = (await db.outbox.list())[0];
  assert.deepEqual([lastError.family, lastError.retryable, lastError.status], ['validation', false, 422]);
  await db.close();
  const again = await database({ name });
  assert.deepEqual((await again.db.outbox.list())[0].lastError.fields, fields);
  await again.db.close();
});

test('edit takes only the change’s own document: another id is refused, a former temporary one is its own', async () => {
  const { db, notes, answers } = await database();
  const write = await notes.put({ id: 'a', text: 'one' });
  for (const id of ['b', 5]) {
    const error = await failure(() => db.outbox.edit(write.mutationId, { id, text: 'two' }));
    assert.equal(error.code, id === 5 ? 'ID_TYPE' : 'ID_MISMATCH');
  }
  assert.equal((await notes.get('a')).text, 'one');
  await db.outbox.edit(write.mutationId, { text: 'three' });
  assert.deepEqual(await notes.get('a'), { id: 'a', text: 'three' });

  const fresh = await notes.put({ text: 'x' });
  await db.outbox.edit(fresh.mutationId, { id: fresh.id, text: 'y' });
  await db.sync.now();
  const { id } = await fresh.synced;
  assert.equal(answers.docs.get(id).text, 'y');
  const later = await notes.patch(id, { text: 'z' });
  await db.outbox.edit(later.mutationId, { id: fresh.id, text: 'zz' });
  assert.deepEqual(await notes.get(id), { id, text: 'zz' });
  await db.close();
});

test('data saved locally over a change that makes or removes the document is refused, over an update it is its base', async () => {
  const { db, notes } = await database();
  await notes.put({ id: 'a', text: 'mine' });
  const refused = await failure(() => notes.put({ id: 'a', text: 'theirs' }, { local: true }));
  assert.equal(refused.code, 'IN_FLIGHT');
  assert.equal((await notes.get('a')).text, 'mine');
  await db.sync.now();
  await notes.patch('a', { mine: 1 });
  await notes.put({ id: 'a', text: 'theirs' }, { local: true });
  assert.deepEqual(await notes.get('a'), { id: 'a', text: 'theirs', mine: 1 });
  await db.close();
});

test('one document under its two ids is a duplicate in one bulk write', async () => {
  const { db, notes } = await database();
  const { id: temporary, synced } = await notes.put({ text: 'x' });
  await db.sync.now();
  const { id } = await synced;
  const error = await failure(() =>
    notes.putMany([
      { id, n: 1 },
      { id: temporary, n: 2 },
    ]),
  );
  assert.equal(error.code, 'BULK_DUPLICATE_ID');
  assert.equal((await notes.get(id)).n, undefined, 'nothing was written');
  await notes.putMany([{ id: temporary, n: 3 }]);
  assert.equal((await notes.get(id)).n, 3);
  await db.close();
});

test('an id that looks like one of the library’s own is no answer', async () => {
  const { db, notes, answers } = await database();
  answers.say(({ method }) => {
    const body = { id: 'pending-1-abc', text: 'x' };
    if (method !== 'GET') return Response.json(body, { status: 201 });
    return Response.json({ items: [{ id: body.id, doc: body }], checkpoint: '1', hasMore: false });
  });
  const write = await notes.put({ text: 'x' });
  const report = await db.sync.now();
  assert.equal(report.pushed, 0);
  await until(async () => (await db.outbox.list())[0].lastError?.code === 'BAD_RESPONSE');
  assert.equal(await notes.get('pending-1-abc'), undefined);
  assert.equal((await notes.get(write.id)).text, 'x');
  await db.close();
});
