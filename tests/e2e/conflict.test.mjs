// A-10: another client changes the same document in between; optimistic locking finds it, both sides' fields stay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from './support/browser.mjs';
import { eventually } from './support/wait.mjs';
import { drained, ready, reload, seen, world } from './support/world.mjs';

/** The page has the document, and sends a change of it without pulling, after another client changed it. */
async function meanwhile(page, server, theirs, ours) {
  const { id } = await server.create({ name: 'Ada', category: 'work', prompt: 'Think' });
  await page.evaluate(async () => {
    await begin({ sync: { pullInterval: 0, auto: false } });
    await db.sync.now();
  });
  await server.update(id, theirs);
  await server.forgetLog();
  await page.evaluate(
    async ([id, ours]) => {
      follow(await assistants.patch(id, ours));
      await db.sync.now({ pull: false });
    },
    [id, ours],
  );
  await drained(page);
  return id;
}

test('A-10 different fields: the 412 is announced and resolved, both fields are kept on both sides', async (t) => {
  const { page, server } = await world(t);
  const id = await meanwhile(page, server, { category: 'home' }, { prompt: 'Think twice' });
  const there = await server.document(id);
  assert.equal(there.category, 'home');
  assert.equal(there.prompt, 'Think twice');
  const patches = await server.log({ method: 'PATCH' });
  assert.deepEqual(
    patches.map((one) => one.status),
    [412, 200],
  );
  const conflict = await seen(page, 'conflict');
  const resolved = await seen(page, 'resolved');
  assert.equal(conflict.type, 'edit-edit');
  assert.equal(conflict.collection, 'assistants');
  assert.equal(conflict.id, id);
  assert.equal(conflict.base.prompt, 'Think');
  assert.equal(conflict.local.prompt, 'Think twice');
  assert.equal(conflict.remote.category, 'home');
  assert.deepEqual(conflict.fields, [], 'no field was changed by both');
  assert.equal(resolved.conflictId, conflict.conflictId);
  assert.equal(resolved.status, 'resolved');
  assert.equal(resolved.strategy, 'fields');
  await eventually('the document refreshed from the server', async () => {
    assert.deepEqual(await page.evaluate((id) => assistants.get(id), id), there);
    assert.deepEqual((await page.evaluate(() => raw('assistants')))[0].doc, there);
  });
  const synced = await page.evaluate(() => followed[0].synced);
  assert.equal(synced.doc.category, 'home');
  assert.equal(synced.doc.prompt, 'Think twice');
});

test('A-10 the same field: the conflict names it with all three values, and both sides end equal', async (t) => {
  const { page, server } = await world(t);
  const id = await meanwhile(page, server, { prompt: 'Theirs' }, { prompt: 'Ours' });
  const conflict = await seen(page, 'conflict');
  assert.deepEqual(
    conflict.fields.map(({ path, base, local, remote }) => ({ path, base, local, remote })),
    [{ path: 'prompt', base: 'Think', local: 'Ours', remote: 'Theirs' }],
  );
  const there = await server.document(id);
  assert.ok(['Ours', 'Theirs'].includes(there.prompt));
  await eventually('equal', async () => assert.deepEqual(await page.evaluate((id) => assistants.get(id), id), there));
  assert.equal((await page.evaluate(() => db.sync.status)).conflicts, 0);
});

test('A-10 found early: a pull that brings another version under a pending change keeps the change on top of it', async (t) => {
  const { page, server } = await world(t);
  const { id } = await server.create({ name: 'Ada', category: 'work', prompt: 'Think' });
  await server.order({ match: { method: 'PATCH' }, times: 0, fault: { offline: true } });
  await page.evaluate(async (id) => {
    await begin({ sync: { auto: false } });
    await db.sync.now();
    await assistants.patch(id, { prompt: 'Ours' });
  }, id);
  await server.heal();
  await server.update(id, { category: 'home', name: 'Ada L.' });
  await page.evaluate(() => assistants.refresh());
  const rebased = await page.evaluate(
    async (id) => ({ doc: await assistants.get(id, { fresh: true }), pending: await raw('pending') }),
    id,
  );
  assert.deepEqual([rebased.doc.name, rebased.doc.category, rebased.doc.prompt], ['Ada L.', 'home', 'Ours']);
  assert.equal(rebased.pending.length, 1);
  await server.forgetLog();
  await page.evaluate(() => db.sync.now());
  const patches = await server.log({ method: 'PATCH' });
  assert.deepEqual(
    patches.map((one) => one.status),
    [200],
  );
  const there = await server.document(id);
  assert.deepEqual([there.name, there.category, there.prompt], ['Ada L.', 'home', 'Ours']);
});

