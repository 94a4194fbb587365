// Adapters on the real module in memory: what they are told, what their answers mean, and what a wrong one is answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backend, start } from './adapter-backend.mjs';
import { until } from './modules.mjs';
import { failure, seakeep } from './package.mjs';

const { open, increment } = seakeep;

test('changes go out with all that an adapter needs, and come back with the server’s ids', async () => {
  const { adapter, docs, seen } = backend();
  const { db, notes } = await start(adapter);
  const write = await notes.put({ text: 'one' });
  const { id, revision } = await write.synced;
  assert.deepEqual([id, revision], ['s1', 'r1']);
  const [[change]] = seen.pushes;
  const { mutationId, idempotencyKey, createdAt, ...rest } = change;
  assert.deepEqual(rest, { collection: 'notes', id: write.id, kind: 'create', attempt: 1, doc: { text: 'one' } });
  assert.equal(mutationId, write.mutationId);
  assert.equal(typeof idempotencyKey, 'string');
  assert.ok(Math.abs(createdAt - Date.now()) < 10_000);
  await (await notes.patch(id, { text: 'two', more: [1, { x: 'ä' }] })).synced;
  assert.deepEqual(seen.pushes[1][0].changes, { text: 'two', more: [1, { x: 'ä' }] });
  assert.equal(seen.pushes[1][0].revision, 'r1');
  await (await notes.remove(id)).synced;
  assert.equal(docs.get('notes/s1').doc, undefined);
  const odd = await db.collection('odd names/%').put({ id: 'x/y ?#%', n: 1 });
  await odd.synced;
  assert.deepEqual(docs.get('odd names/%/x/y ?#%').doc, { id: 'x/y ?#%', n: 1 });
  assert.equal(await db.outbox.count(), 0);
  await db.close();
});

test('a conflict is settled like that of a server, and an increment is computed anew', async () => {
  const { adapter, store } = backend();
  const { db, notes } = await start(adapter, { auto: false });
  store('notes', 'c', { id: 'c', n: 1, mine: 'x', theirs: 'x' });
  await db.sync.now();
  store('notes', 'c', { id: 'c', n: 10, mine: 'x', theirs: 'y' });
  const write = await notes.patch('c', { n: increment(5), mine: 'z' });
  await db.sync.now({ pull: false });
  assert.deepEqual((await write.synced).doc, { id: 'c', n: 15, mine: 'z', theirs: 'y' });
  await db.close();
});

test('refusals park with their code and fields, "retry" counts unless it says when', async () => {
  const answers = [
    { status: 'rejected', code: 'VALIDATION', fields: { text: 'too short' } },
    { status: 'rejected', code: 'FORBIDDEN' },
    { status: 'rejected', code: 'SOMETHING_ELSE', message: 'no' },
    { status: 'retry' },
  ];
  for (const [i, code] of ['VALIDATION', 'FORBIDDEN', 'CLIENT', 'SERVER'].entries()) {
    const { adapter } = backend({ push: async ([change]) => [{ mutationId: change.mutationId, ...answers[i] }] });
    const { db, notes } = await start(adapter, { maxAttempts: 2 });
    const error = await failure(async () => (await notes.put({ id: 'a', text: 'x' })).synced);
    assert.deepEqual([error.code, error.parked], [code, true]);
    if (i === 0) assert.deepEqual(error.fields, { text: 'too short' });
    await db.close();
  }
  let calls = 0;
  const { adapter, honest } = backend({
    push: async (changes, context) => {
      calls += 1;
      return calls < 4
        ? changes.map(({ mutationId }) => ({ mutationId, status: 'retry', after: 1 }))
        : honest.push(changes, context);
    },
  });
  const { db, notes } = await start(adapter, { maxAttempts: 1 });
  const write = await notes.put({ id: 'a' });
  await write.synced;
  assert.equal(calls, 4);
  await db.close();
});

const WRONG = {
  'no array': () => ({ status: 'ok' }),
  nothing: () => undefined,
  'an empty array': () => [],
  'results of others': () => [{ mutationId: 'other', status: 'ok' }, null, 7],
  'another status': ([change]) => [{ mutationId: change.mutationId, status: 'fine' }],
  'an id that is no id': ([change]) => [{ mutationId: change.mutationId, status: 'ok', id: '' }],
  'no id where one was wanted': ([change]) => [{ mutationId: change.mutationId, status: 'ok' }],
  'a temporary id': ([change]) => [{ mutationId: change.mutationId, status: 'ok', id: change.id }],
  'a document that is none': ([change]) => [{ mutationId: change.mutationId, status: 'ok', id: 's', doc: new Date() }],
  'a document with a function': ([change]) => [
    { mutationId: change.mutationId, status: 'ok', id: 's', doc: { f() {} } },
  ],
  'a revision that is none': ([change]) => [{ mutationId: change.mutationId, status: 'ok', id: 's', revision: 'a\nb' }],
  'a conflict without a document': ([change]) => [{ mutationId: change.mutationId, status: 'conflict' }],
  'a time that is none': ([change]) => [{ mutationId: change.mutationId, status: 'retry', after: 'soon' }],
};
for (const [what, push] of Object.entries(WRONG)) {
  test(`push() that gives ${what}: counted, parked, told, and nothing lost`, async () => {
    const { db, notes, warnings } = await start({ push: async (changes) => push(changes) }, { maxAttempts: 2 });
    const error = await failure(async () => (await notes.put({ text: 'canary-1f' })).synced);
    assert.deepEqual([error.code, error.parked], ['ADAPTER_RESULT', true]);
    assert.ok(warnings().length > 0);
    assert.ok(!warnings().join().includes('canary'));
    const [row] = await db.outbox.list();
    assert.deepEqual([row.state, row.data.text], ['parked', 'canary-1f']);
    await db.close();
  });
}

