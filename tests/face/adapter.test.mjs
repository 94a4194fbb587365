// Adapters on the real module in memory: what they are told, what their answers mean, and what a wrong one is answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './modules.mjs';
import { failure, seakeep } from './package.mjs';

const { open, increment } = seakeep;
const TIMES = {
  startDelay: 0,
  interval: 1000,
  pullInterval: 0,
  backoff: { base: 10, max: 40, jitter: 'none' },
  timeout: 1000,
};
let made = 0;

/** A back end in memory behind an adapter; `twist` replaces its functions. */
function backend(twist = {}) {
  const docs = new Map();
  const results = new Map();
  const log = [];
  const seen = { pushes: [], pulls: [], contexts: [] };
  let revision = 0;
  const store = (collection, id, doc) => {
    revision += 1;
    docs.set(`${collection}/${id}`, { id, revision: `r${revision}`, doc });
    log.push({ collection, id });
    return { revision: `r${revision}` };
  };
  const execute = (change) => {
    const { collection, kind, mutationId } = change;
    const before = docs.get(`${collection}/${change.id}`);
    if (kind === 'create') {
      const id = change.id.startsWith('pending-') ? `s${docs.size + 1}` : change.id;
      return { mutationId, status: 'ok', id, ...store(collection, id, { ...change.doc, id }) };
    }
    if (before?.doc === undefined) return { mutationId, status: 'conflict', doc: null };
    if (change.revision !== before.revision)
      return { mutationId, status: 'conflict', doc: before.doc, revision: before.revision };
    if (kind === 'delete') return { mutationId, status: 'ok', ...store(collection, change.id, undefined) };
    const doc = { ...(change.doc ?? before.doc), ...change.changes, id: change.id };
    for (const [field, value] of Object.entries(change.changes ?? {})) if (value === null) delete doc[field];
    return { mutationId, status: 'ok', doc, ...store(collection, change.id, doc) };
  };
  const adapter = {
    async push(changes, context) {
      seen.pushes.push(changes);
      seen.contexts.push(context);
      return changes.map((change) => {
        if (!results.has(change.idempotencyKey)) results.set(change.idempotencyKey, execute(change));
        const result = results.get(change.idempotencyKey);
        if (result.status !== 'ok') results.delete(change.idempotencyKey);
        return result;
      });
    },
    async pull({ collection, checkpoint = 0, limit }, context) {
      seen.pulls.push({ collection, checkpoint, limit });
      seen.contexts.push(context);
      const of = log.slice(checkpoint, checkpoint + limit);
      const page = of
        .filter((one) => one.collection === collection)
        .map(({ id }) => {
          const { revision, doc } = docs.get(`${collection}/${id}`);
          return doc === undefined ? { id, revision, deleted: true } : { id, revision, doc };
        });
      return { docs: page, checkpoint: checkpoint + of.length, hasMore: checkpoint + of.length < log.length };
    },
  };
  return { adapter: { ...adapter, ...twist }, honest: adapter, docs, seen, store };
}

async function start(adapter, options = {}) {
  made += 1;
  const log = [];
  const db = await open(`adapter-${made}`, {
    storage: 'memory',
    collections: { notes: {}, 'odd names/%': { path: 'a/b' } },
    log: (entry) => log.push(entry),
    sync: { adapter, ...TIMES, ...options },
  });
  return {
    db,
    notes: db.collection('notes'),
    log,
    warnings: () => log.filter((one) => one.scope === 'adapter').map((one) => one.message),
  };
}

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

