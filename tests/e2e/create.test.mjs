// creating online and offline, and the temporary id's way into the server's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, keepFiles, reload, world } from './support/world.mjs';

const SECONDS = 8_000;
/** A page that is loaded again may have to wait until the lease of the page it was has run out (15 s). */
const LEASE = 20_000;
const LINKED = { assistants: { indexes: ['name'] }, notes: { references: { assistant: 'assistants' } } };
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('A-03 created online: visible at once, then with the id and the times that the server made', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { method: 'POST' }, fault: { delay: 700 } });
  const temporary = await page.evaluate(async () => {
    await begin();
    watch();
    const write = await assistants.put({ name: 'Ada', category: 'work' });
    follow(write);
    const [first] = await assistants.query();
    return { id: write.id, first, peeked: assistants.peek(write.id), synced: followed[0].synced !== undefined };
  });
  assert.equal(temporary.first.name, 'Ada');
  assert.equal(temporary.first.id, temporary.id);
  assert.equal(temporary.peeked.name, 'Ada');
  assert.equal(temporary.synced, false, 'it was visible before the server had answered');
  const synced = await until('synced', () => page.evaluate(() => followed[0].synced));
  const [there] = await server.documents();
  assert.equal(synced.id, there.id);
  assert.match(there.id, /^[\w-]{21}$/);
  assert.match(there.createdAt, ISO);
  assert.match(there.updatedAt, ISO);
  assert.deepEqual(synced.doc, there);
  const local = await page.evaluate(async (id) => {
    const rows = await raw('assistants');
    return {
      rows,
      got: await assistants.get(id),
      alias: await assistants.get(followed[0].id),
      pending: await raw('pending'),
    };
  }, there.id);
  assert.deepEqual(local.got, there);
  assert.deepEqual(local.alias, there, 'the temporary id still answers');
  assert.deepEqual(
    local.rows.map((row) => [row.id, row.doc]),
    [[there.id, there]],
  );
  assert.deepEqual(local.pending, []);
  await eventually('the live query to show it as synced', async () => {
    const { rows } = await page.evaluate(() => views.at(-1));
    assert.deepEqual(
      rows.map((row) => [row.id, row.state]),
      [[there.id, 'synced']],
    );
  });
  const keys = await page.evaluate(() => views.flatMap((view) => view.rows.map((row) => row.key)));
  assert.equal(new Set(keys).size, 1, 'one key from the first appearance to the last');
});

/** Writes two documents that know each other, while nothing can be sent. */
async function writeOffline(page) {
  return page.evaluate(async (collections) => {
    await begin({ collections });
    const ada = await assistants.put({ name: 'Ada' });
    const note = await db.collection('notes').put({ text: 'about her', assistant: ada.id });
    return { ada: ada.id, note: note.id };
  }, LINKED);
}

/** Opens again after a reload: the same rows wait, under the same keys. */
async function openAgain(page, before) {
  const again = await page.evaluate(async (collections) => {
    await begin({ collections });
    watch();
    return {
      notes: await db.collection('notes').query(),
      pending: await raw('pending'),
      all: await assistants.query(),
    };
  }, LINKED);
  assert.deepEqual(again.all, [{ id: before.ada, name: 'Ada' }]);
  assert.deepEqual(again.notes, [{ id: before.note, text: 'about her', assistant: before.ada }]);
  assert.equal(again.pending.length, 2);
  await eventually('the row as one that waits', async () => {
    const { rows } = await page.evaluate(() => views.at(-1));
    assert.deepEqual(
      rows.map((row) => [row.id, row.key]),
      [[before.ada, before.ada]],
    );
    // The page may have gone while an attempt was under way.
    assert.match(rows[0].state, /pending|sending/);
  });
}

/** Sent by itself; no trace of a temporary id but the stable key. */
async function arrived(page, server, before, timeout) {
  await until('both to arrive', async () => (await server.documents('notes')).length === 1, timeout);
  const [ada] = await server.documents();
  const [note] = await server.documents('notes');
  assert.equal(note.assistant, ada.id, 'the reference was rewritten before it was sent');
  await drained(page);
  const local = await page.evaluate(async () => ({
    assistants: await raw('assistants'),
    notes: await raw('notes'),
    alias: await raw('ids'),
  }));
  assert.deepEqual(
    local.assistants.map((row) => row.doc),
    [ada],
  );
  assert.deepEqual(
    local.notes.map((row) => row.doc),
    [note],
  );
  assert.ok(!JSON.stringify(local.notes.map((row) => row.doc)).includes('pending-'));
  assert.ok(local.alias.length > 0, 'the temporary ids are remembered');
  const alias = await page.evaluate((id) => assistants.get(id), before.ada);
  assert.deepEqual(alias, ada);
  await eventually('the same row under its old key', async () => {
    const { rows } = await page.evaluate(() => views.at(-1));
    assert.deepEqual(
      rows.map((row) => [row.id, row.key, row.state]),
      [[ada.id, before.ada, 'synced']],
    );
  });
}

test('A-04 created in an offline browser, reloaded offline: sent by itself when back online, the temporary id replaced everywhere', async (t) => {
  const { page, context, server } = await world(t);
  await keepFiles(context);
  await reload(page);
  await context.setOffline(true);
  const before = await writeOffline(page);
  await reload(page);
  assert.equal(await page.evaluate(() => navigator.onLine), false);
  await openAgain(page, before);
  assert.equal((await server.log({ writes: true })).length, 0);
  await context.setOffline(false);
  await arrived(page, server, before, SECONDS);
});

test('A-04 created while the server is unreachable, reloaded: sent by itself when it is back, the temporary id replaced everywhere', async (t) => {
  const { page, server } = await world(t);
  await server.cutOff();
  const before = await writeOffline(page);
  await reload(page);
  await openAgain(page, before);
  await until('an attempt in vain', async () => (await server.log({ method: 'POST' })).length > 0);
  assert.equal((await page.evaluate(() => raw('pending')))[0].retryCount, 0, 'being offline is not counted');
  await server.heal();
  assert.deepEqual(await server.documents(), []);
  await arrived(page, server, before, LEASE);
});
