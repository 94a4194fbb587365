// A-11 and C-05: reading never waits for the network.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { reload, world } from './support/world.mjs';

/** A page that has pulled three documents, loaded again while the server says nothing at all. */
async function silent(t) {
  const { page, server } = await world(t);
  for (const name of ['Ada', 'Grace', 'Joan']) await server.create({ name, category: 'work' });
  await page.evaluate(async () => {
    await begin();
    await db.sync.now();
    await db.close();
  });
  const [first] = await server.documents();
  await server.order({ times: 0, fault: { stall: 60_000, silent: true } });
  await reload(page);
  return { page, server, first };
}

test('A-11 reads answer from the local store while the server stalls, and what it has comes behind', async (t) => {
  const { page, server, first } = await silent(t);
  const read = await page.evaluate(async (id) => {
    await begin({ sync: { timeout: 2000 } });
    const start = performance.now();
    const got = await assistants.get(id);
    const many = await assistants.query({ where: { category: 'work' }, orderBy: 'name' });
    const count = await assistants.count();
    return { got, names: many.map((doc) => doc.name), count, took: performance.now() - start };
  }, first.id);
  assert.deepEqual(read.got, first);
  assert.deepEqual(read.names, ['Ada', 'Grace', 'Joan']);
  assert.equal(read.count, 3);
  assert.ok(read.took < 1000, `${read.took} ms: less than any answer of this server`);
  await until('a pull in vain', async () => (await server.log({ method: 'GET' })).length > 0);
  const wrote = await page.evaluate(async () => {
    const start = performance.now();
    const { id } = await assistants.put({ name: 'Mary' });
    return { took: performance.now() - start, there: await assistants.get(id) };
  });
  assert.equal(wrote.there.name, 'Mary');
  assert.ok(wrote.took < 1000);
  await server.heal();
  await server.update(first.id, { name: 'Ada L.' });
  await eventually('the refresh behind', async () => {
    assert.equal((await page.evaluate((id) => assistants.get(id), first.id)).name, 'Ada L.');
  });
  assert.equal((await page.evaluate((id) => assistants.peek(id), first.id)).name, 'Ada L.');
});

test('C-05 a live query shows local data first, starts syncing by itself, follows what comes, and never blocks', async (t) => {
  const { page, server, first } = await silent(t);
  await page.evaluate(async () => {
    await begin({ sync: { timeout: 2000 } });
    window.asked = performance.now();
    watch(assistants, { where: { category: 'work' }, orderBy: 'name' });
  });
  const local = await until('the first result', () => page.evaluate(() => views.find((view) => view.loaded)));
  assert.deepEqual(
    local.rows.map((row) => row.doc.name),
    ['Ada', 'Grace', 'Joan'],
  );
  assert.equal(local.complete, true, 'the collection had been pulled before');
  assert.ok(local.at - (await page.evaluate(() => asked)) < 1000);
  await server.heal();
  await server.create({ name: 'Berta', category: 'work' });
  await server.create({ name: 'Else', category: 'home' });
  await server.remove(first.id);
  await eventually('the server’s changes in the live query', async () => {
    const names = await page.evaluate(() => views.at(-1).rows.map((row) => row.doc.name));
    assert.deepEqual(names, ['Berta', 'Grace', 'Joan']);
  });
  const own = await page.evaluate(async () => {
    const before = views.length;
    await assistants.put({ name: 'Clara', category: 'work' });
    return before;
  });
  await eventually('the own write in it', async () => {
    const names = await page.evaluate(() => views.at(-1).rows.map((row) => row.doc.name));
    assert.deepEqual(names, ['Berta', 'Clara', 'Grace', 'Joan']);
  });
  assert.ok((await page.evaluate(() => views.length)) > own);
  const { iterated, stable } = await page.evaluate(async () => {
    const [one, two] = [live.current, live.current];
    const stable = one === two;
    for await (const { rows } of live) return { iterated: rows.length, stable };
  });
  assert.equal(iterated, 4);
  assert.equal(stable, true);
  const after = await page.evaluate(async () => {
    live.close();
    const count = views.length;
    await assistants.put({ name: 'Dora', category: 'work' });
    await assistants.query();
    return views.length - count;
  });
  assert.equal(after, 0, 'a closed live query is silent');
});

test('C-05 the first time: an empty list is loaded but not complete until the server has been heard', async (t) => {
  const { page, server } = await world(t);
  await server.create({ name: 'Ada' });
  await server.cutOff();
  await page.evaluate(async () => {
    await begin();
    watch();
  });
  const empty = await until('the first result', () => page.evaluate(() => views.find((view) => view.loaded)));
  assert.deepEqual(empty.rows, []);
  assert.equal(empty.complete, false);
  await server.heal();
  const full = await until('complete', () => page.evaluate(() => views.find((view) => view.complete)));
  assert.deepEqual(
    full.rows.map((row) => row.doc.name),
    ['Ada'],
  );
});

test('C-05 a standing query with a filter over 11,000 indexed documents: right, in order, and never one large reading', async (t) => {
  const { page } = await world(t);
  const seen = await page.evaluate(async () => {
    await begin({ sync: null });
    const all = Array.from({ length: 11_000 }, (_, n) => ({
      id: `d${String(n).padStart(5, '0')}`,
      n,
      category: 'one',
    }));
    for (let at = 0; at < all.length; at += 5500) await assistants.putMany(all.slice(at, at + 5500));
    const asked = [];
    for (const type of [IDBObjectStore, IDBIndex]) {
      for (const method of ['getAll', 'getAllKeys', 'getAllRecords'].filter((name) => name in type.prototype)) {
        const own = type.prototype[method];
        type.prototype[method] = function (...args) {
          const most = typeof args[0] === 'object' && args[0] !== null && 'count' in args[0] ? args[0].count : args[1];
          // Keys alone may be listed at more length; they are small.
          asked.push({ method, most: method === 'getAllKeys' ? 0 : most });
          return own.apply(this, args);
        };
      }
    }
    watch(assistants, { where: { category: 'one' }, filter: ({ n }) => n % 2500 === 0, orderBy: 'name', limit: 4 });
    const shown = async (count) => {
      while (!(views.at(-1)?.loaded && views.at(-1).rows.length === count))
        await new Promise((go) => setTimeout(go, 20));
      return views.at(-1).rows.map(({ doc }) => doc.n);
    };
    const first = await shown(4);
    await assistants.patch('d00000', { category: 'two' });
    while (views.at(-1).rows[0]?.doc.n === 0) await new Promise((go) => setTimeout(go, 20));
    return { first, after: await shown(4), most: asked.map(({ most }) => most), count: asked.length };
  });
  assert.deepEqual(seen.first, [0, 2500, 5000, 7500]);
  assert.deepEqual(seen.after, [2500, 5000, 7500, 10_000]);
  assert.ok(seen.count > 0);
  assert.ok(
    seen.most.every((most) => most !== undefined && most <= 500),
    `readings of ${Math.max(...seen.most)}`,
  );
});
