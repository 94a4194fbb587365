// What has to work in every browser, end to end on the real server: `[name, body]`, a body gets `{ tab, open, server }`.
// The same bodies run in Chromium, Firefox and WebKitGTK; the whole suite is tests/e2e, in Chromium.

import assert from 'node:assert/strict';
import { eventually, until } from '../e2e/support/wait.mjs';

const LINKED = { assistants: { indexes: ['name'] }, notes: { references: { assistant: 'assistants' } } };
/** A page that is loaded again may have to wait until the lease of the page it was has run out (15 s). */
const LEASE = 30_000;

/** The outbox is empty, and so says the store. */
function drained(tab, timeout) {
  return eventually(
    'the outbox to be empty',
    async () => {
      const left = await tab.evaluate(async () => [await db.outbox.count(), (await raw('pending')).length]);
      assert.deepEqual(left, [0, 0]);
    },
    timeout,
  );
}

function event(tab, name) {
  const find = (name) => window.seen.find((one) => one.event === name)?.detail ?? false;
  return until(`the event ${name}`, () => tab.evaluate(find, name));
}

const names = (docs) => docs.map((doc) => doc.name).sort();

async function local({ tab }) {
  const got = await tab.evaluate(async () => {
    await begin({ sync: null });
    watch();
    const write = await assistants.put({ id: 'a1', name: 'Ada', category: 'work' });
    await assistants.putMany([
      { id: 'a2', name: 'Grace', category: 'home' },
      { id: 'a3', name: 'Joan', category: 'work' },
    ]);
    await assistants.patch('a1', { prompt: 'Think' });
    await assistants.remove('a3');
    const work = await assistants.query({ where: { category: 'work' } });
    return { id: write.id, doc: await assistants.get('a1', { fresh: true }), work, rows: await raw('assistants') };
  });
  const ada = { id: 'a1', name: 'Ada', category: 'work', prompt: 'Think' };
  assert.equal(got.id, 'a1');
  assert.deepEqual(got.doc, ada);
  assert.deepEqual(got.work, [ada]);
  const stored = got.rows.find((row) => row.id === 'a1');
  assert.deepEqual(stored.doc, ada, 'the store has the document as the app wrote it');
  await eventually('the live query', async () => {
    const rows = await tab.evaluate(() => views.at(-1).rows.map((row) => row.doc.name));
    assert.deepEqual(rows.sort(), ['Ada', 'Grace']);
  });
}

async function online({ tab, server }) {
  const synced = await tab.evaluate(async () => {
    await begin();
    const write = await assistants.put({ name: 'Ada' });
    const { id, doc } = await write.synced;
    return { temporary: write.id, id, doc, alias: await assistants.get(write.id) };
  });
  const [there] = await server.documents();
  assert.notEqual(synced.id, synced.temporary);
  assert.deepEqual([synced.id, synced.doc, synced.alias], [there.id, there, there]);
  await tab.evaluate((id) => assistants.patch(id, { name: 'Ada L.' }), there.id);
  await drained(tab);
  assert.equal((await server.document(there.id)).name, 'Ada L.');
  await tab.evaluate((id) => assistants.remove(id), there.id);
  await drained(tab);
  assert.deepEqual(await server.documents(), []);
  assert.deepEqual(await tab.evaluate(() => raw('assistants')), []);
}

async function offline({ tab, server }) {
  await server.cutOff();
  const write = async (collections) => {
    await begin({ collections });
    const ada = await assistants.put({ name: 'Ada' });
    const note = await db.collection('notes').put({ text: 'about her', assistant: ada.id });
    return { ada: ada.id, note: note.id };
  };
  const before = await tab.evaluate(write, LINKED);
  await tab.reload();
  const again = async (collections) => {
    await begin({ collections });
    return [await assistants.query(), await db.collection('notes').query(), (await raw('pending')).length];
  };
  const kept = await tab.evaluate(again, LINKED);
  const note = { id: before.note, text: 'about her', assistant: before.ada };
  assert.deepEqual(kept, [[{ id: before.ada, name: 'Ada' }], [note], 2]);
  await server.heal();
  await drained(tab, LEASE);
  const [[ada], [there]] = [await server.documents(), await server.documents('notes')];
  assert.equal(there.assistant, ada.id, 'the reference was rewritten before it was sent');
  const after = await tab.evaluate(
    async (id) => ({ rows: await raw('assistants'), notes: await raw('notes'), alias: await assistants.get(id) }),
    before.ada,
  );
  assert.deepEqual([after.rows[0].doc, after.notes[0].doc, after.alias], [ada, there, ada]);
}

