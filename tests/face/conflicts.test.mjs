// Conflicts on the real module in memory: each strategy met on push and on pull, removals, functions that answer, throw,
// return garbage or nothing, the inbox and choices, two handles on one database, a conflict that outlives its handle.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './modules.mjs';
import { failure, seakeep } from './package.mjs';
import { versions } from './versions.mjs';

let made = 0;
const FIRST = { id: 'a', title: 'first', body: 'text', tags: ['x'], start: 1, end: 2 };

async function opened(server, name, notes) {
  const sync = { url: 'http://unit.test/api', fetch: server.fetch, auto: false, startDelay: 0, pullInterval: 0 };
  const db = await seakeep.open(name, { storage: 'memory', collections: { notes }, sync });
  const told = [];
  for (const event of ['conflict', 'resolved']) db.sync.on(event, (detail) => void told.push({ event, ...detail }));
  return { db, server, name, notes: db.collection('notes'), told };
}

/** A document that both sides know. */
async function both(notes = {}, first = FIRST) {
  const server = versions();
  server.change('a', first, 1_000);
  const world = await opened(server, `conflicts-${++made}`, notes);
  await world.db.sync.now();
  return world;
}

/** Both change it; the conflict is met when the change is sent, or when the other one is pulled. */
async function meet(world, ours, theirs, { by = 'push', at } = {}) {
  const { db, server, notes } = world;
  const write = ours === null ? await notes.remove('a') : await notes.patch('a', ours);
  if (theirs === null) server.remove('a', at);
  else server.change('a', theirs, at);
  if (by === 'pull') await db.sync.now({ push: false });
  await db.sync.now({ pull: false });
  return write;
}

const LATE = Date.now() + 3_600_000;
const EARLY = 2_000;
const plain = ({ updatedAt: _, ...doc }) => doc;

for (const by of ['push', 'pull']) {
  test(`fields, met on ${by}: each side's own fields, the later one where both changed`, async () => {
    const world = await both();
    const write = await meet(world, { title: 'ours', start: 5 }, { title: 'theirs', body: 'more' }, { by, at: LATE });
    await world.db.sync.now();
    const wanted = { ...FIRST, title: 'theirs', start: 5, body: 'more' };
    assert.deepEqual(plain(world.server.document('a')), wanted);
    assert.deepEqual(plain(await world.notes.get('a', { fresh: true })), wanted);
    assert.equal((await write.synced).doc.title, 'theirs');
    const [found, ended] = world.told;
    assert.deepEqual([found.event, ended.event, world.told.length], ['conflict', 'resolved', 2]);
    assert.equal(found.conflictId, ended.conflictId);
    assert.deepEqual([found.type, found.severity, found.status], ['edit-edit', 'medium', 'open']);
    assert.deepEqual([ended.status, ended.strategy, ended.result.title], ['resolved', 'fields', 'theirs']);
    assert.deepEqual(
      found.fields.map(({ path, base, local, remote }) => [path, base, local, remote]),
      [['title', 'first', 'ours', 'theirs']],
    );
    assert.ok(found.fields[0].remoteAt >= LATE && found.fields[0].localAt < LATE);
    const kept = await world.db.conflicts.list();
    assert.deepEqual([kept.length, kept[0].status, kept[0].mutationId], [1, 'resolved', write.mutationId]);
  });

  test(`fields, met on ${by}: here later, ours stays`, async () => {
    const world = await both();
    await meet(world, { title: 'ours' }, { title: 'theirs' }, { by, at: EARLY });
    await world.db.sync.now();
    assert.equal(world.server.document('a').title, 'ours');
  });

  test(`merge, met on ${by}: lists by what was added; what cannot be merged waits in the inbox`, async () => {
    const world = await both({ conflict: 'merge' });
    await meet(world, { tags: ['x', 'ours'] }, { tags: ['theirs', 'x'] }, { by });
    await world.db.sync.now();
    assert.deepEqual(world.server.document('a').tags, ['theirs', 'x', 'ours']);
    assert.equal(world.db.sync.status.conflicts, 0);
    await meet(world, { title: 'ours' }, { title: 'theirs' }, { by });
    const [open] = await world.db.conflicts.list({ status: 'open' });
    assert.deepEqual([open.fields.length, open.fields[0].path], [1, 'title']);
    assert.equal(world.db.sync.status.conflicts, 1);
    assert.equal((await world.notes.get('a')).title, 'ours', 'the app sees its own until somebody decides');
  });

  for (const [conflict, at, title, body] of [
    ['latest', LATE, 'theirs', 'more'],
    ['latest', EARLY, 'ours', 'text'],
    ['server', EARLY, 'theirs', 'more'],
    ['client', LATE, 'ours', 'text'],
  ]) {
    test(`${conflict}, met on ${by}, the server's change ${at === LATE ? 'later' : 'earlier'}: one side whole`, async () => {
      const world = await both({ conflict });
      await meet(world, { title: 'ours' }, { title: 'theirs', body: 'more' }, { by, at });
      await world.db.sync.now();
      const there = world.server.document('a');
      assert.deepEqual([there.title, there.body], [title, body]);
      assert.deepEqual(plain(await world.notes.get('a', { fresh: true })), plain(there));
      assert.equal((await world.db.conflicts.list())[0].strategy, conflict);
      assert.equal(await world.db.outbox.count(), 0);
    });
  }

  for (const conflict of ['fields', 'merge', 'manual']) {
    test(`${conflict}, met on ${by}: edited here and deleted there, or the other way round, waits for a person`, async () => {
      const world = await both({ conflict });
      const write = await meet(world, { title: 'ours' }, null, { by });
      const [open] = await world.db.conflicts.list({ status: 'open' });
      assert.deepEqual([open.type, open.severity, open.remote], ['edit-delete', 'high', undefined]);
      assert.equal((await world.notes.get('a')).title, 'ours');
      assert.equal(world.server.document('a'), undefined);
      assert.equal((await failure(() => write.synced)).code, 'CONFLICT');
      await world.db.conflicts.resolve(open.conflictId, 'local');
      await world.db.sync.now();
      assert.equal(world.server.document('a').title, 'ours', 'made anew');

      await meet(world, null, { title: 'theirs' }, { by });
      const [other] = await world.db.conflicts.list({ status: 'open' });
      assert.deepEqual([other.type, other.local], ['delete-edit', undefined]);
      await world.db.conflicts.resolve(other.conflictId, 'remote');
      await world.db.sync.now();
      assert.equal((await world.notes.get('a')).title, 'theirs');
      assert.equal(world.server.document('a').title, 'theirs');
      assert.equal(await world.db.outbox.count(), 0);
    });
  }
}

