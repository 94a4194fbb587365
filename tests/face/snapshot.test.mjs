// Snapshots: what goes in comes back equal and shares nothing; the speed that writes depend on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modules } from './modules.mjs';
import { failure } from './package.mjs';

const { snapshotDocument, snapshotValue, clone } = await modules();

test('a copy is equal and shares nothing', () => {
  const doc = { a: [1, { b: 'text' }], c: null, d: true, e: { f: {} }, 'odd key': '😀' };
  const copy = snapshotDocument(doc);
  assert.deepEqual(copy, doc);
  assert.notEqual(copy.a, doc.a);
  assert.notEqual(copy.a[1], doc.a[1]);
  assert.notEqual(copy.e.f, doc.e.f);
});

test('minus zero becomes zero, everywhere', () => {
  const copy = snapshotDocument({ a: -0, b: [-0] });
  assert.ok(Object.is(copy.a, 0) && Object.is(copy.b[0], 0));
});

test('objects without a prototype, from another realm and frozen ones are plain', () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  assert.deepEqual(snapshotDocument({ bare, frozen: Object.freeze({ b: Object.freeze([2]) }) }), {
    bare: { a: 1 },
    frozen: { b: [2] },
  });
});

test('a getter is read once', () => {
  let reads = 0;
  const copy = snapshotDocument({
    get n() {
      return ++reads;
    },
  });
  assert.deepEqual([copy.n, reads], [1, 1]);
  assert.ok(Object.getOwnPropertyDescriptor(copy, 'n').writable);
});

test('symbol keys are not data', () => {
  assert.equal(JSON.stringify(snapshotDocument({ a: 1, [Symbol('s')]: 2 })), '{"a":1}');
});

test('paths name the offender', async () => {
  const cases = [
    [{ a: { b: [0, undefined] } }, '$.a.b[1]'],
    [{ 'odd key': { x: Number.NaN } }, '$["odd key"].x'],
    [{ a: [[() => 0]] }, '$.a[0][0]'],
    [{ a: 1, b: { c: 1 }, d: undefined }, '$.d'],
  ];
  for (const [doc, path] of cases) assert.equal((await failure(() => snapshotDocument(doc))).path, path);
});

test('a very long path is cut', async () => {
  const error = await failure(() => snapshotDocument({ ['k'.repeat(10_000)]: undefined, a: 1 }));
  assert.ok(error.path.length <= 200 && error.message.length < 400);
});

test('the size counts across the whole document', async () => {
  const half = 'x'.repeat(9 * 1024 * 1024);
  assert.equal((await failure(() => snapshotDocument({ a: half, b: [half] }))).code, 'DOC_TOO_LARGE');
  assert.equal(snapshotDocument({ a: half }).a.length, half.length);
});

test('any JSON value is a value', () => {
  for (const value of [1, 'a', null, false, [1, [2]], {}]) assert.deepEqual(snapshotValue(value), value);
});

test('a clone shares nothing', () => {
  const doc = { a: [{ b: 1 }], c: { d: null } };
  const copy = clone(doc);
  assert.deepEqual(copy, doc);
  copy.a[0].b = 2;
  copy.c.d = 3;
  assert.deepEqual(doc, { a: [{ b: 1 }], c: { d: null } });
});

test('a revoked proxy is refused like anything else that cannot be read', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.throws(() => snapshotDocument(proxy), { code: 'DOC_TYPE' });
  assert.throws(() => snapshotDocument({ inner: proxy }), { code: 'DOC_READ_FAILED', path: '$.inner' });
});
