// The HTTP table for reads (SPEC, section 8) row by row on the real module: what an answer to a page and to a single
// document does to its collection and to the others, what the status says, and when it is asked for again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY } from './http-rows.mjs';
import { answer, lost, scripted, silent } from './scripted.mjs';

const BACKS_OFF = { others: true, after: 1000 };
const HOLDS = { others: false, after: 1000 };
/** `others`: whether a change goes meanwhile; `after`: when it is asked for again; `page` or `single` where only one of them. */
const ROWS = [
  { row: '200 that is none', answers: [200], body: '{"items":[', code: 'BAD_RESPONSE', ...BACKS_OFF },
  { row: '200 of another form', answers: [200], body: [], code: 'BAD_RESPONSE', ...BACKS_OFF },
  { row: '2xx no answer', answers: [201, 202, 204], body: { items: [] }, code: 'BAD_RESPONSE', ...BACKS_OFF },
  { row: 'a web page', answers: [200, 203], body: '<p>canary</p>', code: 'CAPTIVE_PORTAL', ...HOLDS, state: 'offline' },
  { row: '511', answers: [511], body: '<p>canary</p>', code: 'CAPTIVE_PORTAL', ...HOLDS, state: 'offline' },
  { row: '403', answers: [403], code: 'FORBIDDEN', ...BACKS_OFF },
  { row: '400, 422', answers: [400, 422], code: 'VALIDATION', ...BACKS_OFF },
  { row: '404', answers: [404], only: 'page', code: 'NOT_FOUND', ...BACKS_OFF },
  { row: 'other 4xx', answers: [402, 405, 406, 409, 415, 451], code: 'CLIENT', ...BACKS_OFF },
  { row: '408', answers: [408], code: 'TIMEOUT', ...BACKS_OFF },
  { row: '5xx, 425', answers: [425, 500, 502, 503, 504, 520], code: 'SERVER', ...BACKS_OFF },
  { row: '501, 505', answers: [501, 505], code: 'SERVER', ...BACKS_OFF },
  { row: '5xx as a page', answers: [502], body: '<h1>Bad Gateway</h1>', code: 'SERVER', ...BACKS_OFF },
  {
    row: 'pause on 500',
    answers: [500],
    headers: { 'retry-after': '20' },
    code: 'SERVER',
    others: true,
    after: 20_000,
  },
  { row: '429', answers: [429], code: 'RATE_LIMITED', ...HOLDS, state: 'rate-limited' },
  {
    row: '429 with a pause',
    answers: [429],
    headers: { 'retry-after': '20' },
    code: 'RATE_LIMITED',
    others: false,
    after: 20_000,
    state: 'rate-limited',
  },
  {
    row: '503 with a pause',
    answers: [503],
    headers: { 'retry-after': '20' },
    code: 'SERVER',
    others: false,
    after: 20_000,
  },
  { row: '507', answers: [507], code: 'SERVER_FULL', others: false, after: 300_000 },
  { row: '426', answers: [426], code: 'UPGRADE_REQUIRED', others: false, after: Infinity, state: 'needs-update' },
  {
    row: '401 twice',
    answers: [401],
    times: 2,
    code: 'AUTH_REQUIRED',
    others: false,
    after: 60_000,
    state: 'needs-auth',
  },
  { row: 'elsewhere', make: elsewhere, code: 'UNEXPECTED_REDIRECT', ...HOLDS },
  { row: 'no answer', make: () => lost, code: 'NETWORK', ...HOLDS, state: 'offline' },
  { row: 'nothing in time', make: () => silent, code: 'TIMEOUT', ...HOLDS, late: 30_000, state: 'offline' },
];

/** An answer that was fetched from another origin. */
function elsewhere() {
  return { ...answer(200, { items: [] }), redirected: true, url: 'https://elsewhere.invalid/notes' };
}

for (const row of ROWS) {
  for (const status of row.answers ?? [undefined]) {
    for (const kind of row.only === undefined ? ['page', 'single'] : [row.only]) {
      test(`${row.row}${status === undefined ? '' : `: ${status}`}, a ${kind}`, (t) => play(t, row, status, kind));
    }
  }
}

