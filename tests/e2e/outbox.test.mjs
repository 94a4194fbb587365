// A-02 and what a person can do with a change that will not go: the pending record, retry, discard, edit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

const failing = { match: { method: 'POST' }, times: 0, fault: { status: 500, body: { title: 'Broken' } } };

test('A-02 the pending record in IndexedDB: tempId, data, createdAt, retryCount, lastError; listed, counted up, removed', async (t) => {
  const { page, server } = await world(t);
  await server.order(failing);
  const before = Date.now();
  const write = await page.evaluate(async () => {
    await begin({ sync: { maxAttempts: 100 } });
    const { id, doc } = await assistants.put({ name: 'Ada', category: 'work' });
    return { id, doc };
  });
  assert.match(write.id, /^pending-\d{13}-[\w-]{6,}$/);
  const first = await until('a counted retry', () =>
    page.evaluate(async () => (await raw('pending')).find((row) => row.retryCount > 0)),
  );
  assert.equal(first.tempId, write.id);
  assert.deepEqual(first.data, { id: write.id, name: 'Ada', category: 'work' });
  assert.ok(first.createdAt >= before && first.createdAt <= Date.now());
  assert.equal(first.lastError.code, 'SERVER');
  assert.equal(first.lastError.status, 500);
  await until('the count to go up', () =>
    page.evaluate(async (count) => (await raw('pending'))[0].retryCount > count, first.retryCount),
  );
  await page.evaluate(() => db.sync.hold('to look at it'));
  const { listed, stored } = await until('a row at rest', () =>
    page.evaluate(async () => {
      const both = { listed: await db.outbox.list(), stored: await raw('pending') };
      return both.stored[0].state === 'waiting' && both;
    }),
  );
  assert.equal(listed.length, 1);
  for (const field of [
    'seq',
    'mutationId',
    'idempotencyKey',
    'collection',
    'tempId',
    'kind',
    'createdAt',
    'retryCount',
  ])
    assert.equal(listed[0][field], stored[0][field], field);
  assert.equal(listed[0].lastError.userMessage.length > 0, true);
  await page.evaluate(async () => db.outbox.discard((await db.outbox.list())[0].mutationId));
  const rest = await page.evaluate(async () => ({ pending: await raw('pending'), rows: await raw('assistants') }));
  assert.deepEqual(rest, { pending: [], rows: [] });
  assert.deepEqual(await server.documents(), []);
});

test('500 five times parks a change, visibly; retry() sends it with the same key', async (t) => {
  const { page, server } = await world(t);
  await server.order({ ...failing, times: 5 });
  await page.evaluate(async () => {
    await begin();
    follow(await assistants.put({ name: 'Ada' }));
  });
  const parked = await seen(page, 'parked');
  assert.equal(parked.attempts, 5);
  assert.equal(parked.success, false);
  assert.equal(parked.error.code, 'SERVER');
  const state = await page.evaluate(async () => ({
    stored: await raw('pending'),
    meta: await assistants.meta(followed[0].id),
    status: { pending: db.sync.status.pending, parked: db.sync.status.parked },
    error: followed[0].error,
  }));
  assert.equal(state.stored[0].state, 'parked');
  assert.equal(state.stored[0].retryCount, 5);
  assert.equal(state.meta.state, 'parked');
  assert.equal(state.meta.lastError.code, 'SERVER');
  assert.deepEqual(state.status, { pending: 0, parked: 1 });
  assert.equal(state.error.parked, true);
  assert.equal(state.error.code, 'SERVER');
  assert.equal((await server.log({ method: 'POST' })).length, 5, 'a parked change is left alone');

  assert.equal(await page.evaluate(() => db.outbox.retry(followed[0].mutationId)), 1);
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  assert.equal(posts.length, 6);
  assert.equal(new Set(posts.map((one) => one.key)).size, 1);
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['Ada'],
  );
});

test('discard() of a parked update restores what the server has', async (t) => {
  const { page, server } = await world(t);
  const { id } = await server.create({ name: 'Ada' });
  await server.order({ match: { method: 'PATCH' }, times: 0, fault: { status: 403 } });
  await page.evaluate(async (id) => {
    await begin();
    await assistants.refresh();
    follow(await assistants.patch(id, { name: 'Changed here' }));
  }, id);
  const parked = await seen(page, 'parked');
  assert.equal(parked.error.code, 'FORBIDDEN');
  assert.equal(parked.attempts, 1, '403 is no reason to try again');
  assert.equal((await page.evaluate((id) => assistants.get(id), id)).name, 'Changed here');
  await page.evaluate(() => db.outbox.discard(followed[0].mutationId));
  assert.equal((await page.evaluate((id) => assistants.get(id), id)).name, 'Ada');
  assert.equal((await page.evaluate(() => assistants.query()))[0].name, 'Ada');
  assert.deepEqual(await page.evaluate(() => raw('pending')), []);
  const unknown = await page.evaluate(() => outcome(() => db.outbox.discard('nothing-like-it')));
  assert.equal(unknown.error.code, 'MUTATION_UNKNOWN');
});

test('edit() replaces a parked document, and what is sent is the edited one under a key of its own', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin();
    follow(await assistants.put({ name: '', category: 'work' }));
  });
  const parked = await seen(page, 'parked');
  assert.equal(parked.error.code, 'VALIDATION');
  await page.evaluate(() => db.outbox.edit(followed[0].mutationId, { name: 'Named', category: 'work' }));
  await drained(page);
  const [doc] = await server.documents();
  assert.equal(doc.name, 'Named');
  const posts = await server.log({ method: 'POST' });
  assert.deepEqual(
    posts.map((one) => one.status),
    [422, 201],
  );
  assert.notEqual(posts[0].key, posts[1].key);
  assert.deepEqual(await page.evaluate((id) => assistants.get(id), doc.id), doc);
});

test('outbox.subscribe tells counts and the oldest change, list() filters by collection and state', async (t) => {
  const { page } = await world(t);
  await page.evaluate(async () => {
    await begin({ collections: { assistants: {}, notes: {} }, sync: { auto: false } });
    window.counts = [];
    db.outbox.subscribe((summary) => counts.push(summary));
    await assistants.put({ name: 'Ada' });
    await db.collection('notes').put({ text: 'One' });
    await db.collection('notes').put({ text: 'Two' });
  });
  await eventually('the counts', async () => {
    const last = await page.evaluate(() => counts.at(-1));
    assert.equal(last.pending, 3);
    assert.equal(last.parked, 0);
  });
  const { oldest, list, notes, parked, one } = await page.evaluate(async () => ({
    oldest: counts.at(-1).oldest,
    list: await db.outbox.list(),
    notes: await db.outbox.list({ collection: 'notes' }),
    parked: await db.outbox.count('parked'),
    one: await db.outbox.list({ after: (await db.outbox.list())[0].seq, limit: 1 }),
  }));
  assert.equal(oldest, list[0].createdAt);
  assert.deepEqual(
    list.map((change) => change.collection),
    ['assistants', 'notes', 'notes'],
  );
  assert.equal(notes.length, 2);
  assert.equal(parked, 0);
  assert.equal(one[0].seq, list[1].seq);
});