test('pulls go page by page from a checkpoint of any JSON, and a deletion arrives', async () => {
  const { adapter, honest, seen, store } = backend();
  for (let i = 0; i < 5; i++) store('notes', `n${i}`, { id: `n${i}`, i });
  adapter.pull = async (request, context) => {
    const { checkpoint, ...page } = await honest.pull(
      { ...request, checkpoint: request.checkpoint?.at, limit: 2 },
      context,
    );
    return { ...page, checkpoint: { at: checkpoint, note: 'ü "' } };
  };
  const { db, notes } = await start(adapter);
  await db.sync.now();
  assert.equal(await notes.count(), 5);
  store('notes', 'n1', undefined);
  store('notes', 'n2', { id: 'n2', i: 22 });
  await db.sync.now();
  assert.deepEqual(
    (await notes.query()).map((doc) => doc.i),
    [0, 22, 3, 4],
  );
  const last = seen.pulls.filter((one) => one.collection === 'notes').at(-1);
  assert.equal(last.checkpoint, 5);
  await db.close();
});

test('without pull nothing is asked for, nothing is swept, and lists are complete', async () => {
  const { adapter } = backend({ pull: undefined });
  const { db, notes } = await start(adapter);
  await (await notes.put({ id: 'a' })).synced;
  await db.sync.now({ full: true });
  await notes.refresh({ full: true });
  assert.equal(await notes.count(), 1);
  const live = notes.live();
  await until(() => live.current.loaded);
  assert.equal(live.current.complete, true);
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

test('what a wrong pull gives changes nothing and is told', async () => {
  const doc = { id: 'a' };
  const pages = [
    undefined,
    [],
    { docs: {} },
    { docs: [], hasMore: 'yes' },
    { docs: [7], hasMore: false },
    { docs: [{ doc }], hasMore: false },
    { docs: [{ id: 'a' }], hasMore: false },
    { docs: [{ id: 'a', doc: { at: new Date() } }], hasMore: false },
    { docs: [{ id: 'a', doc, revision: {} }], hasMore: false },
    { docs: [{ id: 'pending-1-x', doc }], hasMore: false },
    { docs: [{ id: 'a', doc }], hasMore: false, checkpoint: () => 1 },
    { docs: [], hasMore: true, resync: true },
  ];
  for (const page of pages) {
    const { db, notes, warnings } = await start({ ...backend().adapter, pull: async () => page });
    await db.sync.now();
    assert.equal(db.sync.status.error?.code, 'ADAPTER_RESULT', JSON.stringify(page));
    assert.equal(await notes.count(), 0);
    assert.ok(warnings().length > 0);
    await db.close();
  }
});

test('a resync pulls everything again and keeps what waits', async () => {
  const { adapter, honest, store } = backend();
  store('notes', 'old', { id: 'old' });
  let forget = false;
  adapter.pull = (request, context) =>
    forget && request.checkpoint !== undefined
      ? { docs: [], checkpoint: null, hasMore: false, resync: true }
      : honest.pull(request, context);
  const { db, notes } = await start(adapter, { auto: false });
  await db.sync.now();
  await notes.put({ id: 'mine' });
  forget = true;
  await db.sync.now({ push: false });
  assert.deepEqual(
    (await notes.query()).map((one) => one.id),
    ['mine', 'old'],
  );
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

test('news pull at once, are heard only while sync runs, and end with the database', async () => {
  const { adapter, store } = backend();
  const heard = [];
  adapter.subscribe = (notify, context) => {
    heard.push({ notify, context, stopped: false });
    const mine = heard.at(-1);
    return () => {
      mine.stopped = true;
    };
  };
  const { db, notes, warnings } = await start(adapter);
  await db.sync.now();
  for (const which of ['notes', undefined, 'nonsense']) {
    store('notes', `n-${which}`, { id: `n-${which}` });
    heard[0].notify(which);
    await until(async () => (await notes.get(`n-${which}`)) !== undefined, `news of ${which}`);
  }
  assert.equal(warnings().length, 1);
  db.sync.stop();
  assert.deepEqual([heard.length, heard[0].stopped, heard[0].context.signal.aborted], [1, true, true]);
  db.sync.start();
  assert.equal(heard.length, 2);
  await db.close();
  assert.equal(heard[1].stopped, true);
  heard[1].notify('notes');
  const broken = backend({
    subscribe: () => {
      throw new Error('x');
    },
  });
  const second = await start(broken.adapter);
  await (await second.notes.put({ id: 'a' })).synced;
  await second.db.close();
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
