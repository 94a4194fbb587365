// A-10: another client changes the same document in between; optimistic locking finds it, both sides' fields stay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

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
