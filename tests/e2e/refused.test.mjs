// what is refused, here at once or by the server later.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

test('A-09 a validation error comes at once, per field, is never queued, and the corrected document goes through', async (t) => {
  const { page, server } = await world(t);
  const { refused, rows, pending } = await page.evaluate(async () => {
    const validate = (doc) => {
      const faults = {};
      if (!doc.name) faults.name = 'A name is needed';
      if (doc.prompt?.length > 10) faults.prompt = 'Too long';
      return faults;
    };
    await begin({ collections: { assistants: { validate } } });
    const refused = await outcome(() => assistants.put({ name: '', prompt: 'much too long' }));
    const patched = await assistants.put({ name: 'Ada', prompt: 'short' });
    refused.patch = await outcome(() => assistants.patch(patched.id, { prompt: 'also much too long' }));
    refused.many = await outcome(() => assistants.putMany([{ name: 'Grace' }, { name: '' }]));
    return { refused, rows: await raw('assistants'), pending: await raw('pending') };
  });
  assert.equal(refused.error.code, 'VALIDATION');
  assert.equal(refused.error.ours, true);
  assert.deepEqual(refused.error.fields, { name: 'A name is needed', prompt: 'Too long' });
  assert.deepEqual(refused.patch.error.fields, { prompt: 'Too long' });
  assert.equal(refused.many.error.code, 'VALIDATION');
  assert.deepEqual(
    rows.map((row) => row.doc.name),
    ['Ada'],
    'nothing of the refused writes is stored',
  );
  assert.ok(pending.length <= 1);
  await drained(page);
  await page.evaluate(() => assistants.put({ name: 'Grace', prompt: 'short' }));
  await drained(page);
  assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['Ada', 'Grace']);
  assert.ok((await server.log({ method: 'POST' })).every((one) => one.status === 201));
});

test('A-09 a refusal by the server (422) parks the change with its fields, the document is kept, edited and accepted', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin();
    follow(await assistants.put({ name: 'x'.repeat(101) }));
  });
  const parked = await seen(page, 'parked');
  assert.equal(parked.error.code, 'VALIDATION');
  const { error, meta, doc, stored } = await page.evaluate(async () => ({
    error: followed[0].error,
    meta: await assistants.meta(followed[0].id),
    doc: await assistants.get(followed[0].id),
    stored: await raw('pending'),
  }));
  assert.equal(error.status, 422);
  assert.equal(error.parked, true);
  assert.ok(error.fields.name.length > 0);
  assert.equal(meta.state, 'parked');
  assert.equal(doc.name.length, 101, 'what was written is still there');
  assert.equal(stored.length, 1);
  const log = await server.log({ method: 'POST' });
  assert.equal(log.length, 1, 'a refusal for good is not tried again');
  await page.evaluate((doc) => db.outbox.edit(followed[0].mutationId, { ...doc, name: 'Short' }), doc);
  await drained(page);
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['Short'],
  );
});

test("A-09 with rejected: 'rollback' a refused create disappears again, and the refusal is an event", async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ collections: { assistants: { rejected: 'rollback' } } });
    watch();
    follow(await assistants.put({ name: 'x'.repeat(101) }));
  });
  const rejected = await seen(page, 'rejected');
  assert.equal(rejected.success, false);
  assert.equal(rejected.error.code, 'VALIDATION');
  await eventually('no trace of it', async () => {
    const left = await page.evaluate(async () => ({
      rows: await raw('assistants'),
      pending: await raw('pending'),
      shown: views.at(-1).rows,
    }));
    assert.deepEqual(left, { rows: [], pending: [], shown: [] });
  });
  const error = await until('synced to be rejected', () => page.evaluate(() => followed[0].error));
  assert.equal(error.code, 'VALIDATION');
  assert.ok(error.fields.name.length > 0);
  assert.deepEqual(await server.documents(), []);
});

test('A-12 an update is visible at once, and rolled back to the state of the server when that refuses it', async (t) => {
  const { page, server } = await world(t);
  const { id } = await server.create({ name: 'Ada', category: 'work' });
  const before = await server.document(id);
  await server.order({
    match: { method: 'PATCH' },
    fault: { delay: 400, status: 422, body: { type: '/problems/no', status: 422, errors: { category: 'not here' } } },
  });
  const optimistic = await page.evaluate(async (id) => {
    await begin({ collections: { assistants: { rejected: 'rollback' } } });
    await assistants.refresh();
    watch();
    follow(await assistants.patch(id, { category: 'home' }));
    return { got: await assistants.get(id), queried: await assistants.query() };
  }, id);
  assert.equal(optimistic.got.category, 'home');
  assert.equal(optimistic.queried[0].category, 'home');
  const rejected = await seen(page, 'rejected');
  assert.equal(rejected.id, id);
  await eventually('what the server has', async () => {
    const now = await page.evaluate(async (id) => ({ got: await assistants.get(id), view: views.at(-1).rows[0] }), id);
    assert.deepEqual(now.got, before);
    assert.deepEqual(now.view.doc, before);
    assert.equal(now.view.state, 'synced');
  });
  const shown = await page.evaluate(() => views.flatMap((view) => view.rows.map((row) => row.doc.category)));
  assert.ok(shown.includes('home'), 'the live query had shown the optimistic document');
  assert.deepEqual(await page.evaluate(() => raw('pending')), []);
  assert.deepEqual(await server.document(id), before);
  const error = await page.evaluate(() => followed[0].error);
  assert.deepEqual(error.fields, { category: 'not here' });
});

test('A-12 a refused deletion brings the document back', async (t) => {
  const { page, server } = await world(t);
  const { id } = await server.create({ name: 'Ada' });
  await server.order({ match: { method: 'DELETE' }, fault: { status: 403 } });
  const gone = await page.evaluate(async (id) => {
    await begin({ collections: { assistants: { rejected: 'rollback' } } });
    await assistants.refresh();
    follow(await assistants.remove(id));
    return { got: await assistants.get(id), queried: await assistants.query() };
  }, id);
  assert.deepEqual(gone.queried, []);
  assert.equal((await seen(page, 'rejected')).error.code, 'FORBIDDEN');
  await eventually('it is back', async () => {
    const [doc] = await page.evaluate(() => assistants.query());
    assert.equal(doc.name, 'Ada');
  });
  assert.equal((await server.document(id)).name, 'Ada');
});
