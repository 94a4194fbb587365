// The HTTP table (SPEC, section 8) row by row in real Chromium against the real server and its ordered faults: the very rows
// that tests/face/http-table.test.mjs plays on a scripted server and a clock that stands. Each row has a database and a
// collection of its own in one page, and runs beside others. Rows without an answer: `status`, `breaker`, `limits` and
// `interruptions`; logins: `answers`.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { KINDS, ROWS } from '../face/http-rows.mjs';
import { browser, closeBrowser } from './support/browser.mjs';
import { pageFolder } from './support/folder.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';
import { ready } from './support/world.mjs';

/** Longer pauses are looked at, not waited for. */
const PATIENCE = 10_000;
/** Dates in headers have whole seconds, and the machine is busy. */
const SLACK = 1_500;
/** Refusals of a state that is not the one the change was made on, without the document that is there. */
const STORIES = [409, 412, 428];

const LOST = ROWS.find(({ row }) => row === 'network');
/** Chromium asks again by itself while it has another connection: the page sees the last answer only. */
const ASKED_AGAIN = [408, 421];
/** Chromium does not show it to the page: only a proxy may say that. */
const HIDDEN = [407];
/** What begins with 1 is not the last answer, so no server can order it. */
const IMPOSSIBLE = [199];

const PLAYED = ROWS.filter((row) => row.answers)
  .flatMap((row) => row.answers.map((status) => ({ row: HIDDEN.includes(status) ? LOST : row, status })))
  .filter(({ status }) => !IMPOSSIBLE.includes(status));

let server;
let context;
let page;
/** Changes as they leave the page; the log of the server also has what the browser repeats by itself. */
const sent = [];

before(async () => {
  server = await startServer({ www: pageFolder() });
  context = await (await browser()).newContext();
  page = await context.newPage();
  page.on('request', (request) => {
    const { 'idempotency-key': quoted, 'if-match': match, 'if-none-match': none } = request.headers();
    const key = quoted?.replaceAll('"', '');
    const path = new URL(request.url()).pathname;
    if (path.startsWith('/api/'))
      sent.push({ method: request.method(), path: path.slice(4), key, guard: match ?? none, body: request.postData() });
  });
  await ready(page, `${server.url}/`);
  await page.evaluate(() => Object.assign(window, { rows: {} }));
});
after(async () => {
  await context?.close();
  await closeBrowser();
  await server?.stop();
});

describe('the HTTP table', { concurrency: 8 }, () => {
  for (const [n, { row, status }] of PLAYED.entries()) {
    if (!ASKED_AGAIN.includes(status)) test(nameOf(row, status), () => play(collectionOf(n), row, status));
  }
  for (const status of STORIES) {
    test(`${status} without a document: asked for, put on it, the same key`, () => putOn(`story-${status}`, status));
  }
});

describe('what the browser asks again by itself, under the same key', () => {
  for (const [n, { row, status }] of PLAYED.entries()) {
    if (ASKED_AGAIN.includes(status)) test(nameOf(row, status), () => play(collectionOf(n), row, status, 0));
  }
});

function nameOf(row, status) {
  return `${row.row}: ${status || 'opaque'} on ${row.kind ?? 'update'}`;
}

/** No name of one is part of another's: faults and the log go by it. */
function collectionOf(n) {
  return `row-${String(n).padStart(3, '0')}`;
}

/** A database with documents `a` and `b` that the server has too; both are changed, the one of the row first. */
async function prepare(collection, kind) {
  await server.fill(collection, 2, (n) => ({ id: 'ab'[n], n: 0 }));
  return page.evaluate(open, { collection, kind });
}

async function open({ collection, kind }) {
  const sync = { url: new URL('/api', location.href).href, startDelay: 0, pullInterval: 0, concurrency: 1 };
  sync.backoff = { base: 1000, factor: 2, max: 60_000, jitter: 'none' };
  const db = await seakeep.open(collection, { collections: { [collection]: {} }, sync });
  const notes = db.collection(collection);
  await db.sync.now();
  const release = db.sync.hold('both');
  const write = {
    update: () => notes.patch('a', { n: 1 }),
    delete: () => notes.remove('a'),
    own: () => notes.put({ id: 'c', n: 1 }),
    create: () => notes.put({ n: 1 }),
  }[kind];
  const { id } = await write();
  await notes.patch('b', { m: 1 });
  const row = { db, id, release, told: [], states: [] };
  const events =
    'acknowledged retrying parked rejected conflict resolved auth-required update-required captive-portal breaker';
  for (const event of events.split(' ')) {
    db.sync.on(event, (detail) => row.told.push({ event, detail: structuredClone(detail), at: Date.now() }));
  }
  db.sync.subscribe(({ state, nextAttemptAt }) => row.states.push({ state, nextAttemptAt }));
  window.rows[collection] = row;
}

