// Codes that say why nothing is sent, and that a name is taken: told where an app looks for them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, seakeep } from './package.mjs';
import { answer, scripted } from './scripted.mjs';

test('AUTH_REQUIRED: the status says it while a login is wanted', async (t) => {
  const { db, notes, clock, say } = await scripted(t, { auth: () => ({}) });
  say(/PATCH/, answer(401), 2);
  await notes.patch('a', { n: 1 });
  await clock.advance(1_000);
  assert.deepEqual([db.sync.status.state, db.sync.status.error.code], ['needs-auth', 'AUTH_REQUIRED']);
  assert.match(db.sync.status.error.userMessage, /sign in/);
  await clock.advance(120_000);
  assert.deepEqual([db.sync.status.state, db.sync.status.pending], ['idle', 0]);
});

test('BREAKER_OPEN: the status says it while sending has a rest, and until when', async (t) => {
  const { db, notes, clock, say } = await scripted(t, { breaker: { failures: 2, cooldown: 20_000 } });
  say(/PATCH/, answer(500), 2);
  await notes.patch('a', { n: 1 });
  await notes.patch('b', { n: 1 });
  await clock.advance(1_000);
  assert.deepEqual([db.sync.status.state, db.sync.status.error.code], ['breaker-open', 'BREAKER_OPEN']);
  await clock.advance(120_000);
  assert.deepEqual([db.sync.status.state, db.sync.status.pending], ['idle', 0]);
});

test('SCHEMA_MISMATCH: a name that is open in this page with another schema', async () => {
  const options = { storage: 'memory', collections: { notes: {} } };
  const db = await seakeep.open('codes', options);
  const error = await failure(() => seakeep.open('codes', { ...options, collections: { others: {} } }));
  assert.equal(error.code, 'SCHEMA_MISMATCH');
  await db.close();
});
