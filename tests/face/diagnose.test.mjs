// B-10: the report on everything, on the real module in memory: what it says, what it never says, and that it answers when
// other calls do not.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checked, modules, until } from './modules.mjs';
import { failure, notes, seakeep } from './package.mjs';
import { server } from './server.mjs';

const CANARY = 'canary-7f3a';
let face;
let made = 0;

before(async () => {
  face = await modules();
});

async function synced(options = {}) {
  const answers = server();
  const sync = { url: `http://${CANARY}.test/api`, fetch: answers.fetch, auto: false, ...options.sync };
  const db = await seakeep.open(`diagnose-${++made}`, {
    storage: 'memory',
    collections: { notes: {} },
    version: 3,
    ...options,
    sync,
  });
  after(() => db.close());
  return { db, notes: db.collection('notes'), answers };
}

test('it says which build, which database, where it is kept, what waits and what was done', async () => {
  const { db, notes } = await synced();
  await notes.put({ id: 'a', text: 'one' });
  await db.sync.now();
  const waiting = await notes.put({ id: 'b', text: 'two' });
  const report = await db.diagnose();
  assert.deepEqual(Object.keys(report).sort(), [
    'at',
    'build',
    'capabilities',
    'counters',
    'database',
    'lastErrors',
    'storage',
    'sync',
    'version',
  ]);
  assert.equal(report.version, seakeep.version);
  assert.match(report.build, /\w/);
  assert.ok(Math.abs(report.at - Date.now()) < 60_000);
  const { name, schemaVersion, storeId } = report.database;
  assert.deepEqual([name, schemaVersion], [db.name, 3]);
  assert.match(storeId, /^[\w-]{20,}$/);
  const { kind, durability, answers } = report.storage;
  assert.deepEqual({ kind, durability, answers }, { kind: 'memory', durability: 'strict', answers: true });
  const { pending, parked, conflicts, stats, metrics, oldest } = report.counters;
  assert.deepEqual([pending, parked, conflicts, stats.pushed, metrics.sync.succeeded], [1, 0, 0, 1, 1]);
  assert.ok(Math.abs(oldest - report.at) < 60_000 && waiting.mutationId !== undefined);
  assert.deepEqual([report.sync.state, report.sync.auto, report.sync.leader], ['held', false, true]);
  assert.equal(report.sync.holds, 1);
  assert.ok(Number.isFinite(report.sync.clockOffset));
  assert.deepEqual(report.lastErrors, []);
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report, 'it is plain data');
});

test('capabilities are those of the place: in Node there is no IndexedDB', async () => {
  const { db } = await synced();
  const { capabilities } = await db.diagnose();
  assert.ok(Object.values(capabilities).every((one) => typeof one === 'boolean'));
  assert.equal(capabilities.indexedDB, globalThis.indexedDB !== undefined);
  assert.equal(capabilities.broadcastChannel, globalThis.BroadcastChannel !== undefined);
  assert.equal(capabilities.subtleCrypto, globalThis.crypto?.subtle !== undefined);
});

test('a look that is forbidden, or a frame of another site, is told as what it is', () => {
  const forbidden = () => {
    throw new Error('SecurityError');
  };
  const place = {
    get indexedDB() {
      return forbidden();
    },
    get top() {
      return {
        location: {
          get origin() {
            return forbidden();
          },
        },
      };
    },
    location: { origin: 'https://a.test' },
    navigator: { locks: {}, storage: { estimate() {} } },
    document: { onfreeze: null },
  };
  const all = face.capabilities(place);
  assert.deepEqual(
    [all.indexedDB, all.ownStorage, all.locks, all.estimate, all.persist, all.freezing],
    [false, false, true, true, false, true],
  );
  const { origin } = place.location;
  assert.equal(
    face.capabilities({ top: { location: { origin } }, location: { origin }, indexedDB: {} }).ownStorage,
    true,
  );
});