async function play(t, row, status, kind) {
  const world = await scripted(t, {}, { collections: { notes: {}, tags: {} } });
  const { clock, db, sent, server } = world;
  const path = kind === 'page' ? /^GET notes\?/ : /^GET notes\/deep$/;
  if (kind === 'single') makeUnfit(world);
  else server.put('notes', { id: 'c', n: 1 });
  world.say(path, row.make?.() ?? answer(status, row.body, row.headers), row.times ?? 1);
  const pass = db.collection('notes').refresh();
  await clock.advance(row.late ?? 0);
  const asked = () => sent.filter((one) => path.test(one.what));
  const first = asked().length;
  assert.equal(first, row.times ?? 1);
  assert.equal(db.sync.status.error?.code, row.code);
  if (row.state !== undefined) assert.equal(db.sync.status.state, row.state);
  assert.ok(!JSON.stringify(db.sync.status).includes('canary'));
  await pass;
  await db.collection('tags').put({ id: 't', n: 1 });
  await clock.advance(0);
  const others = sent.some((one) => one.what.startsWith('PUT tags'));
  assert.equal(others, row.others, 'whether the others go on');
  const began = clock.now();
  const again = await clock.until(() => asked().length > first, 2 * DAY);
  assert.equal(again, row.after !== Infinity);
  if (row.after === Infinity) return;
  assert.equal(clock.now() - began, row.after);
  await clock.advance(70_000);
  const id = kind === 'page' ? 'c' : 'deep';
  assert.equal((await db.collection('notes').get(id))?.n, 1, 'it comes in the end');
  assert.equal(server.docs('tags').length, 1);
  assert.equal(db.sync.status.error, undefined);
}

/** A document that the page cannot bring, so that it is asked for by itself. */
function makeUnfit(world) {
  const { server } = world;
  server.put('notes', { id: 'deep', n: 1 });
  world.say(/^GET notes\?/, async (_request, _signal, real) => {
    const response = await real();
    const text = (await response.text()).replace('"n":1', '"n":1e999');
    return answer(200, text, Object.fromEntries(response.headers));
  });
}

test('401 once: a page and a single document are asked for once more, and nobody is bothered', async (t) => {
  for (const kind of ['page', 'single']) {
    const tokens = ['old', 'old', 'new', 'new', 'new', 'new'];
    const world = await scripted(t, { auth: () => ({ authorization: tokens[0] }) });
    const { clock, db, sent, server, told } = world;
    const path = kind === 'page' ? /^GET notes\?/ : /^GET notes\/deep$/;
    if (kind === 'single') makeUnfit(world);
    else server.put('notes', { id: 'c', n: 1 });
    world.say(path, answer(401));
    const pass = db.collection('notes').refresh();
    await clock.advance(0);
    await pass;
    assert.equal(sent.filter((one) => path.test(one.what)).length, 2);
    assert.deepEqual([told.map((one) => one.event), db.sync.status.state], [[], 'idle']);
    assert.equal((await db.collection('notes').get(kind === 'page' ? 'c' : 'deep'))?.n, 1);
  }
});

test('410 on a page: all is pulled anew; 404 and 410 on a single document: it is gone', async (t) => {
  const world = await scripted(t);
  const { clock, db, sent, server } = world;
  server.put('notes', { id: 'c', n: 1 });
  world.say(/^GET notes\?since/, answer(410));
  const pass = db.collection('notes').refresh();
  await clock.advance(0);
  await pass;
  assert.deepEqual(
    sent.map((one) => one.what.includes('since')),
    [true, false],
  );
  assert.equal((await db.collection('notes').query()).length, 3);
  for (const status of [404, 410]) {
    makeUnfit(world);
    world.say(/^GET notes\/deep$/, answer(status));
    const again = db.collection('notes').refresh();
    await clock.advance(0);
    await again;
    assert.equal(await db.collection('notes').get('deep'), undefined);
  }
});

test('D10: a proxy that says in entity tags that it compresses: edits are guarded and are no conflicts', async (t) => {
  const world = await scripted(t);
  const { clock, db, notes, sent, server } = world;
  const compressed = async (_request, _signal, real) => {
    const response = await real();
    const tag = response.headers.get('etag')?.replace(/"$/, '-gzip"');
    return tag === undefined ? response : answer(200, await response.json(), { etag: tag });
  };
  world.say(/notes\/a$/, compressed, 1e9);
  for (let n = 1; n <= 3; n++) {
    await notes.patch('a', { n });
    await clock.advance(0);
  }
  assert.deepEqual(
    sent.map((one) => one.ifMatch?.includes('gzip')),
    [false, false, false],
  );
  assert.equal(server.docs('notes').find((doc) => doc.id === 'a').n, 3);
  assert.equal((await db.outbox.list()).length, 0);
});