test('removals under latest, server and client', async () => {
  const outcomes = [];
  for (const [conflict, at] of [
    ['latest', LATE],
    ['latest', EARLY],
    ['server', EARLY],
    ['client', LATE],
  ]) {
    const edited = await both({ conflict });
    await meet(edited, { title: 'ours' }, null, { by: 'pull', at });
    await edited.db.sync.now();
    const removed = await both({ conflict });
    await meet(removed, null, { title: 'theirs' }, { by: 'pull', at });
    await removed.db.sync.now();
    for (const world of [edited, removed]) {
      const here = await world.notes.get('a', { fresh: true });
      assert.deepEqual(here && plain(here), world.server.document('a') && plain(world.server.document('a')));
    }
    outcomes.push([edited.server.document('a')?.title, removed.server.document('a')?.title]);
  }
  assert.deepEqual(outcomes, [
    [undefined, 'theirs'],
    ['ours', undefined],
    [undefined, 'theirs'],
    ['ours', undefined],
  ]);
});

test('groups of fields are never mixed', async () => {
  const world = await both({ fieldGroups: [['start', 'end']] });
  await meet(world, { start: 10 }, { end: 20 }, { at: LATE });
  await world.db.sync.now();
  const { start, end } = world.server.document('a');
  assert.deepEqual([start, end], [1, 20]);
  assert.equal(world.told[0].severity, 'medium');
});

test('increments add up under fields and merge', async () => {
  for (const conflict of ['fields', 'merge']) {
    const world = await both({ conflict });
    await meet(world, { start: seakeep.increment(5) }, { start: 101 }, { at: LATE });
    await world.db.sync.now();
    assert.equal(world.server.document('a').start, 106);
    assert.equal(world.db.sync.status.conflicts, 0);
  }
});

test('two new documents under one id', async () => {
  const titles = {};
  for (const conflict of ['fields', 'server', 'client', 'manual']) {
    const world = await opened(versions(), `conflicts-${++made}`, { conflict });
    await world.notes.add({ id: 'b', title: 'ours', here: 1 });
    world.server.change('b', { title: 'theirs', there: 1 }, LATE);
    await world.db.sync.now({ pull: false });
    await world.db.sync.now();
    const [found] = await world.db.conflicts.list();
    assert.deepEqual([found.type, found.severity, found.base], ['create-create', 'high', undefined]);
    const { title, here, there } = world.server.document('b');
    titles[conflict] = [title, here, there, found.status];
  }
  assert.deepEqual(titles, {
    fields: ['theirs', 1, 1, 'resolved'],
    server: ['theirs', undefined, 1, 'resolved'],
    client: ['ours', 1, undefined, 'resolved'],
    manual: ['theirs', undefined, 1, 'open'],
  });
});