test('nothing of a document, of a user, of an address or of a header is in it', async () => {
  const sync = { auth: () => ({ authorization: `Bearer ${CANARY}` }) };
  const validate = (doc) => (doc.text === 'bad' ? { [CANARY]: `${CANARY} is not allowed` } : undefined);
  const { db, notes, answers } = await synced({ sync, user: CANARY, collections: { notes: { validate } } });
  answers.say((asked) =>
    asked.path.endsWith(`${CANARY}-no`)
      ? Response.json({ title: CANARY, detail: CANARY, errors: { [CANARY]: CANARY } }, { status: 422 })
      : undefined,
  );
  await notes.put({ id: `${CANARY}-no`, text: CANARY });
  await failure(() => notes.put({ id: CANARY, text: 'bad' }));
  await failure(() => notes.put({ id: CANARY, members: { [CANARY]: () => 1 } }));
  await failure(() => notes.remove(`${CANARY}-none`));
  await failure(() => notes.patch(`${CANARY}-no`, { n: CANARY, text: { $increment: CANARY } }));
  await db.metrics.measure(CANARY, async () => undefined);
  await db.settings.set(CANARY, CANARY);
  db.sync.subscribe(() => {
    throw new Error(CANARY);
  });
  await db.sync.now();
  await until(() => db.sync.status.parked === 1);
  db.sync.hold(CANARY);
  const report = await db.diagnose();
  const codes = report.lastErrors.map(({ code }) => code);
  for (const code of ['VALIDATION', 'DOC_UNSUPPORTED', 'NOT_FOUND', 'LISTENER_ERROR'])
    assert.ok(codes.includes(code), code);
  assert.ok(report.lastErrors.some(({ code, status }) => code === 'VALIDATION' && status === 422));
  assert.ok(!JSON.stringify(report).includes(CANARY), JSON.stringify(report, undefined, 1));
});

test('the store has one name for all of its handles, and another one after it was destroyed', async () => {
  const name = `diagnose-${++made}`;
  const open = () => seakeep.open(name, { storage: 'memory', collections: { notes: {} } });
  const id = async (db) => (await db.diagnose()).database.storeId;
  const [first, second] = [await open(), await open()];
  const named = await id(first);
  assert.equal(await id(second), named);
  await first.close();
  await second.close();
  const again = await open();
  assert.equal(await id(again), named, 'closing changes nothing');
  await seakeep.destroy(name, { discardPending: true });
  const anew = await open();
  after(() => anew.close());
  assert.notEqual(await id(anew), named);
});

test('after close() it rejects CLOSED; a handle that lost its database still says what it knows', async () => {
  const { db } = await notes();
  await db.close();
  assert.equal((await failure(() => db.diagnose())).code, 'CLOSED');
  const name = `diagnose-${++made}`;
  const left = await seakeep.open(name, { storage: 'memory', collections: { notes: {} } });
  const { database } = await left.diagnose();
  await seakeep.destroy(name, { discardPending: true });
  await until(() => failure(() => left.collection('notes').get('a')).then(({ code }) => code === 'CLOSED'));
  const report = await left.diagnose();
  assert.deepEqual(report.database, database);
  assert.deepEqual([report.storage.answers, report.lastErrors[0].code], [false, 'CLOSED']);
  assert.equal(report.counters.stats, undefined);
});

test('a store that never answers, an engine that has crashed: it answers all the same', async (t) => {
  const options = checked(face);
  const handle = new face.Handle(options, true, () => undefined);
  const never = () => new Promise(() => undefined);
  const about = () => ({ storeId: 'known', clockOffset: -7 });
  handle.attach({ mark: never, stats: never, about, news: () => [], close: async () => undefined });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked = face.diagnose(handle, 'unit');
  t.mock.timers.tick(2_000);
  const report = await asked;
  assert.deepEqual([report.storage.answers, report.database.storeId, report.sync.clockOffset], [false, 'known', -7]);
  handle.crash('unreachable');
  const crashed = await face.diagnose(handle, 'unit');
  assert.equal(crashed.lastErrors[0].code, 'ENGINE_CRASHED');
  assert.equal(crashed.storage.answers, false);
  await handle.close();
  await assert.rejects(face.diagnose(handle, 'unit'), { code: 'ENGINE_CRASHED' });
});

test('the last errors are fifty, each once, the newest first', () => {
  const errors = new face.LastErrors(['notes']);
  const error = (n, at) => ({ code: `E_${n}`, message: `${n}`, retryable: false, at, fields: { secret: 'x' } });
  for (let n = 0; n < 60; n++) errors.note(error(n, 1000 + n));
  errors.note(error(30, 2000));
  errors.note(error(20, 5));
  const all = errors.list();
  assert.equal(all.length, 50);
  assert.deepEqual([all[0].code, all[0].at, all[1].code, all.at(-1).code], ['E_30', 2000, 'E_59', 'E_10']);
  assert.equal(all.find(({ code }) => code === 'E_20').at, 1020, 'what was heard before stays as of its last time');
  assert.ok(all.every((one) => one.fields === undefined && typeof one.userMessage === 'string'));
  errors.note({ code: 'NOT_FOUND', message: 'no such document: notes/secret id', retryable: false });
  errors.note({
    code: 'DOC_CYCLE',
    message: '$.a["secret \n"].b refers back to $.a["secret \n"]',
    path: '$.a["secret \n"].b',
    retryable: false,
  });
  assert.deepEqual(
    errors
      .list()
      .slice(0, 2)
      .map(({ message }) => message),
    ['… refers back to …', 'no such document: notes/…'],
  );
  errors.list()[0].code = 'CHANGED';
  assert.notEqual(errors.list()[0].code, 'CHANGED');
});