test('A-10 deleted there, changed here: told as a conflict of its own kind, neither side undone by itself', async (t) => {
  const { page, server } = await world(t);
  const { id } = await server.create({ name: 'Ada' });
  await page.evaluate(async () => {
    await begin({ sync: { pullInterval: 0, auto: false } });
    await db.sync.now();
  });
  await server.remove(id);
  await page.evaluate(async (id) => {
    follow(await assistants.patch(id, { name: 'Still here' }));
    await db.sync.now();
  }, id);
  const conflict = await seen(page, 'conflict');
  assert.equal(conflict.type, 'edit-delete');
  assert.equal(await server.document(id), undefined, 'not brought back');
  const kept = await page.evaluate(
    async (id) => ({ doc: await assistants.get(id), pending: await raw('pending') }),
    id,
  );
  assert.equal(kept.doc.name, 'Still here');
  assert.equal(kept.pending.length, 1);
  assert.ok(['parked', 'conflict'].includes(kept.pending[0].state));
});

/** A document that both sides know, with a strategy; the page sends only when it is told to. */
async function known(page, server, options, doc = { name: 'Ada', prompt: 'Think', tags: ['x'] }) {
  const { id } = await server.create(doc);
  await page.evaluate(async (notes) => {
    const { resolver, ...rest } = notes;
    // biome-ignore lint/security/noGlobalEval: a function cannot cross into a page otherwise.
    const conflict = resolver === undefined ? rest.conflict : globalThis.eval(resolver);
    await begin({ collections: { assistants: { ...rest, conflict } }, sync: { pullInterval: 0, auto: false } });
    await db.sync.now();
  }, options);
  return id;
}

const both = (page, id, ours) =>
  page.evaluate(
    async ([id, ours]) => {
      follow(ours === null ? await assistants.remove(id) : await assistants.patch(id, ours));
      await db.sync.now({ pull: false });
    },
    [id, ours],
  );
const settledBoth = (page) => page.evaluate(() => db.sync.now());
const inbox = (page) => page.evaluate(() => db.conflicts.list({ status: 'open' }));

for (const [conflict, wanted] of [
  ['merge', { name: 'Ada L.', prompt: 'Ours', tags: ['theirs', 'x', 'ours'] }],
  ['server', { name: 'Ada L.', prompt: 'Think', tags: ['theirs', 'x'] }],
  ['client', { name: 'Ada', prompt: 'Ours', tags: ['x', 'ours'] }],
]) {
  test(`B-05, F-06 ${conflict}: both sides end with what the strategy says`, async (t) => {
    const { page, server } = await world(t);
    const id = await known(page, server, { conflict });
    await server.update(id, { name: 'Ada L.', tags: ['theirs', 'x'] });
    await both(page, id, { prompt: 'Ours', tags: ['x', 'ours'] });
    await settledBoth(page);
    await drained(page);
    const { name, prompt, tags } = await server.document(id);
    assert.deepEqual({ name, prompt, tags }, wanted);
    const here = await page.evaluate((id) => assistants.get(id, { fresh: true }), id);
    assert.deepEqual(here, await server.document(id));
    const [record] = await page.evaluate(() => raw('conflicts'));
    assert.deepEqual([record.status, record.strategy, record.type], ['resolved', conflict, 'edit-edit']);
  });
}

test('F-06 latest: a later edit here wins over an earlier one there, whole', async (t) => {
  const { page, server } = await world(t);
  const id = await known(page, server, { conflict: 'latest' });
  await server.update(id, { name: 'Ada L.' });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await both(page, id, { prompt: 'Ours' });
  await settledBoth(page);
  await drained(page);
  const { name, prompt } = await server.document(id);
  assert.deepEqual([name, prompt], ['Ada', 'Ours']);
});

test('C-06 a function decides; one that throws leaves the conflict to a person', async (t) => {
  const { page, server } = await world(t);
  const resolver = '({ local, remote }) => ({ ...remote, prompt: local.prompt + " and " + remote.prompt })';
  const id = await known(page, server, { resolver });
  await server.update(id, { prompt: 'Theirs' });
  await both(page, id, { prompt: 'Ours' });
  await seen(page, 'resolved');
  await settledBoth(page);
  await drained(page);
  assert.equal((await server.document(id)).prompt, 'Ours and Theirs');
  await page.evaluate(() => db.close());
  const thrower = await known(page, server, { resolver: '() => { throw new TypeError("no") }' });
  await server.update(thrower, { prompt: 'Theirs' });
  await both(page, thrower, { prompt: 'Ours' });
  const change = () => page.evaluate(async () => (await db.outbox.list())[0]);
  await eventually('the reason', async () => assert.equal((await change()).lastError?.code, 'RESOLVER_FAILED'));
  assert.equal((await change()).state, 'conflict');
  assert.equal((await server.document(thrower)).prompt, 'Theirs');
});

