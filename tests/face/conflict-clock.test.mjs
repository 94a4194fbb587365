// Two rules of conflicts that need a server of a special kind, on the real module in memory: the later side is found by
// the server's clock, however wrong the device's is, and endless contention ends with a parked change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seakeep } from './package.mjs';

const HOUR = 3_600_000;
const MINUTES = 600_000;
const realNow = Date.now;
let made = 0;

/** A server of one document whose clock is `skew` ms ahead of the device's; `contends`: each PATCH finds another version. */
function skewed({ skew = 0, contends = false } = {}) {
  const now = () => realNow() + skew;
  const state = { rev: 1, refused: 0, contends, doc: { id: 'a', title: 'first', updatedAt: now() - 5 * HOUR } };
  const answer = (status, body) =>
    new Response(JSON.stringify(body), {
      status,
      headers: { 'content-type': 'application/json', date: new Date(now()).toUTCString(), etag: `"${state.rev}"` },
    });
  const change = (fields, at = now()) => {
    state.doc = { ...state.doc, ...fields, updatedAt: at };
    state.rev++;
  };
  const fetch = async (url, { method, headers, body }) => {
    if (method === 'GET' && new URL(url).pathname.endsWith('/notes')) {
      const item = { id: 'a', revision: String(state.rev), updatedAt: state.doc.updatedAt, doc: state.doc };
      return answer(200, { items: [item], checkpoint: String(state.rev), hasMore: false, epoch: 'e' });
    }
    if (state.contends) change({ other: state.rev });
    if (method === 'PATCH' && new Headers(headers).get('if-match') !== `"${state.rev}"`) {
      state.refused++;
      return answer(412, state.doc);
    }
    if (method === 'PATCH') change(JSON.parse(body));
    return answer(200, state.doc);
  };
  return { state, change, now, fetch };
}

async function opened(server) {
  const sync = { url: 'http://unit.test/api', fetch: server.fetch, auto: false, startDelay: 0, pullInterval: 0 };
  const options = { storage: 'memory', collections: { notes: {} }, sync: { ...sync, rest: { health: false } } };
  const db = await seakeep.open(`clock-${++made}`, options);
  await db.sync.now();
  return db;
}

for (const [skew, ago, later] of [
  [HOUR, MINUTES, 'ours'],
  [-HOUR, -MINUTES, 'theirs'],
  [HOUR, -MINUTES, 'theirs'],
  [-HOUR, MINUTES, 'ours'],
]) {
  const device = `${Math.abs(skew) / HOUR} h ${skew > 0 ? 'behind' : 'ahead of'} the server's`;
  test(`of two edits the later one stays, with a clock ${device} and ${later} the later`, async () => {
    const server = skewed({ skew });
    const db = await opened(server);
    await db.collection('notes').patch('a', { title: 'ours' });
    server.change({ title: 'theirs' }, server.now() - ago);
    await db.sync.now({ pull: false });
    await db.sync.now({ pull: false });
    assert.equal(server.state.doc.title, later);
    assert.equal((await db.collection('notes').get('a', { fresh: true })).title, later);
    await db.close();
  });
}

test('a change that meets another version each time is parked after eight rounds, and a person can send it again', async () => {
  const server = skewed({ contends: true });
  const db = await opened(server);
  const write = await db.collection('notes').patch('a', { title: 'ours' });
  for (let pass = 0; pass < 12; pass++) await db.sync.now({ pull: false });
  const [change] = await db.outbox.list();
  assert.deepEqual([change.state, change.lastError.code, server.state.refused], ['parked', 'CONFLICT', 9]);
  assert.equal((await write.synced.catch((error) => error)).code, 'CONFLICT');
  server.state.contends = false;
  await db.outbox.retry(change.mutationId);
  await db.sync.now({ pull: false });
  assert.deepEqual([await db.outbox.count(), server.state.doc.title], [0, 'ours']);
  await db.close();
});

const YEAR = 365 * 24 * HOUR;

/** The device's clock from now on: so far ahead of the true one. The server keeps the true one. */
function setClock(ahead) {
  Date.now = () => realNow() + ahead;
}

for (const [story, met, written] of [
  ['met the server and wrote with a clock a year ahead', YEAR, YEAR],
  ['wrote with a clock a year ahead that nobody had noticed', 0, YEAR],
  ['met the server and wrote with a clock a year behind', -YEAR, -YEAR],
]) {
  for (const later of ['theirs', 'ours']) {
    const knows = met === written || later === 'theirs';
    test(`a device ${story}, and was set right: ${later} came later, ${knows ? later : 'theirs'} stays`, async () => {
      const server = skewed();
      try {
        setClock(met);
        const db = await opened(server);
        setClock(written);
        await db.collection('notes').patch('a', { title: 'ours' });
        setClock(0);
        server.change({ title: 'theirs' }, realNow() + (later === 'theirs' ? 2500 : -2500));
        await db.sync.now({ pull: false });
        await db.sync.now({ pull: false });
        assert.equal(server.state.doc.title, knows ? later : 'theirs');
        const [conflict] = await db.conflicts.list({ status: 'resolved' });
        const [field] = conflict.fields;
        assert.ok(field.localAt <= realNow() + 3000, `written at ${field.localAt}, after the present`);
        await db.close();
      } finally {
        Date.now = realNow;
      }
    });
  }
}
