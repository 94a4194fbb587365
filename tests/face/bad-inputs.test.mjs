// The face's rows of ../bad-inputs.json on the built package: code, path, nothing written, and nothing of the value
// in any text of the error.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { notes, seakeep } from './package.mjs';
import { decode } from './values.mjs';

const table = JSON.parse(readFileSync(new URL('../bad-inputs.json', import.meta.url), 'utf8'));
const elsewhere = ['open:wasm', 'open:page'];
const rows = table.filter((row) => row.where === 'face' && !elsewhere.includes(row.call));

let db;
let collection;
let closed;

before(async () => {
  ({ db, collection } = await notes());
  const other = await notes();
  await other.db.close();
  closed = other;
});
after(() => db.close());

for (const row of rows) {
  test(`${row.row}: ${row.what}`, async () => {
    const before = await stored();
    const input = decode(row.input);
    const { error, value } = await outcome(() => call(row.call, input));
    if (row.code === null) {
      assert.equal(error, undefined);
      if (row.result !== undefined) assert.deepEqual(Array.isArray(value) ? value : { ids: value.ids }, row.result);
      return;
    }
    check(row, error);
    assert.deepEqual(await stored(), before, 'something was written');
  });
}

function check(row, error) {
  assert.ok(error, 'it was accepted');
  assert.equal(error.code, row.code, String(error.stack));
  assert.ok(seakeep.isSeakeepError(error, row.code));
  if (row.path !== undefined) assert.equal(error.path, row.path);
  if (row.says !== undefined) assert.ok(error.message.includes(row.says), error.message);
  const texts = [error.message, error.userMessage, error.hint, error.stack, JSON.stringify(error)].join('\n');
  assert.ok(row.canary === undefined || !texts.includes(row.canary), `the value is told: ${error.message}`);
  assert.ok(error.message.length < 500);
  assert.equal(error.retryable, false);
}

async function outcome(work) {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

async function stored() {
  return { documents: await collection.query(), pending: await db.outbox.list(), one: await db.settings.get('k') };
}

function call(name, input) {
  if (name.startsWith('closed:')) return on(closed.db, closed.collection, name.slice(7))(...input);
  const special = {
    'put:reentrant': reentrant,
    'put:mutated': mutated,
    'listener-throws': listenerThrows,
    'tx:foreign': foreign,
    'tx:nested': nested,
    'tx:ended': ended,
  }[name];
  if (special !== undefined) return special(...input);
  return on(db, collection, name)(...input);
}

/** The function that a name of the table stands for. */
function on(database, notes, name) {
  if (name === 'open') return seakeep.open;
  if (name === 'destroy') return seakeep.destroy;
  if (name === 'collection' || name === 'close' || name === 'on') return database[name];
  if (name === 'live.subscribe') return notes.live().subscribe;
  const [part, method] = name.split('.');
  return method === undefined ? notes[name] : database[part][method];
}

/** Row 44: a getter that writes while the document it belongs to is being read. */
async function reentrant() {
  let inner;
  const doc = {
    id: 'outer',
    get text() {
      inner = collection.put({ id: 'inner', text: 'in' });
      return 'out';
    },
  };
  await collection.put(doc);
  await inner;
  assert.equal((await collection.get('outer')).text, 'out');
  assert.equal((await collection.get('inner')).text, 'in');
}

/** Row 45: changes made after the call have no effect, nor have changes of what comes back. */
async function mutated() {
  const doc = { id: 'm', list: [{ n: 1 }] };
  const writing = collection.put(doc);
  doc.list[0].n = 2;
  const write = await writing;
  write.doc.list[0].n = 3;
  (await collection.get('m')).list[0].n = 4;
  assert.deepEqual(await collection.get('m'), { id: 'm', list: [{ n: 1 }] });
}

/** Row 60: what a transaction waits for is its own affair, for nothing is locked meanwhile. */
async function foreign(text) {
  await db.transaction(['notes'], async (tx) => {
    await tx.collection('notes').put({ id: 'foreign', text });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await tx.collection('notes').patch('foreign', { n: 1 });
  });
  assert.deepEqual(await collection.get('foreign'), { id: 'foreign', text, n: 1 });
}

/** Row 61. */
function nested(text) {
  return db.transaction(['notes'], (tx) => {
    tx.collection('notes').put({ id: 'nested', text });
    return db.transaction(['notes'], () => undefined);
  });
}

/** Row 62. */
async function ended(text) {
  const kept = await db.transaction(['notes'], (tx) => tx.collection('notes'));
  return kept.put({ id: 'ended', text });
}

/** Row 59: the listener's failure is an event, the other listener is called. */
async function listenerThrows(secret) {
  const reported = new Promise((resolve) => db.on('listener-error', resolve));
  const live = collection.live();
  let called = 0;
  live.subscribe(() => {
    throw new RangeError(secret);
  });
  live.subscribe(() => {
    called++;
  });
  const info = await reported;
  await collection.put({ id: 'l', text: 't' });
  for await (const { rows } of live) if (rows.some((row) => row.id === 'l')) break;
  live.close();
  assert.ok(called >= 2);
  assert.match(info.message, /live\.subscribe threw RangeError/);
  assert.ok(!JSON.stringify(info).includes(secret));
}