test('F-06, E-02 an open conflict survives a reload; a second tab resolves it; both count', async (t) => {
  const { page, server, open } = await world(t);
  const id = await known(page, server, { conflict: 'manual' });
  await server.update(id, { prompt: 'Theirs' });
  await both(page, id, { prompt: 'Ours' });
  assert.equal((await inbox(page)).length, 1);
  await reload(page);
  const again = () =>
    begin({ collections: { assistants: { conflict: 'manual' } }, sync: { pullInterval: 0, auto: false } });
  await page.evaluate(`(${again})()`);
  const other = await open();
  await other.evaluate(`(${again})()`);
  for (const tab of [page, other]) {
    await eventually('the count', async () => assert.equal(await tab.evaluate(() => db.sync.status.conflicts), 1));
  }
  const [conflict] = await inbox(page);
  assert.deepEqual([conflict.local.prompt, conflict.remote.prompt, conflict.base.prompt], ['Ours', 'Theirs', 'Think']);
  await other.evaluate((id) => db.conflicts.resolve(id, 'local'), conflict.conflictId);
  await other.evaluate(() => db.sync.now());
  await eventually('the server', async () => assert.equal((await server.document(id)).prompt, 'Ours'));
  for (const tab of [page, other]) {
    await eventually('none open', async () => assert.equal(await tab.evaluate(() => db.sync.status.conflicts), 0));
  }
  const records = await page.evaluate(() => raw('conflicts'));
  assert.deepEqual([records.length, records[0].strategy, records[0].status], [1, 'person', 'resolved']);
});

test('F-06 removals on either side, decided by a person', async (t) => {
  const { page, server } = await world(t);
  const edited = await known(page, server, { conflict: 'fields' });
  await server.remove(edited);
  await both(page, edited, { prompt: 'Ours' });
  const [first] = await inbox(page);
  assert.deepEqual([first.type, first.severity], ['edit-delete', 'high']);
  await page.evaluate((id) => db.conflicts.resolve(id, 'local'), first.conflictId);
  await settledBoth(page);
  await drained(page);
  assert.equal((await server.document(edited)).prompt, 'Ours', 'made anew');
  await server.update(edited, { prompt: 'Theirs' });
  await both(page, edited, null);
  const [second] = await inbox(page);
  assert.deepEqual([second.type, second.remote.prompt], ['delete-edit', 'Theirs']);
  await page.evaluate((id) => db.conflicts.resolve(id, 'remote'), second.conflictId);
  await settledBoth(page);
  await drained(page);
  assert.equal((await server.document(edited)).prompt, 'Theirs');
  assert.equal((await page.evaluate((id) => assistants.get(id), edited)).prompt, 'Theirs');
});

test('B-15 two devices write the same record at once: both end with the same document', async (t) => {
  const { page, server } = await world(t);
  const second = await (await browser()).newContext();
  t.after(() => second.close());
  const other = await ready(await second.newPage(), `${server.url}/`);
  const { id } = await server.create({ name: 'Ada', category: 'work', prompt: 'Think' });
  for (const device of [page, other]) {
    await device.evaluate(async () => {
      await begin({ sync: { pullInterval: 0, auto: false } });
      await db.sync.now();
    });
  }
  await page.evaluate((id) => assistants.patch(id, { name: 'First', category: 'one' }), id);
  await other.evaluate((id) => assistants.patch(id, { name: 'Second', prompt: 'two' }), id);
  await Promise.all([page, other].map((device) => device.evaluate(() => db.sync.now())));
  for (let i = 0; i < 2; i++) for (const device of [page, other]) await device.evaluate(() => db.sync.now());
  const there = await server.document(id);
  assert.deepEqual([there.category, there.prompt], ['one', 'two'], 'fields of one side are kept');
  assert.ok(['First', 'Second'].includes(there.name));
  for (const device of [page, other]) {
    assert.deepEqual(await device.evaluate((id) => assistants.get(id, { fresh: true }), id), there);
    assert.equal(await device.evaluate(() => db.outbox.count()), 0);
  }
});
