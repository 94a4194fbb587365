// Options: defaults, what is passed on, and the refusals that the table does not list.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modules } from './modules.mjs';
import { failure } from './package.mjs';

const { checkOptions, smallHash, storedName } = await modules();
const base = { collections: { notes: {} } };
const code = async (options, page) => (await failure(() => checkOptions('n', options, page))).code;

test('defaults', () => {
  const { config, cache, log, auth } = checkOptions('n', { ...base, sync: { url: 'https://example.org/api/' } });
  assert.deepEqual(config, {
    name: 'n',
    version: 1,
    writer: 1,
    storage: 'indexeddb',
    durability: 'strict',
    persist: true,
    collections: [
      {
        name: 'notes',
        path: 'notes',
        indexes: [],
        references: [],
        rejected: 'park',
        local: false,
        conflict: 'fields',
        fieldGroups: [],
      },
    ],
    sync: {
      url: 'https://example.org/api',
      interval: 30_000,
      pullInterval: 60_000,
      startDelay: 5000,
      maxAttempts: 5,
      backoff: { base: 1000, factor: 2, max: 60_000, jitter: true },
      requestRetries: 1,
      retry: 'backoff',
      concurrency: 4,
      delayBetween: 0,
      batchSize: 50,
      timeout: 30_000,
      breaker: { failures: 5, cooldown: 30_000 },
      maxPending: 100_000,
      auto: true,
      rest: { health: '_health' },
      onSlowNetwork: 'push-only',
    },
  });
  assert.deepEqual([cache, log, auth], [{ items: 100, ttl: 300_000 }, 'off', undefined]);
  assert.equal(checkOptions('n', base).config.sync, undefined);
});

test('a schema is the same in whatever order it names its collections', () => {
  const schema = (...names) =>
    checkOptions('n', { collections: Object.fromEntries(names.map((name) => [name, {}])) }).schema;
  assert.equal(schema('a', 'b', 'c'), schema('c', 'a', 'b'));
  assert.notEqual(schema('a', 'b'), schema('a', 'c'));
});

test('optional parts of the profile, and the breaker', async () => {
  const sync = (options) => ({ ...base, sync: { url: 'https://example.org/api', ...options } });
  const checked = (options) => checkOptions('n', sync(options)).config.sync;
  assert.deepEqual(checked({ rest: { batch: true, events: true, health: false } }).rest, {
    batch: '_batch',
    events: '_events',
  });
  assert.deepEqual(checked({ rest: { batch: 'v2/bulk', health: 'ping' } }).rest, { batch: 'v2/bulk', health: 'ping' });
  assert.deepEqual(checked({ breaker: { failures: 2 } }).breaker, { failures: 2, cooldown: 30_000 });
  assert.equal('breaker' in checked({ breaker: false }), false);
  assert.equal(await code(sync({ rest: { batch: '../up' } })), 'CONFIG_INVALID');
  assert.equal(await code(sync({ rest: { batch: 1 } })), 'CONFIG_TYPE');
  assert.equal(await code(sync({ rest: { bath: true } })), 'CONFIG_UNKNOWN_KEY');
  assert.equal(await code(sync({ rest: { verify: true } })), 'CONFIG_UNSUPPORTED');
  assert.equal(await code(sync({ batchSize: 0 })), 'CONFIG_RANGE');
  assert.equal(await code(sync({ batchSize: 1001 })), 'CONFIG_RANGE');
  assert.equal(await code(sync({ breaker: { failures: 0 } })), 'CONFIG_RANGE');
  assert.equal(await code(sync({ breaker: { cooldown: 10 } })), 'CONFIG_RANGE');
});

test('indexes in all their forms, references and a path', () => {
  const collections = {
    notes: {
      indexes: ['rank', 'owner.id', ['a', 'b.c'], { path: 'tags', multi: true }, { path: ['x'], unique: true }],
      references: { tag: 'tags' },
      path: 'v1/notes',
      conflict: 'fields',
    },
    tags: { local: true, path: 'v1/notes' },
  };
  const [notes] = checkOptions('n', { collections }).config.collections;
  const plain = { unique: false, multi: false };
  assert.deepEqual(notes.indexes, [
    { path: ['rank'], ...plain },
    { path: ['owner.id'], ...plain },
    { path: ['a', 'b.c'], ...plain },
    { path: ['tags'], unique: false, multi: true },
    { path: ['x'], unique: true, multi: false },
  ]);
  assert.deepEqual(notes.references, [{ field: 'tag', collection: 'tags' }]);
  assert.equal(notes.path, 'v1/notes');
});