test('a function decides, is given copies, and may write itself', async () => {
  const asked = [];
  const world = await both({
    conflict: async (input) => {
      asked.push(structuredClone(input));
      input.remote.title = 'changed in place';
      await world.notes.put({ id: 'log', title: 'asked' });
      return { ...input.local, title: `${input.local.title}+${input.remote.body}` };
    },
  });
  await meet(world, { title: 'ours' }, { body: 'more' });
  await until(async () => world.told.some((one) => one.event === 'resolved'), 'an answer');
  await world.db.sync.now();
  assert.equal(world.server.document('a').title, 'ours+more');
  assert.deepEqual([asked.length, asked[0].collection, asked[0].id], [1, 'notes', 'a']);
  const [kept] = await world.db.conflicts.list();
  assert.deepEqual([kept.strategy, kept.remote.title, kept.severity], ['function', 'first', 'low']);
});

test('a function may delete, or leave it to a person', async () => {
  const deletes = await both({ conflict: () => null });
  await meet(deletes, { title: 'ours' }, { title: 'theirs' });
  await until(async () => deletes.told.some((one) => one.event === 'resolved'));
  await deletes.db.sync.now();
  assert.equal(deletes.server.document('a'), undefined);
  const leaves = await both({ conflict: () => 'manual' });
  await meet(leaves, { title: 'ours' }, { title: 'theirs' });
  await until(async () => (await leaves.db.outbox.list())[0].state === 'conflict');
  assert.equal((await leaves.db.conflicts.list({ status: 'open' })).length, 1);
});

test('a function that throws or returns garbage loses nothing', async () => {
  const bad = {
    RESOLVER_FAILED: [
      () => {
        throw new TypeError('secret');
      },
      async () => Promise.reject(new RangeError('secret')),
    ],
    RESOLVER_RESULT: [
      () => undefined,
      () => 7,
      () => [],
      () => ({ id: 'other' }),
      () => ({ f: () => 1 }),
      () => 'local',
    ],
  };
  for (const [code, functions] of Object.entries(bad)) {
    for (const conflict of functions) {
      const world = await both({ conflict });
      await meet(world, { title: 'ours' }, { title: 'theirs' });
      const change = await until2(async () =>
        (await world.db.outbox.list()).find((one) => one.lastError?.code === code),
      );
      assert.equal(change.state, 'conflict');
      assert.ok(!change.lastError.message.includes('secret'));
      const [open] = await world.db.conflicts.list({ status: 'open' });
      assert.equal(open.local.title, 'ours');
      await world.db.conflicts.resolve(open.conflictId, { doc: { title: 'by hand' } });
      await world.db.sync.now();
      assert.deepEqual(plain(world.server.document('a')), { id: 'a', title: 'by hand' });
    }
  }
});

test('a function that never answers leaves it to a person after 10 s; what it says later is ignored', async () => {
  let answer;
  const late = new Promise((resolve) => {
    answer = resolve;
  });
  const world = await both({ conflict: () => late });
  await meet(world, { title: 'ours' }, { title: 'theirs' });
  await new Promise((resolve) => setTimeout(resolve, 10_200));
  const [change] = await world.db.outbox.list();
  assert.deepEqual([change.state, change.lastError.code], ['conflict', 'RESOLVER_TIMEOUT']);
  answer({ id: 'a', title: 'too late' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await world.db.conflicts.list({ status: 'open' })).length, 1);
});

async function until2(find) {
  let found;
  const look = async () => {
    found = await find();
    return found !== undefined;
  };
  await until(look);
  return found;
}

test('choices: wrong ones are refused, a document is checked, unknown ids are told', async () => {
  const validate = ({ title }) => (title === '' ? { title: 'must not be empty' } : undefined);
  const world = await both({ conflict: 'manual', validate });
  await meet(world, { title: 'ours' }, { title: 'theirs' });
  const [{ conflictId }] = await world.db.conflicts.list();
  const { conflicts } = world.db;
  const code = async (...given) => (await failure(() => conflicts.resolve(...given))).code;
  assert.equal(await code(conflictId), 'ARGUMENT_TYPE');
  assert.equal(await code(conflictId, 'mine'), 'ARGUMENT_TYPE');
  assert.equal(await code(conflictId, { doc: 7 }), 'DOC_TYPE');
  assert.equal(await code(conflictId, { doc: { id: 'other' } }), 'ID_INVALID');
  assert.equal(await code(conflictId, { doc: { title: '' } }), 'VALIDATION');
  assert.equal(await code('nothing', 'local'), 'NOT_FOUND');
  assert.equal(await code('', 'local'), 'ARGUMENT_TYPE');
  assert.equal((await failure(() => conflicts.list({ status: 'closed' }))).code, 'ARGUMENT_TYPE');
  await conflicts.resolve(conflictId, { doc: { title: 'chosen' } });
  assert.equal(await code(conflictId, 'local'), 'NOT_FOUND', 'it is not open any more');
  await world.db.sync.now();
  assert.equal(world.server.document('a').title, 'chosen');
});