async function lostAnswer({ tab, server }) {
  await server.order({ match: { method: 'POST' }, fault: { drop: 'after' } });
  await tab.evaluate(async () => {
    await begin();
    await assistants.put({ name: 'Once' });
  });
  await drained(tab);
  assert.deepEqual(names(await server.documents()), ['Once']);
  const posts = await server.log({ method: 'POST' });
  assert.equal(posts.length, 2, 'sent twice');
  assert.equal(new Set(posts.map((one) => one.key)).size, 1, 'under one key');
}

async function burst({ tab, server }) {
  await server.cutOff();
  await tab.evaluate(async () => {
    await begin();
    await Promise.all(Array.from({ length: 200 }, (_, at) => assistants.put({ id: `b${at}`, name: `Burst ${at}` })));
  });
  await tab.reload();
  const kept = await tab.evaluate(async () => {
    await begin();
    return [await assistants.count(), (await raw('assistants')).length, await db.outbox.count()];
  });
  assert.deepEqual(kept, [200, 200, 200], 'what was acknowledged is there');
  await server.heal();
  await drained(tab, LEASE);
  assert.equal((await server.documents()).length, 200);
  const keys = (await server.log({ method: 'PUT' })).filter((one) => one.status === 201).map((one) => one.key);
  assert.equal(new Set(keys).size, 200, 'each was executed under a key of its own');
}

async function login({ tab, server }) {
  await server.order({ match: { method: 'POST' }, times: 2, fault: { status: 401 } });
  await tab.evaluate(async () => {
    window.asked = 0;
    await begin({ sync: { auth: () => ({ Authorization: `Bearer ${++window.asked}` }) } });
    await assistants.put({ name: 'Ada' });
  });
  await event(tab, 'auth-required');
  const [row] = await tab.evaluate(() => raw('pending'));
  assert.equal(row.retryCount, 0, 'a login that ran out is no attempt');
  await tab.evaluate(() => db.sync.now());
  await drained(tab);
  assert.deepEqual(names(await server.documents()), ['Ada']);
}

async function conflict({ tab, server }) {
  const { id } = await server.create({ name: 'Ada', category: 'work', prompt: 'Think' });
  await tab.evaluate(async () => {
    await begin({ sync: { pullInterval: 0, auto: false } });
    await db.sync.now();
  });
  await server.update(id, { category: 'home' });
  const ours = async (id) => {
    await assistants.patch(id, { prompt: 'Think twice' });
    await db.sync.now({ pull: false });
  };
  await tab.evaluate(ours, id);
  await drained(tab);
  const patches = (await server.log({ method: 'PATCH' })).map((one) => one.status);
  assert.deepEqual(patches, [412, 200]);
  const there = await server.document(id);
  assert.deepEqual([there.category, there.prompt], ['home', 'Think twice'], 'both sides’ fields are kept');
  assert.equal((await event(tab, 'conflict')).id, id);
  await eventually('the same here', async () => {
    assert.deepEqual(await tab.evaluate((id) => assistants.get(id), id), there);
  });
}

async function refused({ tab, server }) {
  await tab.evaluate(async () => {
    await begin();
    follow(await assistants.put({ name: 'x'.repeat(101) }));
  });
  const parked = await event(tab, 'parked');
  assert.equal(parked.error.code, 'VALIDATION');
  const stored = await tab.evaluate(async () =>
    (await raw('pending')).map(({ state, lastError }) => [state, lastError]),
  );
  assert.equal(stored.length, 1, 'parked, not dropped');
  assert.equal(stored[0][0], 'parked');
  assert.ok(stored[0][1].fields.name, 'the server’s word on the field');
  await tab.evaluate(async () => {
    const [{ mutationId }] = await db.outbox.list({ state: 'parked' });
    await db.outbox.edit(mutationId, { name: 'Short' });
  });
  await drained(tab);
  assert.deepEqual(names(await server.documents()), ['Short']);
}

async function parked({ tab, server }) {
  await server.order({ match: { method: 'POST' }, fault: { status: 403 } });
  await tab.evaluate(async () => {
    await begin();
    follow(await assistants.put({ name: 'Ada' }));
  });
  assert.equal((await event(tab, 'parked')).error.code, 'FORBIDDEN');
  await until('synced to say so', () => tab.evaluate(() => followed[0].error?.parked ?? false));
  await tab.reload();
  const waiting = await tab.evaluate(async () => {
    await begin();
    await assistants.put({ id: 'other', name: 'Grace' });
    return (await db.outbox.list({ state: 'parked' })).map((change) => [change.lastError.code, change.data.name]);
  });
  assert.deepEqual(waiting, [['FORBIDDEN', 'Ada']], 'parked, not dropped, also by the page that is loaded again');
  await eventually(
    'the others to go on',
    async () => assert.deepEqual(names(await server.documents()), ['Grace']),
    LEASE,
  );
  assert.equal(await tab.evaluate(() => db.outbox.retry()), 1);
  await drained(tab, LEASE);
  assert.deepEqual(names(await server.documents()), ['Ada', 'Grace']);
}

