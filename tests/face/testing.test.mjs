// The test kit: its server, its clock, and that replays find what is wrong with an adapter and nothing where nothing is.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const { FakeClock, FakeServer, openMemory, replay } = await import('../../dist/testing.js');

const collections = { notes: {} };
const TIMES = { startDelay: 0, pullInterval: 0, backoff: { base: 10, max: 40, jitter: 'none' } };
const through = (server, more = {}) => ({ url: server.url, fetch: server.fetch, ...TIMES, ...more });

test('a database in memory against the fake server: both ways, with faults on order', async () => {
  const server = new FakeServer();
  const db = await openMemory({ collections, sync: through(server) });
  const notes = db.collection('notes');
  server.fail({ match: (request) => request.method === 'POST', times: 2, drop: 'after' }, { status: 500, times: 1 });
  const { id } = await (await notes.put({ text: 'a' })).synced;
  assert.deepEqual(
    server.docs('notes').map((doc) => [doc.id, doc.text]),
    [[id, 'a']],
  );
  assert.ok(server.requests.filter((one) => one.method === 'POST').length >= 3);
  server.put('notes', { id: 'other', text: 'b' });
  server.patch('notes', id, { seen: true });
  await db.sync.now();
  assert.deepEqual([(await notes.get('other')).text, (await notes.get(id)).seen], ['b', true]);
  server.remove('notes', 'other');
  server.forget();
  await db.sync.now();
  assert.equal(await notes.get('other'), undefined);
  server.fail({ match: (request) => request.method === 'PATCH', conflict: true });
  assert.equal((await (await notes.patch(id, { text: 'c' })).synced).doc.text, 'c');
  server.offline = true;
  const write = await notes.patch(id, { text: 'd' });
  assert.equal((await db.sync.now()).pushed, 0);
  server.heal();
  await db.sync.now();
  await write.synced;
  assert.equal(server.docs('notes')[0].text, 'd');
  await db.close();
});

test('the fake server keeps the profile: keys, revisions, pages, batches', async () => {
  const server = new FakeServer();
  const ask = async (method, path, body, headers = {}) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await server.fetch(`${server.url}/${path}`, { method, body: text, headers });
    const { status } = response;
    return {
      status,
      etag: response.headers.get('etag'),
      body: status === 204 || status === 304 ? undefined : await response.json(),
    };
  };
  const key = { 'idempotency-key': '"k1"' };
  const made = await ask('POST', 'notes', { n: 1 }, key);
  assert.deepEqual([made.status, made.body.n, made.etag], [201, 1, '"1"']);
  assert.deepEqual((await ask('POST', 'notes', { n: 1 }, key)).body, made.body);
  assert.equal((await ask('POST', 'notes', { n: 2 }, key)).status, 422);
  const { id } = made.body;
  assert.equal((await ask('PUT', `notes/${id}`, { n: 3 }, { 'if-none-match': '*' })).status, 412);
  assert.equal((await ask('PATCH', `notes/${id}`, { n: 3 }, { 'if-match': '"7"' })).status, 412);
  assert.equal((await ask('PATCH', `notes/${id}`, { n: 3, m: { a: 1 } }, { 'if-match': '"1"' })).status, 200);
  assert.deepEqual((await ask('PATCH', `notes/${id}`, { m: { a: null, b: 2 } })).body.m, { b: 2 });
  for (let i = 0; i < 5; i++) server.put('notes', { id: `n${i}`, i });
  server.remove('notes', 'n0');
  server.put('others', { id: 'o' });
  const seen = [];
  let since = '';
  for (;;) {
    const { body } = await ask('GET', `notes?limit=2${since}`);
    seen.push(...body.items);
    since = `&since=${body.checkpoint}`;
    if (!body.hasMore) break;
  }
  assert.deepEqual(
    seen.map((one) => [one.id, one.deleted ?? false]),
    [
      [id, false],
      ['n1', false],
      ['n2', false],
      ['n3', false],
      ['n4', false],
      ['n0', true],
    ],
  );
  const last = await ask('GET', `notes?limit=2${since}`);
  assert.equal((await ask('GET', `notes?limit=2${since}`, undefined, { 'if-none-match': last.etag })).status, 304);
  const changes = [
    { mutationId: 'm1', idempotencyKey: 'b1', collection: 'notes', id: 'x', kind: 'create', doc: { n: 1 } },
    {
      mutationId: 'm2',
      idempotencyKey: 'b2',
      collection: 'notes',
      id: 'n1',
      kind: 'update',
      changes: {},
      revision: '9',
    },
  ];
  const whole = await ask('POST', '_batch', { changes, atomic: true });
  assert.deepEqual(
    whole.body.results.map((one) => one.status),
    [424, 412],
  );
  assert.equal((await ask('GET', 'notes/x')).status, 404);
  const each = await ask('POST', '_batch', { changes, atomic: false });
  assert.deepEqual(
    each.body.results.map((one) => [one.status, one.id]),
    [
      [201, 'x'],
      [412, 'n1'],
    ],
  );
  assert.equal((await ask('GET', '_health')).status, 204);
  server.forget();
  assert.equal((await ask('GET', `notes?limit=2${since}`)).status, 410);
});