test('the outbox and an open conflict: retry leaves it, edit decides it, discard takes the server side', async () => {
  const world = await both({ conflict: 'manual' });
  const counts = [];
  world.db.conflicts.subscribe((open) => void counts.push(open));
  const write = await meet(world, { title: 'ours' }, { title: 'theirs' });
  assert.equal(await world.db.outbox.retry(write.mutationId), 0);
  assert.equal(await world.db.outbox.count('conflict'), 1);
  assert.equal((await world.notes.meta('a')).state, 'conflict');
  await world.db.outbox.edit(write.mutationId, { id: 'a', title: 'edited' });
  await world.db.sync.now();
  assert.equal(world.server.document('a').title, 'edited');
  const second = await meet(world, { title: 'ours again' }, { title: 'theirs again' });
  await world.db.outbox.discard(second.mutationId);
  assert.equal((await world.notes.get('a', { fresh: true })).title, 'theirs again');
  assert.equal(await world.db.outbox.count(), 0);
  assert.deepEqual(counts, [0, 1, 0, 1, 0]);
  const stats = await world.db.conflicts.stats();
  assert.deepEqual(stats, { total: 2, open: 0, byType: { 'edit-edit': 2 }, byStrategy: { edit: 1, discard: 1 } });
});

test('what is written on top of an open conflict is judged when that has ended', async () => {
  const world = await both({ conflict: 'manual' });
  await meet(world, { title: 'ours' }, { title: 'theirs' });
  await world.notes.patch('a', { body: 'later' });
  world.server.change('a', { tags: ['newer'] });
  await world.db.sync.now();
  const [open] = await world.db.conflicts.list({ status: 'open' });
  assert.deepEqual(open.remote.tags, ['newer'], 'the open conflict knows what the server has now');
  assert.equal(world.told.length, 1, 'and is still the same one');
  await world.db.conflicts.resolve(open.conflictId, 'local');
  await world.db.sync.now();
  const { title, body } = world.server.document('a');
  assert.deepEqual([title, body], ['ours', 'later']);
});

test('an open conflict outlives its handle; another handle resolves it', async () => {
  const world = await both({ conflict: 'manual' });
  await meet(world, { title: 'ours' }, { title: 'theirs' });
  await world.db.close();
  const again = await opened(world.server, world.name, { conflict: 'manual' });
  const other = await opened(world.server, world.name, { conflict: 'manual' });
  await until(() => again.db.sync.status.conflicts === 1);
  const [open] = await again.db.conflicts.list({ status: 'open', collection: 'notes' });
  await other.db.conflicts.resolve(open.conflictId, 'remote');
  await until(() => again.db.sync.status.conflicts === 0);
  assert.equal((await again.notes.get('a', { fresh: true })).title, 'theirs');
  assert.equal((await failure(() => again.db.conflicts.resolve(open.conflictId, 'local'))).code, 'NOT_FOUND');
});

test('the last hundred resolved conflicts are kept, the counters go on', async () => {
  const world = await both();
  for (let i = 0; i < 105; i++) await meet(world, { title: `ours ${i}` }, { title: `theirs ${i}` }, { at: LATE });
  assert.equal((await world.db.conflicts.list()).length, 100);
  assert.equal((await world.db.conflicts.stats()).total, 105);
});

test('names that objects inherit are data', async () => {
  const world = await both({ conflict: 'merge' }, { id: 'a', deep: { constructor: { a: 1 } } });
  const theirs = JSON.parse('{"deep":{"constructor":{"b":2},"__proto__":{"polluted":true}}}');
  await meet(world, { deep: { constructor: { a: 1, c: 3 } } }, theirs, { by: 'pull' });
  await world.db.sync.now();
  assert.equal({}.polluted, undefined);
  const { deep } = await world.notes.get('a', { fresh: true });
  assert.equal(deep.polluted, undefined);
  assert.deepEqual(deep.constructor, { a: 1, b: 2, c: 3 });
});
