// E-16 and E-17: idempotency keys, and changes that are folded before they are sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { drained, reload, world } from './support/world.mjs';

/** The answer is lost after the commit: the connection closes (browsers may repeat such a request by themselves), then a gateway gives up. */
const lost = (method) => [
  { match: { method }, fault: { drop: 'after' } },
  { match: { method }, fault: { status: 504, after: true } },
];

test('E-16 the answer to a create is lost after the commit: one document, the same key in all requests', async (t) => {
  const { page, server } = await world(t);
  await server.order(...lost('POST'));
  await page.evaluate(async () => {
    await begin();
    await assistants.put({ name: 'Ada' });
  });
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  assert.deepEqual(
    posts.map((one) => one.status),
    [null, 504, 201],
  );
  assert.equal(posts[2].replayed, true);
  assert.ok(posts[0].key.length >= 16);
  assert.equal(new Set(posts.map((one) => one.key)).size, 1);
  const [there, ...more] = await server.documents();
  assert.deepEqual(more, []);
  assert.deepEqual(await page.evaluate(() => assistants.query()), [there]);
});

test('E-16 lost answers to an update and a deletion do no harm either', async (t) => {
  const { page, server } = await world(t);
  const ada = await server.create({ name: 'Ada' });
  const grace = await server.create({ name: 'Grace' });
  await server.order(...lost('PATCH'), ...lost('DELETE'));
  await page.evaluate(
    async ([ada, grace]) => {
      await begin();
      await assistants.refresh();
      await assistants.patch(ada, { name: 'Ada L.' });
      await assistants.remove(grace);
    },
    [ada.id, grace.id],
  );
  await drained(page);
  for (const method of ['PATCH', 'DELETE']) {
    const log = await server.log({ method });
    assert.equal(new Set(log.map((one) => one.key)).size, 1, method);
    assert.equal(log.length, 3, method);
    assert.equal(log[2].replayed, true, method);
  }
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['Ada L.'],
  );
});

test('E-16 the page is reloaded while the answer is outstanding: the key survives, the change is executed once', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { method: 'POST' }, fault: { stall: 60_000, silent: true, after: true } });
  await page.evaluate(async () => {
    await begin();
    await assistants.put({ name: 'Ada' });
  });
  await until('the commit over there', async () => (await server.documents()).length === 1);
  const [sending] = await page.evaluate(() => raw('pending'));
  assert.equal(sending.state, 'sending', 'marked before the request left');
  await reload(page);
  await page.evaluate(() => begin());
  await drained(page, 45_000);
  const posts = await server.log({ method: 'POST' });
  assert.equal(new Set(posts.map((one) => one.key)).size, 1);
  assert.equal(posts[0].key, sending.idempotencyKey);
  assert.equal(posts.at(-1).replayed, true);
  assert.equal((await server.documents()).length, 1);
});

test('E-16 a repeat while the first request is still being executed (409 in progress) waits and is answered once', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { method: 'POST' }, fault: { delay: 2500 } });
  await page.evaluate(async () => {
    await begin({ sync: { timeout: 1000 } });
    await assistants.put({ name: 'Ada' });
  });
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  assert.ok(posts.length >= 2);
  assert.equal(new Set(posts.map((one) => one.key)).size, 1);
  assert.equal(posts.filter((one) => one.status === 201 && !one.replayed).length, 1);
  assert.equal((await server.documents()).length, 1);
  assert.equal((await page.evaluate(() => assistants.query())).length, 1);
});

test('E-17 ten updates of one document while offline become one PATCH', async (t) => {
  const { page, server } = await world(t);
  const { id } = await server.create({ name: 'Ada', category: 'work' });
  await page.evaluate(async (id) => {
    await begin({ sync: { auto: false } });
    await db.sync.now();
    for (let n = 1; n <= 10; n++)
      follow(await assistants.patch(id, n % 2 ? { prompt: `p${n}` } : { name: `Ada ${n}` }));
  }, id);
  const pending = await page.evaluate(() => raw('pending'));
  assert.equal(pending.length, 1);
  assert.equal(pending[0].kind, 'update');
  await page.evaluate(() => db.sync.start());
  await drained(page);
  const patches = await server.log({ method: 'PATCH' });
  assert.equal(patches.length, 1);
  const there = await server.document(id);
  assert.deepEqual([there.name, there.prompt, there.category], ['Ada 10', 'p9', 'work']);
  await until('all ten to be told', () => page.evaluate(() => followed.every((one) => one.synced)));
  const told = await page.evaluate(() => followed.map((one) => one.synced.doc));
  assert.ok(told.every((doc) => doc.name === 'Ada 10'));
});

test('E-17 created and updated before the first attempt is one POST; created and deleted is nothing at all', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    const kept = await assistants.put({ name: 'Ada' });
    await assistants.patch(kept.id, { name: 'Ada L.', category: 'work' });
    const gone = await assistants.put({ name: 'Nobody' });
    await assistants.patch(gone.id, { name: 'Still nobody' });
    follow(await assistants.remove(gone.id));
  });
  const pending = await page.evaluate(() => raw('pending'));
  assert.deepEqual(
    pending.map((row) => [row.kind, row.data.name]),
    [['create', 'Ada L.']],
  );
  assert.equal((await page.evaluate(() => raw('assistants'))).length, 1);
  await page.evaluate(() => db.sync.now());
  await drained(page);
  const writes = await server.log({ writes: true });
  assert.deepEqual(
    writes.map((one) => one.method),
    ['POST'],
  );
  const [there] = await server.documents();
  assert.deepEqual([there.name, there.category], ['Ada L.', 'work']);
});

test('E-17 an attempted change is immutable: what follows it is a change of its own, in order', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { method: 'POST' }, fault: { delay: 500 } });
  await page.evaluate(async () => {
    await begin();
    window.ada = await assistants.put({ name: 'Ada' });
  });
  await until('the request', () => page.evaluate(async () => (await raw('pending'))[0].state === 'sending'));
  await page.evaluate(() => assistants.patch(ada.id, { name: 'Ada L.' }));
  assert.equal((await page.evaluate(() => raw('pending'))).length, 2);
  await drained(page);
  const writes = await server.log({ writes: true });
  assert.deepEqual(
    writes.map((one) => one.method),
    ['POST', 'PATCH'],
  );
  assert.notEqual(writes[0].key, writes[1].key);
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.name),
    ['Ada L.'],
  );
});
