// Standing queries and writes over a fake client: when they are told, what stays the same object, how they end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClient } from './fake-client.mjs';
import { checked, modules, until } from './modules.mjs';
import { failure } from './package.mjs';

const face = await modules();

function world(options) {
  let released = 0;
  const handle = new face.Handle(checked(face, options), true, () => released++);
  const client = fakeClient((events) => handle.receive(events));
  handle.attach(client);
  const notes = face.collectionOf(handle, handle.checked.config.collections[0]);
  return { handle, client, notes, released: () => released };
}

test('it answers at once, and after every change', async () => {
  const { notes } = world();
  const seen = [];
  const live = notes.live();
  assert.deepEqual(live.current, { rows: [], loaded: false, complete: false });
  live.subscribe((result) => seen.push(result.rows.map((row) => row.id)));
  await until(() => live.current.loaded);
  await notes.put({ id: 'a', n: 1 });
  await until(() => live.current.rows.length === 1);
  assert.deepEqual(seen, [[], [], ['a']]);
  live.close();
});

test('what did not change is the same object', async () => {
  const { notes, handle } = world();
  await notes.putMany([
    { id: 'a', n: { x: 1 } },
    { id: 'b', n: { x: 2 } },
  ]);
  const live = notes.live();
  await until(() => live.current.rows.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const first = live.current;
  let told = -1;
  live.subscribe(() => told++);
  handle.receive([{ type: 'states', collections: ['notes'] }]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(live.current, first);
  assert.equal(told, 0);
  await notes.patch('b', { n: 3 });
  await until(() => live.current !== first);
  assert.equal(live.current.rows[0], first.rows[0]);
  assert.notEqual(live.current.rows[1], first.rows[1]);
  assert.ok(Object.isFrozen(live.current.rows[0]));
});

test('many changes lead to few readings', async () => {
  const { notes, client, handle } = world();
  const live = notes.live();
  await until(() => live.current.loaded);
  const before = client.calls.rows;
  for (let i = 0; i < 100; i++) handle.receive([{ type: 'stale', collections: ['notes'] }]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(client.calls.rows - before <= 2, `${client.calls.rows - before} readings`);
  handle.receive([{ type: 'stale', collections: ['others'] }]);
  assert.ok(client.calls.rows - before <= 2);
});

test('a filter counts before the limit; one that throws is an error of the result', async () => {
  const { notes } = world();
  await notes.putMany([1, 2, 3, 4].map((n) => ({ id: `${n}`, n })));
  const even = notes.live({ filter: (doc) => doc.n % 2 === 0, limit: 2 });
  await until(() => even.current.rows.length === 2);
  assert.deepEqual(await notes.query({ filter: (doc) => doc.n > 1, limit: 1 }), [{ id: '2', n: 2 }]);
  assert.equal(await notes.count({ filter: (doc) => doc.n > 1 }), 3);
  const broken = notes.live({
    filter: () => {
      throw new RangeError('canary');
    },
  });
  await until(() => broken.current.error !== undefined);
  assert.equal(broken.current.error.code, 'FILTER_FAILED');
  assert.ok(!broken.current.error.message.includes('canary'));
  assert.equal((await failure(() => notes.query({ filter: () => null.x }))).code, 'FILTER_FAILED');
});

test('an error goes when the next reading works', async () => {
  const { notes, client, handle } = world();
  const rows = client.rows;
  client.rows = () => Promise.reject({ code: 'STORAGE_UNAVAILABLE', message: 'm', retryable: true, at: 0 });
  const live = notes.live();
  await until(() => live.current.error !== undefined);
  assert.equal(live.current.loaded, false);
  client.rows = rows;
  handle.receive([{ type: 'stale', collections: ['notes'] }]);
  await until(() => live.current.loaded);
  assert.equal(live.current.error, undefined);
});

test('an iterator gives the newest and ends with close()', async () => {
  const { notes } = world();
  const live = notes.live();
  const seen = [];
  const reading = (async () => {
    for await (const { rows } of live) seen.push(rows.length);
  })();
  await until(() => seen.length === 1);
  await notes.put({ id: 'a' });
  await until(() => seen.length === 2);
  live.close();
  await reading;
  assert.deepEqual(seen, [0, 1]);
});

test('a listener that throws does not keep the others from being told', async () => {
  const { notes, handle } = world({ log: () => {} });
  const errors = [];
  handle.events.on('listener-error', (info) => errors.push(info));
  const live = notes.live();
  let told = 0;
  live.subscribe(() => {
    throw new TypeError('canary');
  });
  live.subscribe(async () => {
    told++;
    throw new TypeError('canary');
  });
  await until(() => told >= 2 && errors.length >= 4);
  assert.ok(!JSON.stringify(errors).includes('canary'));
});

test('synced settles with what the server has, and is never an unhandled rejection', async () => {
  const { notes, handle } = world();
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => notes.put({ id, n: 1 })));
  const settled = (write, end) => handle.receive([{ type: 'settled', mutationId: write.mutationId, ...end }]);
  settled(a, { ok: { id: 'a', doc: { id: 'a', n: 2 }, revision: '7' } });
  settled(b, {
    error: { code: 'VALIDATION', message: 'm', retryable: false, at: 0, parked: true, fields: { n: 'no' } },
  });
  assert.deepEqual(await a.synced, { id: 'a', doc: { id: 'a', n: 2 }, revision: '7' });
  const error = await failure(() => b.synced);
  assert.deepEqual([error.code, error.parked, error.fields], ['VALIDATION', true, { n: 'no' }]);
  assert.equal(await c.cancel(), true);
  assert.equal((await failure(() => c.synced)).code, 'DISCARDED');
  const local = await notes.put({ id: 'd' }, { local: true });
  assert.deepEqual([local.mutationId, await local.cancel()], [undefined, false]);
  assert.deepEqual(await local.synced, { id: 'd', doc: { id: 'd' }, revision: undefined });
});

test('a bulk write is synced when all of it is', async () => {
  const { notes, handle, client } = world();
  const ids = [];
  const write = client.write;
  client.write = async (ops) => {
    const outcomes = await write(ops);
    ids.push(...outcomes.map((outcome) => outcome.mutationId));
    return outcomes;
  };
  const bulk = await notes.putMany([{ id: 'a' }, { id: 'b' }]);
  assert.deepEqual(bulk.ids, ['a', 'b']);
  let done = false;
  bulk.synced.then(() => {
    done = true;
  });
  handle.receive([{ type: 'settled', mutationId: ids[0], ok: { id: 'a' } }]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(done, false);
  handle.receive([{ type: 'settled', mutationId: ids[1], ok: { id: 'b' } }]);
  await bulk.synced;
});

test('own writes are read at once, from memory', async () => {
  const { notes, client } = world();
  await notes.put({ id: 'a', n: 1 });
  const before = client.calls.get;
  assert.deepEqual(await notes.get('a'), { id: 'a', n: 1 });
  assert.deepEqual(notes.peek('a'), { id: 'a', n: 1 });
  assert.equal(client.calls.get, before);
  client.elsewhere('notes', { id: 'a', n: 2 });
  assert.equal((await notes.get('a', { fresh: true })).n, 2);
  assert.equal((await notes.get('a')).n, 2);
  await notes.remove('a');
  assert.equal(await notes.get('a'), undefined);
});

test('a validator sees the whole result, on a copy, and must answer at once', async () => {
  const seen = [];
  let verdict;
  const validate = (doc) => {
    seen.push(structuredClone(doc));
    doc.n = 'spoilt';
    if (verdict === Error) throw new RangeError('canary');
    return verdict;
  };
  const { notes, client } = world({ collections: { notes: { validate } } });
  await notes.put({ id: 'a', n: 1 });
  await notes.patch('a', { n: { $increment: 2 }, m: 'x' });
  assert.deepEqual(seen, [
    { id: 'a', n: 1 },
    { id: 'a', n: 3, m: 'x' },
  ]);
  assert.equal((await notes.get('a')).n, 3);
  const writes = client.calls.write;
  for (const bad of [{ n: 'too small' }, Promise.resolve(), Error]) {
    verdict = bad;
    const error = await failure(() => notes.put({ id: 'b', n: 'canary' }));
    assert.equal(error.code, 'VALIDATION');
    assert.ok(!error.message.includes('canary'));
  }
  verdict = { n: 'too small' };
  assert.deepEqual((await failure(() => notes.patch('a', { n: 0 }))).fields, verdict);
  assert.equal((await failure(() => notes.patch('b', { n: 0 }))).code, 'NOT_FOUND');
  verdict = {};
  assert.equal(client.calls.write, writes);
  await notes.put({ id: 'b', n: 1 });
});

test('an aborted signal: nothing is written', async () => {
  const { notes, client } = world();
  const signal = AbortSignal.abort();
  for (const call of [
    () => notes.put({ id: 'a' }, { signal }),
    () => notes.putMany([{ id: 'a' }], { signal }),
    () => notes.remove('a', { signal }),
  ]) {
    assert.equal((await failure(call)).code, 'ABORTED');
  }
  assert.equal(client.calls.write, undefined);
});

test('close() ends all, twice is once, and the name is given back', async () => {
  const { notes, handle, client, released } = world();
  const write = await notes.put({ id: 'a' });
  const live = notes.live();
  await Promise.all([handle.close(), handle.close()]);
  assert.ok(client.isClosed());
  assert.equal((await failure(() => write.synced)).code, 'CLOSED');
  assert.equal((await failure(() => notes.get('a'))).code, 'CLOSED');
  assert.equal(handle.lives.size, 0);
  assert.equal(released(), 1);
  live.close();
});

test('a crash rejects what is open and all that follows', async () => {
  const { notes, handle, client } = world();
  const write = await notes.put({ id: 'a' });
  client.query = () => new Promise(() => {});
  const stuck = notes.query();
  client.get = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  assert.equal((await failure(() => notes.get('nowhere'))).code, 'ENGINE_CRASHED');
  assert.equal((await failure(() => stuck)).code, 'ENGINE_CRASHED');
  assert.equal((await failure(() => write.synced)).code, 'ENGINE_CRASHED');
  assert.equal((await failure(() => notes.put({ id: 'b' }))).code, 'ENGINE_CRASHED');
  await handle.close();
  assert.equal(client.isClosed(), false);
});

test('steps that a write came between are read again: what is told is of one moment', async () => {
  const { notes, client, handle } = world();
  await notes.putMany(Array.from({ length: 2600 }, (_, i) => ({ id: String(i).padStart(5, '0'), n: 0 })));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const rows = client.rows;
  const asked = [];
  client.rows = async (name, query) => {
    asked.push(query.limit);
    if (query.limit === undefined)
      throw { code: 'QUERY_TOO_LARGE', message: 'too many', retryable: false, at: Date.now() };
    const found = await rows(name, query);
    // One write of two documents, between the first step and the second.
    if (asked.length === 2) for (const id of ['00000', '02599']) client.elsewhere('notes', { id, n: 1 });
    return found;
  };
  const live = notes.live({ filter: (doc) => doc.id === '00000' || doc.id === '02599' });
  const seen = [];
  live.subscribe(({ rows, loaded }) => loaded && seen.push(rows.map((row) => row.doc.n)));
  await until(() => live.current.loaded);
  assert.deepEqual(seen, [[1, 1]]);
  assert.deepEqual(asked, [undefined, 2500, 2500, 2500, 2500]);
  // What was read in steps was small enough for one answer: that is tried first again.
  handle.receive([{ type: 'stale', collections: ['notes'] }]);
  await until(() => asked.length === 8);
  assert.deepEqual(asked.slice(5), [undefined, 2500, 2500]);
  live.close();
});