async function choice({ tab, server }) {
  const { id } = await server.create({ name: 'Ada' });
  await tab.evaluate(async () => {
    await begin({ collections: { assistants: { conflict: 'manual' } }, sync: { pullInterval: 0, auto: false } });
    await db.sync.now();
  });
  await server.update(id, { name: 'Theirs' });
  const open = await tab.evaluate(async (id) => {
    await assistants.patch(id, { name: 'Ours' });
    await db.sync.now({ pull: false });
    return (await db.conflicts.list({ status: 'open' })).map(({ base, local, remote }) => [base, local, remote]);
  }, id);
  assert.deepEqual(
    open.map((one) => one.map((doc) => doc.name)),
    [['Ada', 'Ours', 'Theirs']],
  );
  await tab.evaluate(async () => {
    const [{ conflictId }] = await db.conflicts.list({ status: 'open' });
    await db.conflicts.resolve(conflictId, 'local');
    await db.sync.now();
  });
  await drained(tab);
  assert.equal((await server.document(id)).name, 'Ours');
  assert.deepEqual(await tab.evaluate(() => db.conflicts.list({ status: 'open' })), []);
}

async function pull({ tab, server }) {
  const kept = await server.create({ name: 'Ada' });
  const gone = await server.create({ name: 'Grace' });
  await tab.evaluate(async () => {
    await begin();
    watch();
  });
  const shown = (expected) =>
    eventually(`${expected} in the live query`, async () => {
      assert.deepEqual(
        await tab.evaluate(() =>
          views
            .at(-1)
            .rows.map((row) => row.doc.name)
            .sort(),
        ),
        expected,
      );
    });
  await shown(['Ada', 'Grace']);
  await server.update(kept.id, { name: 'Ada L.' });
  await server.remove(gone.id);
  await server.create({ name: 'Joan' });
  await shown(['Ada L.', 'Joan']);
}

async function twoTabs({ tab, open, server }) {
  const begun = async () => {
    await begin();
    watch();
  };
  await tab.evaluate(begun);
  await tab.evaluate(async () => void (await (await assistants.put({ name: 'Ada' })).synced));
  const second = await open();
  await second.evaluate(begun);
  await second.evaluate(async () => follow(await assistants.put({ name: 'Grace' })));
  await until('synced in the tab that does not send', () => second.evaluate(() => followed[0].synced ?? false));
  const leaders = [await tab.evaluate(() => db.sync.status.leader), await second.evaluate(() => db.sync.status.leader)];
  assert.deepEqual(leaders, [true, false], 'one tab sends');
  assert.deepEqual(names(await server.documents()), ['Ada', 'Grace']);
  assert.equal((await server.log({ method: 'POST' })).length, 2, 'each change was sent by one tab only');
  await eventually('both rows in the first tab', async () => {
    assert.deepEqual(
      await tab.evaluate(() =>
        views
          .at(-1)
          .rows.map((row) => row.doc.name)
          .sort(),
      ),
      ['Ada', 'Grace'],
    );
  });
  await tab.close();
  await second.evaluate(() => assistants.put({ name: 'Joan' }));
  await drained(second, LEASE);
  assert.equal(await second.evaluate(() => db.sync.status.leader), true, 'the other tab took over');
  assert.deepEqual(names(await server.documents()), ['Ada', 'Grace', 'Joan']);
}

export const bodies = [
  ['local: writes, reads, queries and live queries on IndexedDB', local],
  ['online: created with the server’s id, updated, deleted', online],
  ['written while the server is away, loaded again: all arrives, temporary ids are replaced', offline],
  ['an answer lost after the commit: sent again under its key, executed once', lostAnswer],
  ['two hundred writes at once, loaded again at once: all are there, all arrive once', burst],
  ['a login that ran out: everything waits, nothing counts, then goes on', login],
  ['another client changed the document meanwhile: 412, both sides’ fields are kept', conflict],
  ['refused (422): parked with the fields, edited, sent', refused],
  ['refused (403): parked, there after a reload, the others go on; tried again, sent', parked],
  ['both changed the same field: in the inbox until a person chooses', choice],
  ['pulled: what others created, changed and deleted', pull],
  ['two tabs: one sends, the other takes over', twoTabs],
];
