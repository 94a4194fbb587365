// A filter over more rows than one answer may have: read in steps, in the asked order, to the limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  const broken = () => {
    throw new Error('mine');
  };
  assert.equal((await failure(() => notes.query({ filter: broken }))).code, 'FILTER_FAILED');
  await db.close();
});
