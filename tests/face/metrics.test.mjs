// Metrics and log lines on the real module in memory: counted truly, handed out in batches, silent when nobody listens,
// and without any content.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modules, until } from './modules.mjs';
import { failure, seakeep } from './package.mjs';
import { server } from './server.mjs';

const { Durations } = await modules();
let made = 0;

async function database(options = {}) {
  const sync = { url: 'http://unit.test/api', fetch: server().fetch, auto: false };
  const db = await seakeep.open(`metrics-${++made}`, {
    storage: 'memory',
    collections: { notes: {} },
    sync,
    ...options,
  });
  return { db, notes: db.collection('notes') };
}

test('a percentile is right within a tenth, least and most exactly, whatever comes', () => {
  const durations = new Durations();
  assert.deepEqual(durations.summary(), { count: 0, min: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  const all = [];
  for (let i = 0; i < 2000; i++) {
    const ms = 10 ** (Math.sin(i * 12.9898) * 4);
    all.push(ms);
    durations.add(ms);
  }
  all.sort((a, b) => a - b);
  const said = durations.summary();
  assert.deepEqual([said.count, said.min, said.max], [2000, all[0], all.at(-1)]);
  for (const [name, at] of [
    ['p50', 999],
    ['p95', 1899],
    ['p99', 1979],
  ]) {
    assert.ok(Math.abs(said[name] - all[at]) <= all[at] * 0.1 + 0.001, `${name}: ${said[name]} for ${all[at]}`);
  }
  for (const odd of [-5, 0, Number.NaN, Number.POSITIVE_INFINITY, 1e12]) durations.add(odd);
  assert.equal(durations.summary().count, 2005);
  assert.equal(durations.summary().min, 0);
});

test('writes, reads, queries, requests, the memory tier and sync are counted', async () => {
  const { db, notes } = await database({ cache: { items: 2 } });
  const before = db.metrics.snapshot();
  assert.ok(before.openMs > 0 && before.wasmBytes >= 65536, JSON.stringify(before));
  await notes.put({ id: 'a' });
  await notes.put({ id: 'b' });
  await notes.putMany([{ id: 'c' }, { id: 'bad', refuse: true }]);
  await notes.get('bad');
  await notes.get('a');
  await notes.getMany(['b']);
  await notes.query();
  await notes.count({ where: { id: 'a' } });
  await failure(() => notes.add({ id: 'a' }));
  await db.sync.now();
  await until(() => db.metrics.snapshot().sync.failed > 0);
  const now = db.metrics.snapshot();
  assert.equal(now.writeMs.count, 4);
  assert.equal(now.queryMs.count, 2);
  assert.deepEqual([now.cache.hits, now.cache.misses, now.readMs.count], [1, 2, 2]);
  assert.ok(now.cache.evictions >= 2);
  assert.ok(now.requestMs.count >= 5);
  assert.deepEqual(now.sync, { succeeded: 3, failed: 1, retried: 0 });
  await db.close();
});

test('measure gives back what the work gives, rejects with what it rejects, and keeps a hundred names', async () => {
  const { db } = await database();
  assert.equal(await db.metrics.measure('load', async () => 7), 7);
  const own = new Error('mine');
  assert.equal(await failure(() => db.metrics.measure('load', () => Promise.reject(own))), own);
  assert.equal(
    await failure(() =>
      db.metrics.measure('load', () => {
        throw own;
      }),
    ),
    own,
  );
  for (const [name, work] of [
    ['', async () => 1],
    ['x', 'no function'],
    [5, async () => 1],
  ]) {
    assert.equal((await failure(() => db.metrics.measure(name, work))).code, 'ARGUMENT_TYPE');
  }
  for (let i = 0; i < 150; i++) await db.metrics.measure(`name ${i}`, async () => i);
  const { measured } = db.metrics.snapshot();
  assert.equal(measured.load.count, 3);
  assert.equal(Object.keys(measured).length, 100);
  await db.close();
});

test('spans and counters go out in batches, only while somebody exports', async () => {
  const { db, notes } = await database();
  await notes.put({ id: 'before' });
  const batches = [];
  const stop = db.metrics.export((batch) => void batches.push(batch));
  const second = db.metrics.export(() => {
    throw new Error('a sink that fails');
  });
  for (let i = 0; i < 5; i++) await notes.put({ id: `n${i}`, text: 'canary-815' });
  await db.metrics.measure('checkout', async () => 1);
  await failure(() => notes.add({ id: 'n1' }));
  await db.sync.now();
  await until(() => batches.length > 0, 'a batch');
  second();
  stop();
  const items = batches.flat();
  const spans = items.filter((item) => item.type === 'span');
  const writes = spans.filter((span) => span.name === 'seakeep.write');
  assert.equal(writes.length, 6, 'none from before');
  assert.deepEqual(
    writes.map((span) => span.status.code),
    [1, 1, 1, 1, 1, 2],
  );
  assert.equal(writes.at(-1).status.message, 'ALREADY_EXISTS');
  assert.ok(spans.some((span) => span.name === 'checkout') && spans.some((span) => span.name === 'seakeep.request'));
  for (const span of spans) {
    assert.match(span.traceId, /^[0-9a-f]{32}$/);
    assert.match(span.spanId, /^[0-9a-f]{16}$/);
    assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
    assert.ok(Math.abs(Number(BigInt(span.startTimeUnixNano) / 1_000_000n) - Date.now()) < 60_000);
  }
  const sums = items.filter((item) => item.type === 'sum' && item.name === 'seakeep.sync.succeeded');
  assert.equal(sums.at(-1).value, 6);
  assert.ok(!JSON.stringify(items).includes('canary'), 'no content');
  const before = batches.length;
  await notes.put({ id: 'after' });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(batches.length, before);
  await db.close();
  assert.throws(() => db.metrics.export(() => {}), { code: 'CLOSED' });
});

test('a subscriber gets the numbers now, and later at most once a second', async () => {
  const { db, notes } = await database();
  const seen = [];
  db.metrics.subscribe((snapshot) => void seen.push(snapshot));
  assert.equal(seen.length, 1);
  for (let i = 0; i < 20; i++) await notes.put({ id: `n${i}` });
  await until(() => seen.length > 1);
  assert.deepEqual([seen.length, seen[1].writeMs.count], [2, 20]);
  await db.close();
});

test('log lines name their component and hold no content; below the level and when off there are none', async () => {
  const lines = [];
  const { db, notes } = await database({ log: (entry) => void lines.push(entry) });
  await notes.put({ id: 'canary-id', text: 'canary-text' });
  await notes.put({ id: 'bad', refuse: true });
  await db.sync.now();
  await until(() => lines.some((line) => line.message === 'parked'));
  const scopes = new Set(lines.map((line) => line.scope));
  for (const scope of ['sync', 'store', 'net']) assert.ok(scopes.has(scope), scope);
  assert.ok(lines.every((line) => ['error', 'warn', 'info', 'debug'].includes(line.level) && line.at > 0));
  const parked = lines.find((line) => line.message === 'parked');
  assert.deepEqual([parked.level, parked.detail.code, parked.detail.collection], ['warn', 'VALIDATION', 'notes']);
  assert.ok(!JSON.stringify(lines).includes('canary'), 'no content and no ids');
  await db.close();

  const told = [];
  const kept = {};
  for (const level of ['error', 'warn', 'info', 'debug']) {
    kept[level] = console[level];
    console[level] = (...parts) => void told.push([level, ...parts]);
  }
  try {
    for (const log of ['off', 'warn']) {
      told.length = 0;
      const { db, notes } = await database({ log });
      await notes.put({ id: 'bad', refuse: true });
      await db.sync.now();
      await until(() => db.sync.status.parked === 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (log === 'off') assert.deepEqual(told, []);
      else assert.deepEqual([...new Set(told.map(([level]) => level))], ['warn']);
      await db.close();
    }
  } finally {
    Object.assign(console, kept);
  }
});
