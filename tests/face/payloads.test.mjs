// What each event of sync and each state carries, field by field, on the real module in memory with a server of a few
// lines: an app builds its screens on exactly these.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './modules.mjs';
import { seakeep } from './package.mjs';
import { server } from './server.mjs';

const EVENTS = (
  'started completed failed acknowledged retrying parked rejected conflict resolved pulled network leader breaker ' +
  'auth-required update-required captive-portal unknown-results'
).split(' ');
const RESULT = { collection: 'notes', attempts: 1 };
let made = 0;

/** A database that is closed when its test has ended, however it ended. */
async function database(t, { collection = {}, sync = {}, name = `payloads-${++made}` } = {}) {
  const answers = server();
  const db = await seakeep.open(name, {
    storage: 'memory',
    collections: { notes: collection },
    sync: { url: 'http://unit.test/api', fetch: answers.fetch, auto: false, pullInterval: 0, startDelay: 0, ...sync },
  });
  t.after(() => db.close());
  const told = [];
  for (const event of EVENTS) db.sync.on(event, (detail) => void told.push([event, detail]));
  const of = (event) => told.filter(([name]) => name === event).map(([, detail]) => detail);
  const first = async (event) => {
    await until(() => of(event).length > 0, `the event ${event}`);
    return of(event)[0];
  };
  return { db, notes: db.collection('notes'), answers, of, first };
}

const says = (status, { body, type = 'application/json', headers = {} } = {}) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? { status });
  return () => new Response(text, { status, headers: { 'content-type': type, ...headers } });
};
const isError = (error, code, more = {}) => {
  const { at, message, userMessage, ...rest } = error;
  assert.ok(Math.abs(at - Date.now()) < 60_000 && message.length > 0 && userMessage.length > 0);
  assert.deepEqual({ code: rest.code, ...rest }, { ...rest, code, ...more });
  assert.equal(typeof rest.retryable, 'boolean');
  assert.equal(typeof rest.family, 'string');
};

test('a change: acknowledged with both of its ids, and the reports of its pass', async (t) => {
  const { db, notes, first, of } = await database(t);
  const write = await notes.put({ text: 'x' });
  const report = await db.sync.now();
  const result = { ...RESULT, success: true, mutationId: write.mutationId, tempId: write.id, id: 'n1' };
  assert.deepEqual(await first('acknowledged'), result);
  assert.deepEqual(await first('started'), { reason: 'now' });
  const { durationMs, ...rest } = await first('completed');
  const pulled = of('pulled').reduce((sum, { changed, deleted }) => sum + changed + deleted, 0);
  assert.deepEqual(rest, { pushed: 1, pulled, conflicts: 0, parked: 0, failed: 0, results: [result] });
  assert.ok(durationMs >= 0);
  assert.deepEqual(report, { ...rest, durationMs });
  for (const { changed, deleted, ...only } of of('pulled')) {
    assert.deepEqual(only, { collection: 'notes' });
    assert.ok(changed + deleted >= 0);
  }
  await db.close();
});

test('a failure: retrying says when, parked and rejected say why', async (t) => {
  const { db, notes, answers, first } = await database(t, {
    sync: { maxAttempts: 2, backoff: { base: 20, jitter: 'none' } },
  });
  answers.say(({ method }) => (method === 'GET' ? undefined : says(500)()));
  const write = await notes.put({ id: 'a' });
  db.sync.start();
  const { nextAttemptAt, error, ...retrying } = await first('retrying');
  assert.deepEqual(retrying, { ...RESULT, success: false, mutationId: write.mutationId, id: 'a' });
  assert.ok(Math.abs(nextAttemptAt - Date.now()) < 10_000);
  isError(error, 'SERVER', { status: 500 });
  const { error: cause, ...parked } = await first('parked');
  assert.deepEqual(parked, { ...RESULT, attempts: 2, success: false, mutationId: write.mutationId, id: 'a' });
  isError(cause, 'SERVER', { status: 500 });
  assert.equal(db.sync.status.parked, 1);
  const { retried, parked: waiting, failures, successRate } = await db.sync.stats();
  assert.deepEqual(
    { retried, waiting, failures, successRate },
    { retried: 1, waiting: 1, failures: 2, successRate: 0 },
  );
  await db.close();

  const rolling = await database(t, { collection: { rejected: 'rollback' } });
  const refused = await rolling.notes.put({ id: 'b', refuse: true });
  await rolling.db.sync.now();
  const { error: why, ...rejected } = await rolling.first('rejected');
  assert.deepEqual(rejected, { ...RESULT, success: false, mutationId: refused.mutationId, id: 'b' });
  isError(why, 'VALIDATION', { status: 422 });
  assert.deepEqual(why.fields, { refuse: 'must not be set' });
  await rolling.db.close();
});