test('many changes go in one call, and a transaction in order up to the first that is refused', async () => {
  const { adapter, honest, docs, seen } = backend();
  const { db, notes } = await start(adapter, { auto: false });
  await notes.putMany(['a', 'b', 'c', 'd'].map((id) => ({ id, n: 0 })));
  await db.sync.now({ pull: false });
  assert.deepEqual(
    seen.pushes.map((changes) => changes.map((change) => [change.id, change.attempt, typeof change.createdAt])),
    [['a', 'b', 'c', 'd'].map((id) => [id, 1, 'number'])],
  );
  adapter.push = async (changes, context) => {
    const bad = changes.find((change) => change.id === 'b');
    return bad
      ? [{ mutationId: bad.mutationId, status: 'rejected', code: 'FORBIDDEN' }]
      : honest.push(changes, context);
  };
  await db.transaction(['notes'], async (tx) => {
    for (const id of ['a', 'b', 'c']) await tx.collection('notes').patch(id, { n: 1 });
  });
  await notes.patch('d', { n: 1 });
  await db.sync.now({ pull: false });
  assert.deepEqual(
    (await db.outbox.list()).map((row) => [row.id, row.state]),
    [
      ['b', 'parked'],
      ['c', 'waiting'],
    ],
  );
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((id) => docs.get(`notes/${id}`).doc.n),
    [1, 0, 0, 1],
  );
  await db.close();
});

test('push() that throws counts nothing, and is tried again', async () => {
  let calls = 0;
  const { adapter, honest } = backend();
  adapter.push = async (...args) => {
    calls += 1;
    if (calls < 4) throw new TypeError('secret');
    return honest.push(...args);
  };
  const { db, notes, log } = await start(adapter, { maxAttempts: 1 });
  await (await notes.put({ id: 'a' })).synced;
  assert.equal(calls, 4);
  assert.ok(!JSON.stringify(log).includes('secret'));
  await db.close();
});

test('push() that hangs is given up with its signal, and its late result does no harm', async () => {
  const { adapter, honest } = backend();
  const calls = [];
  adapter.push = (changes, context) => {
    calls.push(context.signal);
    if (calls.length > 1) return honest.push(changes, context);
    return new Promise((resolve) => setTimeout(() => resolve(honest.push(changes, context)), 1600));
  };
  const { db, notes } = await start(adapter);
  await (await notes.put({ id: 'a', n: 1 })).synced;
  assert.deepEqual(
    calls.map((signal) => signal.aborted),
    [true, false],
  );
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual(await notes.get('a'), { id: 'a', n: 1 });
  await db.close();
});

test('headers come from auth at each call; where it throws sync waits for a login', async () => {
  const { adapter, honest } = backend();
  const tokens = [];
  adapter.push = async (changes, context) => {
    tokens.push((await context.headers()).get('authorization'));
    return honest.push(changes, context);
  };
  let token = 0;
  const auth = () => {
    token += 1;
    if (token > 1) throw new Error('no session');
    return { authorization: `Bearer ${token}` };
  };
  const { db, notes } = await start(adapter, { auth });
  await (await notes.put({ id: 'a' })).synced;
  await notes.put({ id: 'b' });
  await until(() => db.sync.status.state === 'needs-auth');
  assert.deepEqual(tokens, ['Bearer 1']);
  assert.equal(await db.outbox.count(), 1);
  await db.close();
});

test('options that cannot be', async () => {
  const push = async () => [];
  const wrong = [
    [{ adapter: 7 }, 'CONFIG_TYPE'],
    [{ adapter: {} }, 'CONFIG_TYPE'],
    [{ adapter: { push, pull: 1 } }, 'CONFIG_TYPE'],
    [{ adapter: { push, subscribe: 'x' } }, 'CONFIG_TYPE'],
    [{ adapter: { push }, url: 'https://x.test' }, 'CONFIG_INVALID'],
    [{}, 'CONFIG_REQUIRED'],
  ];
  for (const [sync, code] of wrong) {
    const error = await failure(() => open('wrong', { storage: 'memory', collections: { notes: {} }, sync }));
    assert.equal(error.code, code);
  }
});
