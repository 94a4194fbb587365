// Two bundles of the package on one origin and one database: the older writer steps down, the newer one sends for both.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Chromium } from './support/cdp.mjs';
import { foldersOfTwoVersions } from './support/folder.mjs';
import { startServer } from './support/server.mjs';
import { eventually, until } from './support/wait.mjs';
import { drained, pageFolder, seen, world } from './support/world.mjs';

before(foldersOfTwoVersions);

const names = async (server) => (await server.documents()).map((doc) => doc.name).sort();
const requests = async (server) => (await server.log({ method: 'POST' })).length;

test('newer code takes the database over: the older tab says so, refuses and rests; nothing is lost or doubled', async (t) => {
  const { page: older, open, server } = await world(t);
  await older.evaluate(async () => {
    await begin();
    db.on('closed-for-upgrade', () => seen.push({ event: 'closed-for-upgrade', detail: {} }));
    window.states = [];
    db.sync.subscribe((status) => states.push([status.state, status.leader]));
    await (await assistants.put({ name: 'Ada' })).synced;
    await db.sync.now();
  });
  await server.cutOff();
  const attempt = older.waitForRequest((request) => request.method() === 'POST');
  await older.evaluate(async () => {
    follow(await assistants.put({ name: 'Under way' }));
    follow(await assistants.put({ name: 'Waiting' }));
  });
  await attempt;
  const newer = await open('/newer/');
  await newer.evaluate(async () => {
    await begin();
    watch();
  });
  await seen(older, 'update-required');
  await seen(older, 'closed-for-upgrade');
  assert.deepEqual(await older.evaluate(() => states.at(-1)), ['needs-update', false]);
  assert.deepEqual(await older.evaluate(() => [db.sync.status.state, db.sync.status.leader]), ['needs-update', false]);
  const refused = await older.evaluate(async () => [
    await outcome(() => assistants.put({ name: 'Too late' })),
    await outcome(() => assistants.query()),
    await outcome(() => db.transaction(['assistants'], () => undefined)),
    await outcome(() => db.sync.now()),
  ]);
  assert.deepEqual(
    refused.map((one) => one.error?.code),
    Array(4).fill('DB_VERSION_NEWER'),
  );
  assert.deepEqual([refused[0].error.retryable, /reload/.test(refused[0].error.userMessage)], [false, true]);
  const followed = await older.evaluate(() => followed.map((one) => one.error?.code));
  assert.deepEqual(followed, ['DB_VERSION_NEWER', 'DB_VERSION_NEWER']);
  const before = await requests(server);
  await server.heal();
  await drained(newer, 45_000);
  assert.deepEqual(await names(server), ['Ada', 'Under way', 'Waiting']);
  assert.ok((await requests(server)) > before);
  const keys = (await server.log({ method: 'POST' })).filter((one) => one.status === 201).map((one) => one.key);
  assert.equal(new Set(keys).size, keys.length, 'each change was executed once');
  await until('the newer one to lead', () => newer.evaluate(() => db.sync.status.leader));
  await older.evaluate(() => db.close());

  // The older bundle is refused, with or without a higher schema; nothing is changed by its trying.
  await older.reload();
  await until('the package', () => older.evaluate(() => window.begin !== undefined));
  for (const version of [1, 9]) {
    const again = await older.evaluate((version) => outcome(() => begin({ version })), version);
    assert.equal(again.error.code, 'DB_VERSION_NEWER');
    assert.match(again.error.message, /writer 2/);
  }
  await newer.evaluate(async () => (await assistants.put({ name: 'After' })).synced);
  assert.deepEqual(await names(server), ['Ada', 'After', 'Under way', 'Waiting']);
});

test('the newer code comes while the older one writes as fast as it can: each write is kept or refused', async (t) => {
  const { page: older, open, server } = await world(t);
  await older.evaluate(async () => {
    await begin();
    window.kept = [];
    window.lost = [];
    let number = 0;
    window.writing = setInterval(() => {
      const name = `W${String(++number).padStart(4, '0')}`;
      assistants.put({ name }).then(
        () => kept.push(name),
        (error) => lost.push(error.code),
      );
    }, 2);
  });
  await until('some writes', () => older.evaluate(() => kept.length > 20));
  const newer = await open('/newer/');
  await newer.evaluate(() => begin());
  await until('refusals', () => older.evaluate(() => lost.length > 20));
  await older.evaluate(() => clearInterval(writing));
  const { kept, lost } = await older.evaluate(() => ({ kept, lost }));
  assert.deepEqual([...new Set(lost)], ['DB_VERSION_NEWER']);
  await drained(newer, 60_000);
  assert.deepEqual(await names(server), kept.sort());
});

test('a frozen page of the older code does not hold the newer one up, and steps down when it thaws', async (t) => {
  const server = await startServer({ www: pageFolder() });
  t.after(() => server.stop());
  const chromium = await Chromium.start(t);
  const older = await chromium.open(`${server.url}/`);
  await older.evaluate(async () => {
    await begin();
    await (await assistants.put({ name: 'Ada' })).synced;
  });
  // A transaction that just commits would hold the connection until its end is told.
  await older.evaluate(async () => {
    db.sync.hold('to be quiet');
    await assistants.put({ name: 'Left behind' });
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  await older.freeze();
  const newer = await chromium.open(`${server.url}/newer/`);
  const since = Date.now();
  await newer.evaluate(() => begin());
  assert.ok(Date.now() - since < 5_000, 'the upgrade is not blocked');
  await newer.drained(30_000);
  assert.deepEqual(await names(server), ['Ada', 'Left behind']);
  await older.thaw();
  await eventually('the older one to step down', async () =>
    assert.deepEqual(await older.evaluate(() => [db.sync.status.state, db.sync.status.leader]), [
      'needs-update',
      false,
    ]),
  );
  const late = await older.evaluate(() => outcome(() => assistants.put({ name: 'Late' })));
  assert.equal(late.error.code, 'DB_VERSION_NEWER');
});