test('a refused change of a transaction parks whatever its collection says, and the rest waits with it', async (t) => {
  const { db, notes, answers, of, first } = await database(t, { collection: { rejected: 'rollback' } });
  const ends = [];
  await db.transaction(['notes'], async (tx) => {
    for (const doc of [{ id: 'a', refuse: true }, { id: 'b' }]) {
      const { synced } = await tx.collection('notes').put(doc);
      ends.push(synced);
    }
  });
  await db.sync.now();
  const { error, ...parked } = await first('parked');
  assert.deepEqual([parked.id, error.code, of('rejected')], ['a', 'VALIDATION', []]);
  const cause = await ends[0].catch((thrown) => thrown);
  assert.deepEqual([cause.code, cause.parked, cause.fields], ['VALIDATION', true, { refuse: 'must not be set' }]);
  const states = (await db.outbox.list()).map(({ id, state, dependsOn }) => [id, state, dependsOn]);
  assert.deepEqual(states, [
    ['a', 'parked', []],
    ['b', 'waiting', [parked.mutationId]],
  ]);
  assert.equal(await notes.count(), 2);
  assert.ok(!answers.docs.has('b'));
  await db.close();
  assert.equal((await ends[1].catch((thrown) => thrown)).code, 'CLOSED');
});

test('the messages by field of a refusal are in the outbox and in the document’s meta, also at the next visit', async (t) => {
  const { db, notes, first } = await database(t);
  await notes.put({ id: 'a', refuse: true });
  await db.sync.now();
  const { error } = await first('parked');
  const [{ lastError }] = await db.outbox.list();
  assert.deepEqual(lastError, error);
  assert.deepEqual((await notes.meta('a')).lastError, error);
  assert.deepEqual(error.fields, { refuse: 'must not be set' });
  await db.close();
  const next = await database(t, { name: db.name });
  assert.deepEqual((await next.db.outbox.list())[0].lastError, error);
  assert.deepEqual((await next.notes.meta('a')).lastError.fields, { refuse: 'must not be set' });
  await next.db.close();
});

test('the endpoint: breaker with its time, a login that is needed, an update, a portal', async (t) => {
  const breaking = await database(t, {
    sync: { breaker: { failures: 2, cooldown: 1000 }, backoff: { base: 100, jitter: 'none' } },
  });
  breaking.answers.say(() => says(503)());
  for (const id of ['a', 'b', 'c']) await breaking.notes.put({ id });
  breaking.db.sync.start();
  const { until: opens, ...open } = await breaking.first('breaker');
  assert.deepEqual(open, { state: 'open' });
  assert.ok(opens > Date.now() && opens < Date.now() + 2000);
  await until(() => breaking.db.sync.status.state === 'breaker-open', 'the state');
  assert.equal(breaking.db.sync.status.nextAttemptAt, opens);
  breaking.answers.say(() => undefined);
  await until(() => breaking.of('breaker').length === 3, 'half-open and closed');
  const [, { until: probe, ...half }, closed] = breaking.of('breaker');
  assert.deepEqual([half, closed], [{ state: 'half-open' }, { state: 'closed' }]);
  assert.equal(typeof probe, 'number');
  await breaking.db.close();

  for (const [event, state, answer] of [
    ['auth-required', 'needs-auth', says(401)],
    ['update-required', 'needs-update', says(426)],
    ['captive-portal', undefined, says(200, { body: '<html>Sign in</html>', type: 'text/html' })],
  ]) {
    const { db, notes, answers, first, of } = await database(t);
    answers.say(answer);
    await notes.put({ id: 'a' });
    db.sync.start();
    assert.deepEqual(await first(event), {});
    if (state !== undefined) await until(() => db.sync.status.state === state, state);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(of(event).length, 1, `${event} is told once`);
    await db.close();
  }
});