test('the clock stands until it is told, and time in the engine is its time', async () => {
  const clock = new FakeClock();
  const back = clock.install();
  try {
    const server = new FakeServer();
    const db = await openMemory({
      collections,
      sync: { url: server.url, fetch: server.fetch, startDelay: 0, pullInterval: 0 },
    });
    server.offline = true;
    const write = await db.collection('notes').put({ text: 'a' });
    let synced = false;
    write.synced.then(() => {
      synced = true;
    });
    await clock.advance(3_600_000);
    assert.ok(server.requests.length > 5);
    assert.equal(synced, false);
    server.offline = false;
    assert.equal(await clock.until(() => synced), true);
    assert.equal(Date.now(), clock.now());
    await db.close();
  } finally {
    back();
  }
  assert.ok(Date.now() > 1_750_000_000_000);
});

test('news: a stream tells what changed, goes on after the last event, and ends when nothing gets through', async () => {
  const server = new FakeServer();
  const db = await openMemory({
    collections,
    sync: through(server, { rest: { events: true }, pullInterval: 3_600_000 }),
  });
  const notes = db.collection('notes');
  const arrived = (id) =>
    new Promise((resolve) => {
      notes.live().subscribe(({ rows }) => {
        if (rows.some((row) => row.id === id)) resolve();
      });
    });
  await db.sync.now();
  server.put('notes', { id: 'told', text: 'a' });
  await arrived('told');
  const opened = () => server.requests.filter((one) => one.path === '_events').length;
  assert.equal(opened(), 1);
  server.offline = true;
  server.put('notes', { id: 'missed', text: 'b' });
  server.offline = false;
  await arrived('missed');
  assert.ok(opened() > 1);
  await db.close();
});

test('the clock repeats what is to be repeated, until that is ended', async () => {
  const clock = new FakeClock();
  const back = clock.install();
  try {
    const seen = [];
    const timer = setInterval(() => seen.push(clock.now()), 100);
    const start = clock.now();
    await clock.advance(350);
    clearInterval(timer);
    await clock.advance(1_000);
    assert.deepEqual(
      seen.map((at) => at - start),
      [100, 200, 300],
    );
  } finally {
    back();
  }
});

