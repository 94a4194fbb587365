// Counts everything a page may do while it seems to rest: timers set and fired, requests, transactions, connections,
// messages between tabs, locks, frames. `COUNTING` runs in a page before the package; reading the counts costs none of them.

import assert from 'node:assert/strict';
import { until } from './wait.mjs';

/** Wraps what wakes a page, or what a page that is awake does. */
export const COUNTING = `
  const counts = { timer: 0, fired: 0, fetch: 0, transaction: 0, open: 0, message: 0, lock: 0, frame: 0, last: Date.now() };
  const count = (what) => { counts[what]++; counts.last = Date.now(); };
  const wrap = (owner, name, what) => {
    const own = owner[name];
    owner[name] = function (...args) { count(what); return own.apply(this, args); };
  };
  for (const name of ['setTimeout', 'setInterval']) {
    const own = window[name];
    window[name] = (call, delay, ...args) => {
      count('timer');
      return own(() => { count('fired'); call(...args); }, delay);
    };
  }
  wrap(window, 'fetch', 'fetch');
  wrap(XMLHttpRequest.prototype, 'send', 'fetch');
  wrap(IDBDatabase.prototype, 'transaction', 'transaction');
  wrap(IDBFactory.prototype, 'open', 'open');
  wrap(BroadcastChannel.prototype, 'postMessage', 'message');
  wrap(MessagePort.prototype, 'postMessage', 'message');
  wrap(LockManager.prototype, 'request', 'lock');
  wrap(window, 'requestAnimationFrame', 'frame');
  wrap(window, 'requestIdleCallback', 'frame');
  window.counts = counts;`;

/** What a page has done so far. */
export const counted = (page) => page.evaluate(() => counts);

/** Waits until the page has done nothing for a while: the watch over transactions ticks for 10 s after the last one. */
export async function quiet(page, for_ = 11_000) {
  await until('the page to rest', () => page.evaluate((rest) => Date.now() - counts.last > rest, for_), 60_000);
  assert.ok((await counted(page)).transaction > 0, 'the counters count');
}

/** Requests of a page from now on, as the browser's network sees them: gives how to read them. */
export async function requestsOf(page) {
  const requests = [];
  page.chromium.listeners.add(({ method, sessionId, params }) => {
    if (sessionId === page.sessionId && method === 'Network.requestWillBeSent') requests.push(params.request.url);
  });
  await page.send('Network.enable');
  return () => requests;
}
