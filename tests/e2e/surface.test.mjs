// The rest of the surface in a real browser: many at once, queries, settings, cancel, users, memory, destroy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { drained, reload, world } from './support/world.mjs';

const CREW = [
  { id: 'ada', name: 'Ada', category: 'work', rank: 3, owner: { id: 'u1' } },
  { id: 'grace', name: 'Grace', category: 'work', rank: 1, owner: { id: 'u2' } },
  { id: 'joan', name: 'Joan', category: 'home', rank: 2, owner: { id: 'u1' } },
  { id: 'mary', name: 'Mary', category: 'home', rank: null, owner: { id: 'u3' } },
  { id: 'zoe', name: 'Zoë', category: 'work', rank: 2 },
];

test('putMany, getMany, removeMany: all or nothing, in order, in one step', async (t) => {
  const { page, server } = await world(t);
  const seen = await page.evaluate(async (crew) => {
    await begin({ collections: { assistants: { indexes: [{ path: 'name', unique: true }] } }, sync: { auto: false } });
    const bulk = await assistants.putMany(crew);
    window.bulk = bulk;
    const many = await assistants.getMany(['mary', 'nobody', 'ada']);
    const refused = await outcome(() =>
      assistants.putMany([
        { id: 'new', name: 'New' },
        { id: 'bad', name: undefined },
      ]),
    );
    const missing = await outcome(() => assistants.removeMany(['ada', 'nobody']));
    const removed = await assistants.removeMany(['joan', 'zoe']);
    return {
      ids: bulk.ids,
      many,
      refused,
      missing,
      removed: removed.ids,
      left: await raw('assistants'),
      pending: await raw('pending'),
    };
  }, CREW);
  assert.deepEqual(seen.ids, ['ada', 'grace', 'joan', 'mary', 'zoe']);
  assert.deepEqual(
    seen.many.map((doc) => doc?.name ?? null),
    ['Mary', null, 'Ada'],
  );
  assert.equal(seen.refused.error.code, 'DOC_UNDEFINED');
  assert.equal(seen.missing.error.code, 'NOT_FOUND');
  assert.deepEqual(
    seen.left.map((row) => row.id),
    ['ada', 'grace', 'mary'],
  );
  assert.equal(seen.pending.length, 3, 'created and removed unsent leaves nothing');
  await page.evaluate(() => db.sync.start());
  await page.evaluate(() => bulk.synced.catch(() => {}));
  await drained(page);
  assert.deepEqual((await server.documents()).map((doc) => doc.id).sort(), ['ada', 'grace', 'mary']);
});

test('add, put, patch, remove: ALREADY_EXISTS, NOT_FOUND, null and undefined, increment', async (t) => {
  const { page } = await world(t);
  const seen = await page.evaluate(async ([ada]) => {
    await begin({ sync: null });
    await assistants.add(ada);
    const twice = await outcome(() => assistants.add(ada));
    const nobody = await outcome(() => assistants.patch('nobody', { name: 'x' }));
    const gone = await outcome(() => assistants.remove('nobody'));
    const { doc } = await assistants.patch('ada', { category: null, owner: undefined, rank: seakeep.increment(4) });
    const unsent = (await assistants.put({ name: 'Local' })).mutationId;
    await assistants.remove('ada');
    return { twice, nobody, gone, doc, unsent, after: await assistants.get('ada') };
  }, CREW);
  assert.equal(seen.twice.error.code, 'ALREADY_EXISTS');
  assert.equal(seen.nobody.error.code, 'NOT_FOUND');
  assert.equal(seen.gone.error.code, 'NOT_FOUND');
  assert.deepEqual(seen.doc, { id: 'ada', name: 'Ada', category: null, rank: 7 });
  assert.equal(seen.unsent, undefined, 'nothing will be sent of a local database');
  assert.equal(seen.after, undefined);
});

const queries = [
  ['all, by id', {}, ['ada', 'grace', 'joan', 'mary', 'zoe']],
  ['equality on an index', { where: { category: 'home' } }, ['joan', 'mary']],
  ['equality on a nested index', { where: { 'owner.id': 'u1' } }, ['ada', 'joan']],
  ['a range on an index', { where: { name: { gte: 'Grace', lt: 'Mary' } } }, ['grace', 'joan']],
  ['startsWith', { where: { name: { startsWith: 'Zo' } } }, ['zoe']],
  ['in', { where: { name: { in: ['Mary', 'Ada', 'Nobody'] } }, orderBy: 'name' }, ['ada', 'mary']],
  [
    'a compound index',
    { where: { category: 'work', rank: { gte: 2 } }, orderBy: ['category', 'rank'] },
    ['zoe', 'ada'],
  ],
  [
    'a compound index, descending',
    { where: { category: 'work' }, orderBy: ['category', 'rank'], direction: 'desc' },
    ['ada', 'zoe', 'grace'],
  ],
  ['a field without an index', { where: { rank: 2 } }, ['joan', 'zoe']],
  ['null', { where: { rank: null } }, ['mary']],
  ['order and limit', { orderBy: 'name', direction: 'desc', limit: 2 }, ['zoe', 'mary']],
];