/** An adapter over the fake server; `wrong` makes one mistake. */
const adapterOf = (wrong) => (server) => {
  const ask = async (method, path, { key, body, revision, fresh } = {}) => {
    const headers = {};
    if (key !== undefined && wrong !== 'forgets the key') headers['idempotency-key'] = `"${key}"`;
    if (revision !== undefined) headers['if-match'] = `"${revision}"`;
    if (fresh) headers['if-none-match'] = '*';
    const response = await server.fetch(`${server.url}/${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const doc = response.status === 204 ? undefined : await response.json();
    return { status: response.status, doc, revision: response.headers.get('etag')?.replaceAll('"', '') };
  };
  const send = ({ kind, id, collection, doc, changes, revision, idempotencyKey: key }) => {
    const makes = kind === 'create' && id.startsWith('pending-');
    if (makes) return ask('POST', collection, { key, body: doc });
    if (kind === 'delete') return ask('DELETE', `${collection}/${id}`, { key, revision });
    if (changes) return ask('PATCH', `${collection}/${id}`, { key, body: changes, revision });
    return ask('PUT', `${collection}/${id}`, { key, body: doc, revision, fresh: kind === 'create' });
  };
  return {
    async push(changes) {
      const results = [];
      for (const change of changes) {
        const { mutationId } = change;
        try {
          const { status, doc, revision } = await send(change);
          if (status === 412) results.push({ mutationId, status: 'conflict', doc, revision });
          else if (status < 300) results.push({ mutationId, status: 'ok', id: doc?.id, doc, revision });
          else results.push({ mutationId, status: 'retry' });
        } catch (error) {
          if (wrong !== 'swallows failures') throw error;
          results.push({ mutationId, status: 'ok', id: change.id });
        }
      }
      return results;
    },
    async pull({ collection, checkpoint, limit }) {
      const since = checkpoint === undefined ? '' : `&since=${checkpoint}`;
      const { doc } = await ask('GET', `${collection}?limit=${limit}${since}`);
      const docs =
        wrong === 'drops a field'
          ? doc.items.map((one) => ({ ...one, doc: { ...one.doc, text: undefined } }))
          : doc.items;
      if (wrong === 'skips news' && checkpoint !== undefined)
        return { docs: [], checkpoint: doc.checkpoint, hasMore: false };
      return { ...doc, docs: JSON.parse(JSON.stringify(docs)) };
    },
  };
};

const OPTIONS = { collections, schedules: 12, seed: 1 };

test('replays of the library itself and of a right adapter find nothing', async () => {
  for (const adapter of [undefined, adapterOf()]) {
    const report = await replay({ ...OPTIONS, ...(adapter && { adapter }) });
    assert.deepEqual(report.violations, []);
    assert.ok(report.writes > 100);
  }
});

for (const wrong of ['forgets the key', 'swallows failures', 'drops a field', 'skips news']) {
  test(`replays find an adapter that ${wrong}, and the same again from its seed`, async () => {
    const options = { ...OPTIONS, schedules: 20, adapter: adapterOf(wrong) };
    const { violations } = await replay(options);
    assert.ok(violations.length > 0);
    const [{ seed, message, trace }] = violations;
    const again = await replay({ ...options, seed, schedules: 1 });
    assert.deepEqual(again.violations, [{ seed, message, trace }]);
  });
}

test('an adapter that says yes and does nothing is found', async () => {
  const idle = {
    push: async (changes) =>
      changes.map(({ mutationId, id }) => ({ mutationId, status: 'ok', id: `s${id.slice(-6)}` })),
  };
  const { violations } = await replay({ ...OPTIONS, schedules: 2, adapter: () => idle });
  assert.deepEqual(violations.length, 2);
});

/** Takes each field from the side that changed it. */
const byField = ({ base = {}, local, remote }) => {
  if (!local || !remote) return remote ?? null;
  const out = { ...remote };
  for (const [field, value] of Object.entries(local)) {
    if (field !== 'updatedAt' && JSON.stringify(value) !== JSON.stringify(base[field])) out[field] = value;
  }
  return out;
};
const resolving = (conflict) => ({ ...OPTIONS, schedules: 15, collections: { notes: { conflict } } });

test('replays of a right conflict function find nothing', async () => {
  let calls = 0;
  const counted = (conflict) => {
    calls += 1;
    return byField(conflict);
  };
  const { violations } = await replay(resolving(counted));
  assert.deepEqual(violations, []);
  assert.ok(calls > 10);
});

const WRONG_RESOLVERS = {
  'drops a field': (conflict) => ({ ...byField(conflict), text: undefined }),
  'loses a field': (conflict) => {
    const { text, ...rest } = byField(conflict);
    return rest;
  },
  'takes its own side whole': ({ local, remote }) => local ?? remote ?? null,
  'takes the other side whole': ({ remote }) => remote ?? null,
  throws: () => {
    throw new Error('mine');
  },
};
for (const [what, conflict] of Object.entries(WRONG_RESOLVERS)) {
  test(`replays find a conflict function that ${what}`, async () => {
    const { violations } = await replay(resolving(conflict));
    assert.ok(violations.length > 0);
    const again = await replay({ ...resolving(conflict), seed: violations[0].seed, schedules: 1 });
    assert.deepEqual(again.violations, [violations[0]]);
  });
}

for (const conflict of ['manual', 'merge', () => 'manual']) {
  test(`replays take what waits for a person's choice as kept: ${conflict}`, async () => {
    const { violations } = await replay({ ...OPTIONS, collections: { notes: { conflict } } });
    assert.deepEqual(violations, []);
  });
}

test('devices die, also while they write; servers refuse, forget, and hear of others', async () => {
  const seen = new Set();
  const fails = { check: () => 'show the trace' };
  const { violations } = await replay({ ...OPTIONS, schedules: 6, ...fails });
  for (const line of violations.flatMap((one) => one.trace)) {
    for (const what of [
      'killed',
      'closed',
      '(refused)',
      'somebody else',
      '410',
      '(before)',
      '(after)',
      '(twice)',
      '(slow)',
    ])
      if (line.includes(what)) seen.add(what);
  }
  assert.deepEqual(violations.length, 6);
  assert.equal(seen.size, 9);
});

test('a device that dies gives nothing back: the next one waits for its lease', async () => {
  const clock = new FakeClock();
  const back = clock.install();
  try {
    const server = new FakeServer();
    const { open } = await import('seakeep');
    const options = { storage: 'memory', collections, sync: { url: server.url, fetch: server.fetch, startDelay: 0 } };
    const first = await open('dies', options);
    assert.ok(await clock.until(() => first.sync.status.leader));
    first[Symbol.for('seakeep.abandon')]();
    assert.throws(() => first.collection('notes'), { code: 'CLOSED' });
    const second = await open('dies', options);
    const write = await second.collection('notes').put({ text: 'b' });
    const since = clock.now();
    assert.ok(await clock.until(() => server.docs('notes').length > 0));
    assert.ok(clock.now() - since > 5_000, 'not before the lease has run out');
    assert.ok(clock.now() - since < 31_000, 'within two terms');
    await write.synced;
    await second.close();
  } finally {
    back();
  }
});

test('own documents and rules of the app', async () => {
  const options = {
    ...OPTIONS,
    schedules: 3,
    create: (random) => ({ sum: Math.floor(random() * 10) }),
    change: (doc) => ({ sum: doc.sum + 1 }),
    removes: true,
    check: (collection, docs) => (docs.some((doc) => doc.sum > 5) ? `${collection} too large` : undefined),
  };
  const { violations } = await replay(options);
  assert.ok(violations.every((one) => one.message === 'notes: notes too large'));
  assert.ok(violations.length > 0);
  await assert.rejects(async () => Promise.all([replay(options), replay(options)]));
});
