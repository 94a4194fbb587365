// What the app is told, on the real module in memory with a server of a few lines: status and progress, events once
// each, numbers across openings, scheduled passes, triggers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './modules.mjs';
import { seakeep } from './package.mjs';
import { server } from './server.mjs';

let made = 0;

async function database(answers = server(), options = {}) {
  const name = options.name ?? `told-${++made}`;
  const sync = { url: 'http://unit.test/api', fetch: answers.fetch, auto: false, ...options.sync };
  const db = await seakeep.open(name, { storage: 'memory', collections: { notes: {} }, sync });
  const told = [];
  for (const event of ['started', 'progress', 'completed', 'failed', 'acknowledged', 'retrying', 'parked', 'pulled']) {
    db.sync.on(event, (detail) => void told.push({ event, ...detail }));
  }
  const of = (event) => told.filter((one) => one.event === event);
  return { db, name, notes: db.collection('notes'), told, of, answers };
}

test('a pass by hand tells why, how far, and what came of each', async () => {
  const { db, notes, told, of } = await database();
  const seen = [];
  db.sync.subscribe((status) => void seen.push(status));
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await notes.put({ id });
  const report = await db.sync.now();
  assert.equal(report.pushed, 6);
  await until(() => of('completed').length === 1);
  assert.equal(of('started').length, 1);
  assert.equal(of('acknowledged').length, 6);
  const progress = of('progress').filter((one) => one.phase === 'pushing');
  assert.deepEqual([progress.at(-1).done, progress.at(-1).total, progress.at(-1).fraction], [6, 6, 1]);
  const dones = progress.map((one) => one.done);
  assert.deepEqual(
    dones,
    [...dones].sort((a, b) => a - b),
    'it only goes forward',
  );
  assert.ok(told.findIndex((one) => one.event === 'completed') > told.findLastIndex((one) => one.event === 'progress'));
  assert.ok(seen.some((status) => status.progress?.total === 6));
  assert.equal(db.sync.status.progress, undefined);
  assert.equal(db.sync.status.state, 'held');
  await db.close();
});

test('numbers are those of the events, survive closing, and begin anew when asked', async () => {
  const answers = server();
  answers.docs.set('z', { id: 'z', text: 'of somebody else' });
  const { db, name, notes, of } = await database(answers);
  await notes.put({ id: 'a', text: 'x' });
  await db.sync.now();
  await notes.put({ id: 'bad', refuse: true });
  await db.sync.now();
  const stats = await db.sync.stats();
  assert.deepEqual([stats.pushed, stats.parked, stats.failures, stats.successRate], [1, 1, 1, 0.5]);
  const pulled = of('pulled').reduce((sum, one) => sum + one.changed + one.deleted, 0);
  assert.ok(pulled >= 1);
  assert.deepEqual(stats.byCollection, { notes: { pushed: 1, pulled, failed: 1 } });
  assert.equal(stats.passes, of('completed').length + of('failed').length);
  assert.equal(stats.requestMs.count, answers.log.length);
  assert.ok(stats.requestMs.p50 <= stats.requestMs.p95 && stats.requestMs.p99 <= stats.requestMs.max);
  assert.equal(
    stats.bytesSent,
    answers.log.reduce((sum, one) => sum + (one.body?.length ?? 0), 0),
  );
  assert.equal(
    stats.bytesReceived,
    answers.log.reduce((sum, one) => sum + one.answered, 0),
  );
  await db.close();

  const again = await database(answers, { name });
  const kept = await again.db.sync.stats();
  assert.deepEqual([kept.pushed, kept.parked, kept.since], [1, 1, stats.since]);
  await until(() => again.db.sync.status.lastSyncedAt > 0, 'the last sync of an earlier visit');
  await again.db.sync.resetStats();
  const fresh = await again.db.sync.stats();
  assert.deepEqual([fresh.pushed, fresh.requestMs.count, fresh.byCollection], [0, 0, {}]);
  assert.ok(fresh.since >= stats.since);
  await again.db.close();
});

test('a scheduled pass runs at its time, a past one at once, a cancelled one never, an absurd one keeps waiting', async () => {
  const { db, answers, of } = await database();
  db.sync.schedule(Date.now() + 30)();
  db.sync.schedule(new Date(8.64e15));
  db.sync.schedule(Number.POSITIVE_INFINITY);
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(answers.log.length, 0);
  const cancel = db.sync.schedule(Date.now() + 40);
  await until(() => of('completed').length === 1);
  assert.equal(of('started')[0].reason, 'schedule');
  cancel();
  cancel();
  db.sync.schedule(new Date(0));
  await until(() => of('completed').length === 2);
  for (const wrong of [Number.NaN, new Date('never'), '2030', undefined, null]) {
    assert.throws(() => db.sync.schedule(wrong), { code: 'ARGUMENT_TYPE' });
  }
  await db.close();
  assert.throws(() => db.sync.schedule(0), { code: 'CLOSED' });
});

test('triggers of one key are merged while a pass runs, and can be asked', async () => {
  const answers = server();
  const { db, notes } = await database(answers);
  const go = answers.hold();
  await notes.put({ id: 'a' });
  const passes = [db.sync.now(), db.sync.now(), db.sync.now({ collection: 'notes' })];
  await until(() => answers.log.length > 0);
  const triggers = db.sync.triggers();
  assert.equal(triggers.running[0].key, 'now');
  assert.ok(triggers.waiting.every((one) => one.count >= 1 && one.at > 0));
  const keys = [...triggers.running, ...triggers.waiting].map((one) => one.key);
  assert.deepEqual(new Set(keys), new Set(['now', 'now:notes']));
  go();
  const [first, second] = await Promise.all(passes);
  assert.deepEqual(first, second, 'calls made meanwhile share the pass');
  await until(() => db.sync.triggers().running.length === 0);
  assert.deepEqual(db.sync.triggers(), { running: [], waiting: [] });
  await db.close();
});

test('a status is never behind an answer, and whoever listens is told once who was answered has gone on', async () => {
  const { db, notes } = await database();
  const seen = [];
  const stop = db.sync.subscribe((status) => void seen.push(status.pending));
  const of = [];
  db.outbox.subscribe(({ pending }) => void of.push(pending));
  for (const [at, id] of ['a', 'b', 'c'].entries()) {
    await notes.put({ id });
    assert.equal(seen.length, at + 1, 'not told before');
    assert.equal(db.sync.status.pending, at + 1);
    assert.equal(db.sync.status, db.sync.status, 'the same object');
    await until(() => seen.length === at + 2);
  }
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.deepEqual(of, [0, 1, 2, 3]);
  stop();
  await notes.put({ id: 'd' });
  await db.close();
  assert.deepEqual(seen, [0, 1, 2, 3]);
});

test('who subscribes right after a write is told each status once', async () => {
  const { db, notes } = await database();
  await db.sync.now();
  const told = [];
  for (let n = 0; n < 5; n++) {
    await notes.put({ id: `n${n}` });
    const seen = [];
    told.push(seen);
    db.sync.subscribe((status) => void seen.push(status));
    assert.equal(seen[0].pending, n + 1, 'the first one is never behind the answer');
  }
  await until(() => told.every((seen) => seen.at(-1).pending === 5));
  for (const seen of told) {
    for (const [i, status] of seen.entries()) assert.notDeepEqual(status, seen[i - 1], 'the same status twice');
  }
  await db.close();
});
