// A filter over more rows than one answer may have: read in steps, in the asked order, to the limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modules, until } from './modules.mjs';
import { failure, seakeep } from './package.mjs';

test('filter and limit over 12,000 documents: all that pass, in order, cut at the limit', async () => {
  const collections = { notes: { indexes: ['n'], local: true } };
  const db = await seakeep.open('filter-1', { storage: 'memory', collections });
  const notes = db.collection('notes');
  const all = Array.from({ length: 12_000 }, (_, i) => ({
    id: `n${String(i).padStart(5, '0')}`,
    n: (i * 7919) % 12_000,
  }));
  for (let i = 0; i < all.length; i += 4000) await notes.putMany(all.slice(i, i + 4000));
  const third = (doc) => doc.n % 3 === 0;
  const wanted = all.filter(third).sort((a, b) => a.n - b.n);

  assert.deepEqual(await notes.query({ filter: third, orderBy: 'n' }), wanted);
  assert.deepEqual(await notes.query({ filter: third, orderBy: 'n', limit: 10 }), wanted.slice(0, 10));
  const last = { filter: third, orderBy: 'n', direction: 'desc', limit: 5 };
  assert.deepEqual(await notes.query(last), wanted.slice(-5).reverse());
  assert.deepEqual(
    await notes.query({ filter: (doc) => doc.n === 11_999 }),
    all.filter((doc) => doc.n === 11_999),
  );
  assert.deepEqual(
    await notes.query({ where: { n: { gte: 100 } }, filter: third, orderBy: 'n' }),
    wanted.filter((doc) => doc.n >= 100),
  );
  assert.equal(await notes.count({ filter: third }), wanted.length);
  assert.equal((await failure(() => notes.query({ filter: () => true }))).code, 'QUERY_TOO_LARGE');
  assert.equal((await failure(() => notes.query())).code, 'QUERY_TOO_LARGE');
  const inside = (filter) => db.transaction(['notes'], (tx) => tx.collection('notes').query({ filter }));
  assert.equal((await failure(() => inside((doc) => doc.n === 1))).code, 'QUERY_TOO_LARGE');
  const broken = () => {
    throw new Error('mine');
  };
  assert.equal((await failure(() => notes.query({ filter: broken }))).code, 'FILTER_FAILED');
  await db.close();
});

test('a live query with a filter over 12,000 documents: all that pass, in order, and what changes afterwards', async () => {
  const collections = { notes: { indexes: ['n'], local: true } };
  const db = await seakeep.open('filter-2', { storage: 'memory', collections });
  const notes = db.collection('notes');
  const all = Array.from({ length: 12_000 }, (_, i) => ({
    id: `n${String(i).padStart(5, '0')}`,
    n: (i * 7919) % 12_000,
  }));
  for (let i = 0; i < all.length; i += 4000) await notes.putMany(all.slice(i, i + 4000));
  const rare = (doc) => doc.n % 3000 === 0;
  const wanted = all.filter(rare).sort((a, b) => a.n - b.n);
  const shown = (live) => live.current.rows.map((row) => row.doc);

  const live = notes.live({ filter: rare, orderBy: 'n' });
  const first = notes.live({ filter: (doc) => doc.n >= 3000, limit: 3 });
  const last = notes.live({ filter: rare, orderBy: 'n', direction: 'desc', limit: 2 });
  const most = notes.live({ filter: () => true });
  const none = notes.live({ filter: rare, where: { n: { in: [] } } });
  await until(() => [live, first, last, none].every(({ current }) => current.loaded));
  assert.deepEqual(shown(live), wanted);
  assert.deepEqual(shown(first), all.filter((doc) => doc.n >= 3000).slice(0, 3));
  assert.deepEqual(shown(last), wanted.slice(-2).reverse());
  assert.deepEqual(shown(none), []);
  await until(() => most.current.error !== undefined);
  assert.equal(most.current.error.code, 'QUERY_TOO_LARGE');
  for (const one of [first, last, most, none]) one.close();

  const before = live.current.rows;
  await notes.put({ id: 'n99999', n: 1500, extra: true });
  await notes.put({ id: 'n99999', n: 15_000 });
  await until(() => live.current.rows.length === wanted.length + 1);
  assert.equal(live.current.rows.at(-1).doc.id, 'n99999');
  assert.equal(live.current.rows[0], before[0], 'what did not change is the same object');
  await notes.removeMany(all.slice(0, 6000).map((doc) => doc.id));
  const left = new Set(all.slice(6000));
  await until(() => live.current.rows.length === wanted.filter((doc) => left.has(doc)).length + 1);
  await db.close();
});

test('a filter that answers later has not answered', async () => {
  const { checkQuery, sift } = await modules();
  const found = (filter) => sift([{ id: 'a' }], checkQuery({ filter }), (doc) => doc);
  assert.deepEqual(
    found(() => 1),
    [{ id: 'a' }],
  );
  assert.throws(() => found(async () => false), { code: 'FILTER_FAILED' });
});
