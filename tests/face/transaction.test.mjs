// Transactions on the real module in memory: all or nothing, as if alone, and what a wrong use is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, seakeep } from './package.mjs';

const { open, increment } = seakeep;
let made = 0;

async function bank(options = {}) {
  made += 1;
  const name = `bank-${made}`;
  const collections = {
    accounts: { indexes: ['owner'], ...options.accounts },
    entries: { references: { account: 'accounts' } },
    drafts: { local: true },
  };
  const sync = { url: 'http://127.0.0.1:9/api', auto: false };
  const db = await open(name, { storage: 'memory', collections, sync });
  const accounts = db.collection('accounts');
  await accounts.putMany([
    { id: 'a', owner: 'ada', sum: 100 },
    { id: 'b', owner: 'ben', sum: 0 },
  ]);
  return {
    db,
    name,
    accounts,
    entries: db.collection('entries'),
    reopen: () => open(name, { storage: 'memory', collections, sync }),
  };
}

const sums = async (accounts) => (await accounts.query()).map((doc) => doc.sum);
const all = ['accounts', 'entries', 'drafts'];

test('a transaction is written whole, reads its own writes, and is one group of the outbox', async () => {
  const { db, accounts, entries } = await bank();
  const made = await db.transaction(['accounts', 'entries'], async (tx) => {
    const [from, to] = [await tx.collection('accounts').get('a'), await tx.collection('accounts').get('b')];
    await tx.collection('accounts').patch('a', { sum: from.sum - 30 });
    await tx.collection('accounts').put({ ...to, sum: to.sum + 30 });
    assert.equal((await tx.collection('accounts').get('a')).sum, 70);
    const account = await tx.collection('accounts').put({ owner: 'cy', sum: 0 });
    const entry = await tx.collection('entries').put({ account: account.id, text: 'opened' });
    assert.deepEqual(await tx.collection('entries').get(entry.id), {
      id: entry.id,
      account: account.id,
      text: 'opened',
    });
    assert.equal(entry.mutationId, undefined);
    assert.deepEqual(await sums(accounts), [100, 0]);
    return { account, entry };
  });
  assert.deepEqual((await sums(accounts)).sort(), [0, 30, 70]);
  assert.match(made.account.id, /^pending-\d+-\w{12}$/);
  assert.equal((await entries.get(made.entry.id)).account, made.account.id);
  const rows = (await db.outbox.list()).slice(2);
  assert.equal(rows.length, 4);
  assert.equal(new Set(rows.map((row) => row.group)).size, 1);
  assert.equal(typeof rows[0].group, 'string');
  assert.equal(await made.entry.cancel(), false);
  await Promise.resolve();
  assert.equal(made.entry.mutationId, rows[3].mutationId);
  await db.close();
});

test('a function that throws leaves nothing, and what it threw comes out', async () => {
  const { db, accounts, entries } = await bank();
  const before = await db.outbox.count();
  const own = new TypeError('mine');
  let write;
  const thrown = await failure(() =>
    db.transaction(all, async (tx) => {
      write = await tx.collection('accounts').patch('a', { sum: 1 });
      await tx.collection('entries').put({ id: 'e' });
      await tx.collection('drafts').put({ id: 'd' });
      throw own;
    }),
  );
  assert.equal(thrown, own);
  assert.equal(await failure(() => write.synced), own);
  assert.deepEqual(await sums(accounts), [100, 0]);
  assert.equal(await entries.count(), 0);
  assert.equal(await db.outbox.count(), before);
  await failure(() => db.transaction(all, () => Promise.reject(new Error('later'))));
  await db.close();
});

test('one write that cannot be stored takes the others with it', async () => {
  const { db, accounts, entries } = await bank({ accounts: { indexes: [{ path: 'owner', unique: true }] } });
  const error = await failure(() =>
    db.transaction(all, async (tx) => {
      await tx.collection('entries').put({ id: 'e' });
      await tx.collection('accounts').put({ id: 'c', owner: 'ada', sum: 1 });
    }),
  );
  assert.equal(error.code, 'UNIQUE_VIOLATION');
  assert.equal(await entries.count(), 0);
  assert.deepEqual(await sums(accounts), [100, 0]);
  await db.close();
});

