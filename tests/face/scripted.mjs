// A server that answers by a script, on a clock that stands: the test kit's server with the test's own answers before
// its own, and a log of what left, with the headers that guard a write.

import { seakeep } from './package.mjs';

const { FakeClock, FakeServer } = await import('../../dist/testing.js');

const TIMES = { startDelay: 0, pullInterval: 0, backoff: { base: 1000, factor: 2, max: 60_000, jitter: 'none' } };
const EVENTS = 'acknowledged retrying parked rejected conflict auth-required update-required captive-portal breaker';
/** The clock's time at the beginning of each test, on a whole second. */
export const START = 1_700_000_000_000;

/** An answer as fetch gives it. Text is a web page where it looks like one; anything else goes as JSON. */
export function answer(status, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = text?.startsWith('<') ? 'text/html' : 'application/json';
  const all = new Headers({ ...(text === undefined ? {} : { 'content-type': type }), ...headers });
  // The constructor of Response refuses what a server may send all the same.
  return { status, headers: all, type: 'default', redirected: false, url: '', text: async () => text ?? '' };
}

/** What a browser gives for a redirect that is not followed. */
export function opaqueRedirect() {
  return { ...answer(0), type: 'opaqueredirect' };
}

export const lost = () => {
  throw new TypeError('Failed to fetch');
};
/** Nothing comes until the request is given up. */
export const silent = (_request, signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new TypeError('aborted'))));

let made = 0;

/** A database with documents `a` and `b` that the server has too, and everything a test of one row looks at. */
export async function scripted(t, sync = {}, more = {}) {
  const clock = new FakeClock(START);
  const back = clock.install();
  const server = new FakeServer();
  const sent = [];
  const script = [];
  const context = { clock, server, sent, script };
  const own = async (url, init) => {
    const { method } = init;
    const path = String(url).slice(server.url.length + 1);
    const header = (name) => init.headers.get(name)?.replaceAll('"', '');
    const request = { at: clock.now() - START, what: `${method} ${path}`, key: header('idempotency-key') };
    request.ifMatch = header('if-match') ?? header('if-none-match');
    request.body = init.body ? JSON.parse(init.body) : undefined;
    sent.push(request);
    const at = script.findIndex((one) => one.match.test(request.what));
    if (at < 0) return server.fetch(url, init);
    const rule = script[at];
    if (--rule.times === 0) script.splice(at, 1);
    const said = await rule.answer(request, init.signal, () => server.fetch(url, init));
    return said ?? server.fetch(url, init);
  };
  for (const id of ['a', 'b']) server.put('notes', { id, n: 0 });
  const options = { url: server.url, fetch: own, ...TIMES, ...sync };
  const name = `scripted-${++made}`;
  const open = () => seakeep.open(name, { storage: 'memory', collections: { notes: {} }, ...more, sync: options });
  const db = await open();
  const told = [];
  const listen = (db) => {
    for (const event of EVENTS.split(' ')) db.sync.on(event, (detail) => told.push({ event, detail }));
  };
  listen(db);
  await clock.until(() => db.sync.status.lastSyncedAt !== undefined, 60_000);
  await clock.advance(0);
  const opened = sent.splice(0);
  t.after(async () => {
    const closing = context.db.close();
    await clock.advance(100);
    await closing;
    back();
  });
  return Object.assign(context, {
    db,
    /** What left until the first pull had ended; what leaves later stands in `sent`. */
    opened,
    told,
    notes: db.collection('notes'),
    /** Closes and opens the same store again. */
    async reopen() {
      const closing = context.db.close();
      await clock.advance(0);
      await closing;
      context.db = await open();
      listen(context.db);
      context.notes = context.db.collection('notes');
      await clock.advance(0);
      return context.db;
    },
    /** Orders answers: a function, or a value for each request that matches. */
    say(match, answer, times = 1) {
      script.push({ match, times, answer: typeof answer === 'function' ? answer : () => answer });
    },
    /** What is known of the change of a document: state, counted attempts, code, status, pause from now. */
    async change(id) {
      const row = (await context.db.outbox.list()).find((one) => one.id === id);
      if (row === undefined) return undefined;
      const { state, retryCount, lastError, nextAttemptAt } = row;
      const pause = nextAttemptAt === undefined ? undefined : nextAttemptAt - clock.now();
      return { state, retryCount, code: lastError?.code, status: lastError?.status, pause };
    },
  });
}
