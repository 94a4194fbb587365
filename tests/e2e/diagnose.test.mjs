// B-10: the report on everything in a real browser: what it says of the place is true, the store's name is that of the store,
// and it answers when the store or the handle does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { reload, world } from './support/world.mjs';

const report = (page) => page.evaluate(() => db.diagnose());
const storeId = async (page) => (await report(page)).database.storeId;

test('B-10 a report says what the page, the store, the server and the outbox are like, and no content', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ version: 2, sync: { pullInterval: 0 } });
    await assistants.put({ id: 'there', name: 'canary-7f3a' });
    await db.sync.now();
    db.sync.stop();
    await assistants.put({ id: 'waits', name: 'canary-7f3a' });
    await outcome(() => assistants.add({ id: 'waits', name: 'canary-7f3a' }));
  });
  const said = await report(page);
  const place = await page.evaluate(async () => ({
    indexedDB: 'indexedDB' in window,
    locks: 'locks' in navigator,
    broadcastChannel: 'BroadcastChannel' in window,
    persist: 'persist' in (navigator.storage ?? {}),
    estimate: 'estimate' in (navigator.storage ?? {}),
    secureContext: isSecureContext,
    subtleCrypto: crypto.subtle !== undefined,
    compileStreaming: 'compileStreaming' in WebAssembly,
    networkInformation: 'connection' in navigator,
    freezing: 'onfreeze' in document,
    ownStorage: true,
  }));
  assert.deepEqual(said.capabilities, place);
  assert.deepEqual([said.storage.kind, said.storage.answers], ['indexeddb', true]);
  assert.ok(said.storage.quota > said.storage.usage && said.storage.usage > 0);
  assert.equal(said.storage.persisted, await page.evaluate(() => navigator.storage.persisted()));
  assert.deepEqual([said.counters.pending, said.counters.stats.pushed, said.sync.state], [1, 1, 'held']);
  assert.equal(said.sync.reachable, true);
  assert.ok(Math.abs(said.sync.clockOffset) < 5_000, `${said.sync.clockOffset}`);
  assert.deepEqual(
    said.lastErrors.map(({ code }) => code),
    ['ALREADY_EXISTS'],
  );
  assert.equal(said.database.schemaVersion, 2);
  const text = JSON.stringify(said);
  for (const secret of ['canary', 'waits', 'there', server.url])
    assert.ok(!text.includes(secret), `${secret}: ${text}`);
});

test('B-10 storeId: one in all tabs and after reloads, another one after destroy() and after a wipe', async (t) => {
  const { page: first, open, context, server } = await world(t);
  await first.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  const second = await open();
  await second.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  const id = await storeId(first);
  assert.match(id, /^[\w-]{20,}$/);
  assert.equal(await storeId(second), id);
  assert.equal(
    await first.evaluate(async () => (await raw('meta')).includes((await db.diagnose()).database.storeId)),
    true,
    'it stands in the store itself',
  );
  await second.close();
  await reload(first);
  await first.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  assert.equal(await storeId(first), id);

  const chromium = await context.newCDPSession(first);
  await chromium.send('Storage.clearDataForOrigin', { origin: server.url, storageTypes: 'indexeddb' });
  const wiped = await until('another store', async () => {
    await first.evaluate(() => outcome(() => assistants.count()));
    const now = await storeId(first);
    return now !== id && now;
  });
  const destroyed = await first.evaluate(async () => {
    const { name } = db;
    await db.close();
    await seakeep.destroy(name, { discardPending: true });
    const anew = await seakeep.open(name, { collections: { assistants: {} } });
    const { database } = await anew.diagnose();
    await anew.close();
    return database.storeId;
  });
  assert.equal(new Set([id, wiped, destroyed]).size, 3, `${id} ${wiped} ${destroyed}`);
});

test('B-10 a store that is broken, and newer code in another tab: the report is given and names them', async (t) => {
  const { page, open } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: null });
    window.whole = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = () => {
      throw new DOMException('a text with canary-7f3a', 'UnknownError');
    };
  });
  const broken = await report(page);
  assert.equal(broken.storage.answers, false);
  assert.equal(broken.counters.stats, undefined);
  assert.match(broken.database.storeId, /^[\w-]{20,}$/);
  assert.ok(!JSON.stringify(broken).includes('canary'));
  await page.evaluate(() => {
    IDBDatabase.prototype.transaction = window.whole;
  });
  await until('the store to be back', () =>
    page.evaluate(async () => (await outcome(() => assistants.count())).value === 0),
  );
  const newer = await open();
  await newer.evaluate(() => begin({ sync: null, version: 9 }));
  await eventually('the older handle to be closed', async () => {
    const { error } = await page.evaluate(() => outcome(() => assistants.count()));
    assert.equal(error?.code, 'DB_VERSION_NEWER');
  });
  const left = await report(page);
  assert.deepEqual([left.lastErrors[0].code, left.storage.answers], ['DB_VERSION_NEWER', false]);
  assert.equal(left.database.storeId, await storeId(newer));
  const closed = await page.evaluate(async () => {
    await db.close();
    return outcome(() => db.diagnose());
  });
  assert.ok(['CLOSED', 'DB_VERSION_NEWER'].includes(closed.error.code));
});

test('B-10 a frame of another site is told to have a storage of its own', async (t) => {
  const { page, server } = await world(t);
  const other = server.url.replace('127.0.0.1', 'localhost');
  assert.notEqual(other, server.url);
  await page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.src = src;
    document.body.append(frame);
  }, `${other}/`);
  const frame = await until('the frame', () => page.frames().find((one) => one.url().startsWith(other)));
  await until('the frame to have the package', () => frame.evaluate(() => window.begin !== undefined));
  await frame.evaluate(() => begin({ sync: null, storage: 'memory' }));
  const { capabilities } = await frame.evaluate(() => db.diagnose());
  assert.deepEqual([capabilities.ownStorage, capabilities.indexedDB], [false, true]);
  await page.evaluate(() => begin({ sync: null }));
  assert.equal((await report(page)).capabilities.ownStorage, true);
});