test('what is refused inside is refused there, and validators see the result', async () => {
  const { db } = await bank({ accounts: { validate: (doc) => (doc.sum < 0 ? { sum: 'not below 0' } : undefined) } });
  await db.transaction(['accounts'], async (tx) => {
    const accounts = tx.collection('accounts');
    const codes = [];
    for (const call of [
      () => accounts.patch('a', { sum: increment(-200) }),
      () => accounts.add({ id: 'a', sum: 1 }),
      () => accounts.patch('nobody', { sum: 1 }),
      () => accounts.remove('nobody'),
      () => accounts.put({ id: 'x', bad: undefined }),
      () => accounts.query({ where: { sum: { $gt: 1 } } }),
      () => accounts.get(7),
      async () => tx.collection('entries'),
    ]) {
      codes.push((await failure(call)).code);
    }
    assert.deepEqual(codes, [
      'VALIDATION',
      'ALREADY_EXISTS',
      'NOT_FOUND',
      'NOT_FOUND',
      'DOC_UNDEFINED',
      'QUERY_INVALID',
      'ID_TYPE',
      'STORE_UNKNOWN',
    ]);
    await accounts.patch('a', { sum: increment(-100) });
  });
  assert.equal((await db.collection('accounts').get('a')).sum, 0);
  await db.close();
});

test('a query inside sees the writes before it, in its order and up to its limit', async () => {
  const { db } = await bank();
  await db.transaction(['accounts'], async (tx) => {
    const accounts = tx.collection('accounts');
    await accounts.put({ id: 'c', owner: 'ada', sum: 50 });
    await accounts.patch('b', { sum: 70 });
    await accounts.remove('a');
    const ids = async (query) => (await accounts.query(query)).map((doc) => doc.id);
    assert.deepEqual(await ids(), ['b', 'c']);
    assert.deepEqual(await ids({ orderBy: 'sum' }), ['c', 'b']);
    assert.deepEqual(await ids({ orderBy: 'sum', limit: 1 }), ['c']);
    assert.deepEqual(await ids({ where: { owner: 'ada' } }), ['c']);
    assert.deepEqual(await ids({ filter: (doc) => doc.sum > 60 }), ['b']);
    const [doc] = await accounts.query({ where: { owner: 'ada' } });
    doc.sum = -1;
    assert.equal((await accounts.get('c')).sum, 50);
  });
  await db.close();
});

test('reads and writes that nobody awaited are part of it, in their order', async () => {
  const { db, accounts } = await bank();
  await db.transaction(['accounts'], (tx) => {
    const in_ = tx.collection('accounts');
    in_.patch('a', { sum: increment(1) });
    in_.patch('a', { sum: increment(1) });
    in_.put({ id: 'b', sum: 5 });
    in_.patch('b', { sum: increment(2) });
  });
  assert.deepEqual(await sums(accounts), [102, 7]);
  const error = await failure(() =>
    db.transaction(['accounts'], (tx) => {
      tx.collection('accounts').patch('a', { sum: 0 });
      tx.collection('accounts')
        .patch('nobody', { sum: 0 })
        .catch(() => undefined);
    }),
  );
  assert.equal(error.code, 'NOT_FOUND');
  assert.deepEqual(await sums(accounts), [102, 7]);
  await db.close();
});

test('a hundred transactions at once on one number lose none', async () => {
  const { db, accounts } = await bank();
  const add = () =>
    db.transaction(['accounts'], async (tx) => {
      const { sum } = await tx.collection('accounts').get('a');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      await tx.collection('accounts').patch('a', { sum: sum + 1 });
    });
  await Promise.all(Array.from({ length: 100 }, add));
  assert.equal((await accounts.get('a', { fresh: true })).sum, 200);
  await db.close();
});

test('two handles, and a document that only a count speaks of', async () => {
  const { db, accounts, reopen } = await bank();
  const other = await reopen();
  let runs = 0;
  const counted = await db.transaction(['accounts'], async (tx) => {
    runs += 1;
    const many = (await tx.collection('accounts').query({ where: { owner: 'ada' } })).length;
    if (runs === 1) await other.collection('accounts').put({ id: 'z', owner: 'ada', sum: 0 });
    await tx.collection('accounts').put({ id: `n${many}`, owner: 'count', sum: many });
    return many;
  });
  assert.deepEqual([runs, counted], [2, 2]);
  assert.equal(await accounts.get('n1'), undefined);
  // A write that the query does not speak of does not matter.
  runs = 0;
  await db.transaction(['accounts'], async (tx) => {
    runs += 1;
    await tx.collection('accounts').query({ where: { owner: 'ada' } });
    await other.collection('accounts').put({ id: 'q', owner: 'zoe', sum: 0 });
    await tx.collection('accounts').put({ id: 'w', owner: 'zoe', sum: 0 });
  });
  assert.equal(runs, 1);
  await Promise.all([db.close(), other.close()]);
});