/** Lets both go, and looks when the answer has had its effect: what was told, and where the change stands. */
async function look({ collection, wanted, others }) {
  const { db, id, release, told, states } = window.rows[collection];
  const own = () => told.filter(({ detail }) => detail?.id !== 'b');
  const other = () => told.some(({ event, detail }) => event === 'acknowledged' && detail.id === 'b');
  release();
  const end = Date.now() + 15_000;
  while (Date.now() < end && (own().length < wanted || (others && !other()))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const changes = await db.outbox.list();
  return { told: own(), went: other(), states, change: changes.find((one) => one.id === id) };
}

async function play(collection, row, status, times = 1) {
  const kind = KINDS[row.kind ?? 'update'];
  await prepare(collection, row.kind ?? 'update');
  const path = kind.id ? `/${collection}/${kind.id}` : `/${collection}`;
  await server.order({ match: { method: kind.method, path }, times, fault: faultOf(row, status) });
  const others = row.holds !== 'endpoint';
  const seen = await page.evaluate(look, { collection, wanted: row.events.length, others });
  if (times === 0) await server.heal();
  holds(seen, row, others);
  await goesOn(collection, row, kind);
}

function faultOf(row, status) {
  if (status === 0) return { redirect: '/api/elsewhere' };
  const type = typeof row.body === 'string' && row.body.startsWith('<') ? { 'content-type': 'text/html' } : {};
  return { status, body: row.body, headers: { ...type, ...row.headers } };
}

/** The change, what was told of it, and who waits with it. */
function holds({ told, went, states, change }, row, others) {
  assert.deepEqual(
    told.map(({ event }) => event),
    row.events,
  );
  assert.equal(went, others, others ? 'the others do not wait' : 'the others wait too');
  if (row.state === undefined) return assert.equal(change, undefined);
  const { lastError } = change;
  assert.deepEqual([change.state, change.retryCount], [row.state, row.counted]);
  if (row.code !== undefined) assert.equal(lastError.code, row.code);
  if (row.fields) assert.deepEqual(lastError.fields, { n: 'is wrong' });
  const text = JSON.stringify([lastError, told.map(({ detail }) => detail?.error)]);
  assert.ok(!text.includes('canary'), text);
  const state = row.passed ?? row.status;
  if (state !== undefined)
    assert.ok(
      states.some((one) => one.state === state),
      JSON.stringify(states),
    );
  const retrying = told.find(({ event }) => event === 'retrying');
  if (retrying === undefined || row.after === Infinity) return;
  const { nextAttemptAt, attempts } = retrying.detail;
  assert.equal(attempts, row.counted);
  const due = nextAttemptAt - retrying.at;
  assert.ok(due <= row.after + SLACK && due >= row.after - SLACK, `due in ${due} ms, not ${row.after}`);
  if (row.after > 0)
    assert.ok(
      states.some((one) => one.nextAttemptAt === nextAttemptAt),
      'the status says so too',
    );
}

/** What leaves next: when, and under which key and guard; everything arrives in the end. */
async function goesOn(collection, row, { method, guard }) {
  const tries = () => sent.filter((one) => one.method === method && one.key === first.key);
  const [first] = ofRow(collection).filter((one) => one.method === method);
  if (guard === '1') assert.match(first.guard, /^".+"$/);
  else assert.equal(first.guard, guard);
  const [least] = [row.after ?? 0].flat();
  const waits = row.state === 'waiting' && least <= PATIENCE;
  if (!waits) {
    const { skipped } = await page.evaluate((name) => rows[name].db.sync.now({ pull: false }), collection);
    if (row.holds === 'endpoint') assert.ok(skipped, 'a pass does nothing');
    const ordered = row.state === 'waiting' && row.holds === 'lane';
    if (!ordered) assert.equal(tries().length, 1, 'nothing leaves again');
    if (row.state === 'parked') await page.evaluate((name) => rows[name].db.outbox.retry(), collection);
    else if (!ordered) return;
  }
  await eventually('everything to arrive', async () => {
    assert.equal(await page.evaluate((name) => rows[name].db.outbox.count(), collection), 0);
  });
  assert.deepEqual(tries(), [first, first], 'the same once more');
  const docs = await server.documents(collection);
  assert.equal(docs.find(({ id }) => id === 'b').m, 1);
  if (method !== 'DELETE') assert.equal(docs.filter(({ n }) => n === 1).length, 1);
  if (waits) await pauses(collection, row, first, least);
}

/** In its pause nothing leaves of the change, and where the others wait too, nothing at all. */
async function pauses(collection, row, first, least) {
  const log = await server.log({ path: `/${collection}`, writes: true });
  const at = log.findLastIndex((one) => one.key === first.key && one.fault);
  const next = log.slice(at + 1).find((one) => row.holds === 'endpoint' || one.key === first.key);
  const passed = next.time - log[at].time;
  assert.ok(passed >= least - 50, `${passed} ms, not ${least}`);
}

const ofRow = (collection) =>
  sent.filter(({ path }) => path === `/${collection}` || path.startsWith(`/${collection}/`));

async function putOn(collection, status) {
  await prepare(collection, 'update');
  await server.update('a', { other: 1 }, collection);
  await server.order({ match: { method: 'PATCH', path: `/${collection}/a` }, fault: { status } });
  const { told, change } = await page.evaluate(look, { collection, wanted: 3, others: true });
  assert.deepEqual(
    told.map(({ event }) => event),
    ['conflict', 'resolved', 'acknowledged'],
  );
  assert.equal(change, undefined);
  const asked = ofRow(collection).filter(({ path }) => path.endsWith('/a'));
  assert.deepEqual(
    asked.map(({ method }) => method),
    ['PATCH', 'GET', 'PATCH'],
  );
  const [first, , again] = asked;
  assert.equal(again.key, first.key, 'the same payload keeps its key');
  assert.notEqual(again.guard, first.guard, 'guarded by what it stands on now');
  const { n, other } = await server.document('a', collection);
  assert.deepEqual({ n, other }, { n: 1, other: 1 });
}