test('index paths that IndexedDB could not index (row 8)', async () => {
  for (const path of ['a..b', 'a[0', '', '.a', 'a-b', '1a', 'a.__proto__', [], ['a', '']]) {
    assert.equal(await code({ collections: { notes: { indexes: [path] } } }), 'CONFIG_INVALID', String(path));
  }
  assert.equal(await code({ collections: { notes: { indexes: ['a', ['a']] } } }), 'CONFIG_INVALID');
  assert.equal(
    await code({ collections: { notes: { indexes: [{ path: ['a', 'b'], multi: true }] } } }),
    'CONFIG_INVALID',
  );
  assert.equal(await code({ collections: { notes: { references: { a: 'nowhere' } } } }), 'CONFIG_INVALID');
});

test('addresses (row 9)', async () => {
  const bad = [
    'javascript:alert(1)',
    'file:///etc',
    'https://a:b@example.org',
    'https://a@example.org',
    '/api',
    'ftp://x',
    7,
  ];
  for (const url of bad) assert.equal(await code({ ...base, sync: { url } }), 'CONFIG_URL', String(url));
  assert.equal(await code({ ...base, sync: {} }), 'CONFIG_REQUIRED');
  assert.equal(await code({ ...base, sync: { url: 'https://example.org/?q=1' } }), 'CONFIG_INVALID');
  const { config } = checkOptions('n', { ...base, sync: { url: '/api' } }, 'https://app.example.org/page/x.html');
  assert.equal(config.sync.url, 'https://app.example.org/api');
});

test('words, functions and flags of the wrong kind', async () => {
  assert.equal(await code({ ...base, durability: 'eventual' }), 'CONFIG_ENUM');
  assert.equal(await code({ ...base, log: 'loud' }), 'CONFIG_ENUM');
  assert.equal(await code({ ...base, persist: 1 }), 'CONFIG_TYPE');
  assert.equal(await code({ ...base, user: '' }), 'CONFIG_INVALID');
  assert.equal(await code({ ...base, cache: true }), 'CONFIG_TYPE');
  assert.equal(await code({ ...base, cache: { items: 0 } }), 'CONFIG_RANGE');
  assert.equal(await code({ ...base, version: 0 }), 'CONFIG_RANGE');
  assert.equal(await code({ ...base, sync: { url: 'https://e.org', concurrency: 17 } }), 'CONFIG_RANGE');
  assert.equal(await code({ ...base, sync: { url: 'https://e.org', auth: 'Bearer' } }), 'CONFIG_TYPE');
  assert.equal(await code({ collections: { notes: { conflict: 7 } } }), 'CONFIG_ENUM');
  assert.equal(await code({ collections: { notes: { conflict: 'lww ' } } }), 'CONFIG_ENUM');
  assert.equal(await code({ collections: { notes: { validate: {} } } }), 'CONFIG_TYPE');
});

test('strategies and groups of fields', async () => {
  const of = (notes) => checkOptions('n', { collections: { notes } });
  assert.equal(of({ conflict: 'latest' }).config.collections[0].conflict, 'latest');
  const resolver = () => null;
  const { config, resolvers } = of({ conflict: resolver });
  assert.deepEqual([config.collections[0].conflict, resolvers.get('notes')], ['function', resolver]);
  assert.deepEqual(of({ fieldGroups: [['a', 'b']] }).config.collections[0].fieldGroups, [['a', 'b']]);
  const groups = (fieldGroups, conflict) => code({ collections: { notes: { fieldGroups, conflict } } });
  assert.equal(await groups('a'), 'CONFIG_TYPE');
  assert.equal(await groups([['a']]), 'CONFIG_TYPE');
  assert.equal(await groups([['a', 7]]), 'CONFIG_INVALID');
  assert.equal(await groups([['a', 'b.c']]), 'CONFIG_INVALID');
  assert.equal(await groups([['a', '__proto__']]), 'CONFIG_INVALID');
  assert.equal(
    await groups([
      ['a', 'b'],
      ['b', 'c'],
    ]),
    'CONFIG_INVALID',
  );
  assert.equal(await groups([['a', 'b']], 'merge'), 'CONFIG_INVALID');
});

test('equal schemas are told apart from others', () => {
  const schema = (collections, version = 1) => checkOptions('n', { collections, version }).schema;
  assert.equal(schema({ a: {}, b: {} }), schema({ a: {}, b: {} }));
  assert.notEqual(schema({ a: {} }), schema({ a: { indexes: ['x'] } }));
  assert.notEqual(schema({ a: {} }), schema({ a: {} }, 2));
});

test('a user has a database of his own', async () => {
  assert.equal(await storedName('n', undefined), 'n');
  assert.match(await storedName('n', 'ann'), /^n~[0-9a-f]{32}$/);
  assert.notEqual(await storedName('n', 'ann'), await storedName('n', 'bob'));
  const hash = (text) => smallHash(new TextEncoder().encode(text));
  const all = new Set(Array.from({ length: 20_000 }, (_, i) => hash(`user-${i}`)));
  assert.equal(all.size, 20_000);
  assert.match(hash('ann'), /^[0-9a-f]{32}$/);
});