test('a failure that came of reading at two times is not believed', async () => {
  const { db, accounts, reopen } = await bank();
  const other = await reopen();
  let runs = 0;
  const total = await db.transaction(['accounts'], async (tx) => {
    runs += 1;
    const a = await tx.collection('accounts').get('a');
    if (runs === 1)
      await other.transaction(['accounts'], async (inner) => {
        await inner.collection('accounts').patch('a', { sum: 40 });
        await inner.collection('accounts').patch('b', { sum: 60 });
      });
    const b = await tx.collection('accounts').get('b');
    if (a.sum + b.sum !== 100) throw new Error('money was made');
    return a.sum + b.sum;
  });
  assert.deepEqual([runs, total, await sums(accounts)], [2, 100, [40, 60]]);
  await Promise.all([db.close(), other.close()]);
});

test('what never stands is given up with a code that says it may be tried again', async () => {
  const { db, accounts } = await bank();
  let runs = 0;
  const error = await failure(() =>
    db.transaction(['accounts'], async (tx) => {
      runs += 1;
      await tx.collection('accounts').get('a');
      await accounts.patch('a', { sum: increment(1) });
      await tx.collection('accounts').patch('b', { sum: 1 });
    }),
  );
  assert.deepEqual([error.code, error.retryable, runs], ['TX_CONFLICT', true, 20]);
  assert.equal((await accounts.get('b')).sum, 0);
  await db.close();
});

test('the end of a transaction, and a transaction inside of another', async () => {
  const { db } = await bank();
  let kept;
  await db.transaction(['accounts'], (tx) => {
    kept = tx.collection('accounts');
  });
  assert.equal((await failure(() => kept.put({ id: 'late' }))).code, 'TX_ENDED');
  assert.equal((await failure(() => kept.get('a'))).code, 'TX_ENDED');
  const nested = await failure(() => db.transaction(['accounts'], () => db.transaction(['accounts'], () => 1)));
  assert.equal(nested.code, 'TX_NESTED');
  const wrong = [[], ['accounts'], ['accounts', 7], ['nothing', () => 1], [['nothing'], () => 1], [[7], () => 1]];
  const codes = [];
  for (const [names, body] of wrong) codes.push((await failure(() => db.transaction(names, body))).code);
  assert.deepEqual(codes, [
    'ARGUMENT_TYPE',
    'ARGUMENT_TYPE',
    'ARGUMENT_TYPE',
    'ARGUMENT_TYPE',
    'STORE_UNKNOWN',
    'STORE_UNKNOWN',
  ]);
  assert.equal(await db.transaction([], () => 'empty'), 'empty');
  await db.close();
  assert.equal((await failure(() => db.transaction(['accounts'], () => 1))).code, 'CLOSED');
});

test('a later write does not slip into a transaction that waits to be sent', async () => {
  const { db, accounts } = await bank();
  await db.transaction(['accounts', 'entries'], async (tx) => {
    await tx.collection('accounts').put({ id: 'c', sum: 1 });
    await tx.collection('entries').put({ id: 'e', account: 'c' });
  });
  const rows = await db.outbox.list();
  await accounts.patch('c', { sum: 2 });
  await db.transaction(['accounts', 'entries'], async (tx) => {
    await tx.collection('accounts').patch('c', { sum: 3 });
    await tx.collection('entries').patch('e', { text: 'x' });
  });
  await db.collection('entries').remove('e');
  const after = await db.outbox.list();
  assert.deepEqual(after.slice(0, rows.length), rows);
  const added = after.slice(rows.length).map((row) => [row.collection, row.kind, row.group === undefined]);
  assert.deepEqual(added, [
    ['accounts', 'update', true],
    ['accounts', 'update', false],
    ['entries', 'update', false],
    ['entries', 'delete', true],
  ]);
  await db.close();
});