test('who sends, and how the network is', async (t) => {
  const { db, notes, answers, first } = await database(t);
  const { online, reachable, saveData, good } = db.sync.network;
  assert.deepEqual(
    { online, reachable, saveData, good },
    { online: true, reachable: undefined, saveData: false, good: true },
  );
  answers.say(() => Promise.reject(new TypeError('failed to fetch')));
  await notes.put({ id: 'a' });
  db.sync.start();
  const leader = await first('leader');
  assert.deepEqual({ ...leader, epoch: leader.epoch > 0 }, { leader: true, epoch: true });
  assert.equal(db.sync.status.leader, true);
  const network = await first('network');
  assert.deepEqual({ ...network }, { online: false, reachable: false, saveData: false, good: false });
  assert.deepEqual(db.sync.network.reachable, false);
  await until(() => db.sync.status.state === 'offline', 'offline');
  await db.close();
});

test('a batch with a result for nobody: told with their number, and harmless', async (t) => {
  const { db, notes, answers, of } = await database(t, { sync: { rest: { batch: true } } });
  answers.say(({ method, path, body }) => {
    if (method === 'GET' || !path.endsWith('_batch')) return undefined;
    const { changes } = JSON.parse(body);
    const results = changes.map(({ mutationId, id, doc }) => ({ mutationId, status: 201, id, revision: '1', doc }));
    const stranger = { mutationId: 'stranger', status: 201, id: 'canary', doc: { id: 'canary' } };
    return says(200, { body: { results: [stranger, ...results, stranger] } })();
  });
  await notes.putMany([{ id: 'a' }, { id: 'b' }]);
  await db.sync.now({ pull: false });
  assert.equal(await db.outbox.count(), 0);
  assert.deepEqual(of('unknown-results'), [{ count: 2 }]);
  assert.equal(await notes.get('canary'), undefined);
  await db.close();
});

test('a conflict carries both sides and what becomes of it', async (t) => {
  const { db, notes, answers, first } = await database(t, { collection: { conflict: 'manual' } });
  answers.docs.set('a', { id: 'a', n: 1 });
  await db.sync.now();
  const mine = await notes.patch('a', { n: 2 });
  answers.say(({ method }) =>
    method === 'GET' ? undefined : says(412, { body: { id: 'a', n: 3 }, headers: { etag: '"2"' } })(),
  );
  await db.sync.now();
  const conflict = await first('conflict');
  const { conflictId, detectedAt, fields, severity, ...rest } = conflict;
  assert.ok(conflictId.length > 0 && Math.abs(detectedAt - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    ...{ collection: 'notes', id: 'a', type: 'edit-edit', status: 'open', mutationId: mine.mutationId },
    ...{ base: { id: 'a', n: 1 }, local: { id: 'a', n: 2 }, remote: { id: 'a', n: 3 } },
  });
  assert.ok(['low', 'medium', 'high'].includes(severity));
  const [{ localAt, remoteAt, ...field }] = fields;
  assert.deepEqual([fields.length, field], [1, { path: 'n', base: 1, local: 2, remote: 3 }]);
  assert.equal(db.sync.status.conflicts, 1);
  await db.conflicts.resolve(conflictId, 'remote');
  const resolved = await first('resolved');
  assert.deepEqual(
    [resolved.conflictId, resolved.status, resolved.result],
    [conflictId, 'resolved', { id: 'a', n: 3 }],
  );
  assert.ok(resolved.resolvedAt >= detectedAt);
  assert.equal((await db.sync.stats()).conflicts, 1);
  await db.close();
});

test('without sync the state is disabled, and all of the status is there', async () => {
  const db = await seakeep.open(`payloads-${++made}`, { storage: 'memory', collections: { notes: {} } });
  const { online, ...status } = db.sync.status;
  assert.deepEqual(status, {
    ...{ state: 'disabled', phase: 'idle', leader: false, pending: 0, parked: 0, conflicts: 0, holds: [] },
  });
  assert.equal(typeof online, 'boolean');
  assert.equal((await db.sync.now()).skipped, 'disabled');
  await db.close();
});