test('query and count by single and compound indexes, ranges, order, limit and a filter in memory', async (t) => {
  const { page } = await world(t);
  const indexes = ['category', 'name', 'owner.id', ['category', 'rank']];
  await page.evaluate(
    async ([crew, indexes]) => {
      await begin({ collections: { assistants: { indexes } }, sync: null });
      await assistants.putMany(crew);
    },
    [CREW, indexes],
  );
  for (const [what, query, expected] of queries) {
    const { ids, count } = await page.evaluate(
      async (query) => ({
        ids: (await assistants.query(query)).map((doc) => doc.id),
        count: await assistants.count(query),
      }),
      query,
    );
    assert.deepEqual(ids, expected, what);
    assert.equal(count, expected.length, what);
  }
  const filtered = await page.evaluate(async () => {
    const query = { where: { category: 'work' }, orderBy: 'name', filter: (doc) => doc.rank !== 1, limit: 1 };
    return { docs: await assistants.query(query), count: await assistants.count({ filter: (doc) => doc.rank === 2 }) };
  });
  assert.deepEqual(
    filtered.docs.map((doc) => doc.id),
    ['ada'],
  );
  assert.equal(filtered.count, 2);
  const refused = await page.evaluate(() => outcome(() => assistants.query({ where: { name: { $gt: 'x' } } })));
  assert.equal(refused.error.code, 'QUERY_INVALID');
});

test('more than 10,000 documents are never silently cut', async (t) => {
  const { page } = await world(t);
  const seen = await page.evaluate(async () => {
    await begin({ sync: null, durability: 'relaxed' });
    await assistants.putMany(Array.from({ length: 10_000 }, (_, n) => ({ id: `d${n}`, name: `N${n}` })));
    const full = (await assistants.query()).length;
    await assistants.put({ id: 'last' });
    const cut = await outcome(() => assistants.query());
    const limited = (await assistants.query({ limit: 10_000 })).length;
    return { full, cut: cut.error?.code, limited, count: await assistants.count() };
  });
  assert.deepEqual(seen, { full: 10_000, cut: 'QUERY_TOO_LARGE', limited: 10_000, count: 10_001 });
});

test('cancel takes back what was not attempted, and says when it cannot', async (t) => {
  const { page, server } = await world(t);
  const seen = await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    const write = await assistants.put({ name: 'Ada' });
    follow(write);
    const cancelled = await write.cancel();
    const again = await write.cancel();
    const left = { rows: await raw('assistants'), pending: await raw('pending') };
    const sent = await assistants.put({ name: 'Grace' });
    await db.sync.now();
    return { cancelled, again, left, late: await sent.cancel() };
  });
  assert.deepEqual([seen.cancelled, seen.again, seen.late], [true, false, false]);
  assert.deepEqual(seen.left, { rows: [], pending: [] });
  const error = await until('the end of synced', () => page.evaluate(() => followed[0].error));
  assert.equal(error.code, 'DISCARDED');
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['Grace'],
  );
});

test('settings are kept across a reload, are never sent, and are told', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin();
    window.told = [];
    db.settings.subscribe('theme', (value) => told.push(value));
    await db.settings.set('theme', { dark: true, sizes: [1, 2] });
    await db.settings.set('gone', 1);
    await db.settings.remove('gone');
  });
  await until('told', () => page.evaluate(() => told.length > 0));
  await reload(page);
  const kept = await page.evaluate(async () => {
    await begin();
    return {
      theme: await db.settings.get('theme'),
      gone: await db.settings.get('gone'),
      stored: await raw('settings'),
    };
  });
  assert.deepEqual(kept.theme, { dark: true, sizes: [1, 2] });
  assert.equal(kept.gone, undefined);
  assert.equal(kept.stored.length, 1);
  assert.equal((await server.log({ writes: true })).length, 0);
});

test('two users of one device: neither reads or sends what is the other’s', async (t) => {
  const { page, server } = await world(t);
  const seen = await page.evaluate(async () => {
    await begin({ user: 'ada@example.org', sync: { auto: false } });
    await assistants.put({ id: 'hers', name: 'Hers' });
    await db.close();
    await begin({ user: 'grace@example.org' });
    await db.sync.now();
    const names = (await indexedDB.databases()).map((one) => one.name);
    return { all: await assistants.query(), pending: await db.outbox.count(), names };
  });
  assert.deepEqual(seen.all, []);
  assert.equal(seen.pending, 0);
  assert.equal(seen.names.length, 2);
  assert.ok(!seen.names.join().includes('@'), 'the name of a database does not tell the user');
  assert.deepEqual(await server.documents(), []);
});

test("storage: 'memory' syncs like any other and leaves nothing in the browser", async (t) => {
  const { page, server } = await world(t);
  await server.create({ name: 'There' });
  await page.evaluate(async () => {
    await begin({ storage: 'memory' });
    await (await assistants.put({ name: 'Here' })).synced;
    await db.sync.now();
  });
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['There', 'Here'],
  );
  const local = await page.evaluate(async () => ({
    names: (await assistants.query({ orderBy: 'name' })).map((doc) => doc.name),
    databases: await indexedDB.databases(),
  }));
  assert.deepEqual(local, { names: ['Here', 'There'], databases: [] });
});

test('destroy refuses while changes wait, and deletes everything when told so', async (t) => {
  const { page } = await world(t);
  const seen = await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    await assistants.put({ name: 'Unsent' });
    await db.close();
    const refused = await outcome(() => seakeep.destroy('e2e'));
    const still = (await raw('pending')).length;
    await seakeep.destroy('e2e', { discardPending: true });
    return { refused: refused.error?.code, still, databases: await indexedDB.databases() };
  });
  assert.deepEqual(seen, { refused: 'PENDING_EXIST', still: 1, databases: [] });
});
