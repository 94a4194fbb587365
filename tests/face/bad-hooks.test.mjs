// Rows 63 to 66 of the bad inputs: what the app's own fetch and auth give, for a change and for a page. Nothing of the
// value is told, nothing is lost, and with a hook that was mended everything goes on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { scripted } from './scripted.mjs';
import { decode } from './values.mjs';

const ROWS = JSON.parse(readFileSync(new URL('../bad-inputs.json', import.meta.url), 'utf8')).filter(
  (row) => row.where === 'hook',
);
const MINUTE = 60_000;

/** What the hook of a row does. */
function hook(row) {
  const [value] = decode(row.input);
  if (value === 'throws') {
    return () => {
      throw new RangeError(row.canary);
    };
  }
  if (value === 'rejects') return () => Promise.reject(new RangeError(row.canary));
  return value === 'never' ? () => new Promise(() => {}) : () => value;
}

for (const row of ROWS) {
  for (const place of ['change', 'page']) {
    test(`${row.row}: ${row.what}, for a ${place}`, async (t) => {
      let bad = false;
      const broken = hook(row);
      const auth = () => (bad ? broken() : { 'x-own': '1' });
      const world = await scripted(t, row.call === 'auth' ? { auth } : {});
      const { clock, db, notes, told } = world;
      bad = true;
      if (row.call === 'fetch') world.say(/./, broken, Number.POSITIVE_INFINITY);
      if (place === 'change') await notes.patch('a', { n: 1 });
      const pass = place === 'page' ? notes.refresh() : undefined;
      await clock.advance(15_000);
      if (pass !== undefined) assert.equal((await pass).pulled, 0);
      const { state, error } = db.sync.status;
      assert.equal(error?.code, row.code);
      if (row.call === 'auth') {
        assert.equal(state, 'needs-auth');
        assert.equal(told.filter((one) => one.event === 'auth-required').length, 1);
      } else {
        assert.notEqual(state, 'offline');
      }
      const pending = await db.outbox.list();
      assert.deepEqual(
        pending.map((one) => [one.id, one.retryCount, one.lastError?.code]),
        place === 'change' ? [['a', 0, row.code]] : [],
      );
      const text = JSON.stringify([error, pending, told, error?.message]);
      assert.ok(row.canary === undefined || !text.includes(row.canary), text);
      bad = false;
      world.script.splice(0);
      await clock.advance(2 * MINUTE);
      assert.equal((await db.outbox.list()).length, 0);
      const now = db.sync.now();
      await clock.advance(5000);
      await now;
      assert.equal(db.sync.status.error, undefined);
    });
  }
}

test('64: auth() that settles late, after its time: nothing comes of it, and the next call counts', async (t) => {
  const open = [];
  let waits = false;
  const auth = () => (waits ? new Promise((resolve) => open.push(resolve)) : null);
  const { clock, db, notes, sent } = await scripted(t, { auth });
  waits = true;
  await notes.patch('a', { n: 1 });
  await clock.advance(9999);
  assert.equal(db.sync.status.state, 'syncing');
  await clock.advance(1);
  assert.deepEqual([db.sync.status.state, db.sync.status.error.code], ['needs-auth', 'AUTH_TIMEOUT']);
  for (const settle of open) settle({ 'x-own': '1' });
  await clock.advance(1000);
  assert.deepEqual(sent, []);
  waits = false;
  await clock.advance(MINUTE);
  assert.equal(sent.filter((one) => one.what.startsWith('PATCH')).length, 1);
  assert.equal((await db.outbox.list()).length, 0);
});

test('64: with a short timeout auth() gets half of it', async (t) => {
  let waits = false;
  const auth = () => (waits ? new Promise(() => {}) : null);
  const { clock, db, notes } = await scripted(t, { auth, timeout: 2000 });
  waits = true;
  await notes.patch('a', { n: 1 });
  await clock.advance(1000);
  assert.deepEqual([db.sync.status.state, db.sync.status.error.code], ['needs-auth', 'AUTH_TIMEOUT']);
});

test('D14: a storm of 401 over 500 changes and two pulls: one more auth() until it is known', async (t) => {
  let asked = 0;
  let token = 'old';
  const auth = () => {
    asked++;
    return { authorization: token };
  };
  const world = await scripted(t, { auth, concurrency: 16 }, { collections: { notes: {}, tags: {} } });
  const { clock, db, notes, server, sent } = world;
  const release = db.sync.hold('all');
  await notes.putMany(Array.from({ length: 500 }, (_, n) => ({ id: `n${n}`, n })));
  await clock.advance(0);
  world.say(/./, (_request, _signal, real) => (token === 'old' ? new Response('', { status: 401 }) : real()), 1e9);
  asked = 0;
  release();
  await clock.advance(0);
  const first = sent.length;
  assert.ok(first <= 16 + 1, `${first} requests`);
  assert.deepEqual([asked, db.sync.status.state], [first, 'needs-auth'], 'one of them was the second try');
  await clock.advance(59_000);
  assert.equal(asked, first, 'nobody asks meanwhile');
  assert.deepEqual([await db.outbox.count('waiting'), (await db.outbox.list())[0].retryCount], [500, 0]);
  token = 'new';
  await clock.advance(120_000);
  assert.equal(await db.outbox.count(), 0);
  assert.equal(server.docs('notes').length, 502);
});
