// Leaders that go, stop, do not hear or are slowed down, two tabs and five (I-21, I-25), and what an open database costs
// while there is nothing to do (B-14). Most of it is waiting, so the tests of this file run side by side.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { COUNTING, counted, quiet, requestsOf } from './support/idle.mjs';
import {
  arrives,
  changesAtMostOnceATerm,
  leader,
  leads,
  lease,
  ledByFirst,
  names,
  onceEach,
  put,
  TWO_TERMS,
  tabs,
} from './support/tabs.mjs';
import { until, within } from './support/wait.mjs';

/** So long nothing may happen. */
const IDLE = 62_000;
/** Deaf and mute while `window.deaf` is set: nothing comes out of its channel and nothing goes in. */
const MAY_BE_DEAF = `
  const channel = BroadcastChannel.prototype;
  const { get, set } = Object.getOwnPropertyDescriptor(channel, 'onmessage');
  const hear = (listener) => listener && ((event) => window.deaf || listener(event));
  Object.defineProperty(channel, 'onmessage', { get, set(listener) { set.call(this, hear(listener)); } });
  const { postMessage } = channel;
  channel.postMessage = function (message) { if (!window.deaf) postMessage.call(this, message); };`;

/** While `window.slow` is set timers come ten seconds late, as those of a page that has been hidden for long. */
const MAY_BE_SLOW = `
  const timeout = window.setTimeout;
  window.setTimeout = (call, delay, ...args) => timeout(call, Math.max(delay ?? 0, window.slow ? 10_000 : 0), ...args);`;

/** Work of its own all the time, so that it keeps the lease: a document each half second, until told to stop. */
const busyWith = (page, what, every = 500) =>
  page.evaluate(
    (what, every) => {
      window.made = [];
      window.steady = setInterval(() => {
        const name = `${what} ${made.length}`;
        made.push(name);
        assistants.put({ name });
      }, every);
    },
    what,
    every,
  );
const stopsWork = (page) =>
  page.evaluate(() => {
    clearInterval(steady);
    return made;
  });

/** Counts the transactions of a page that have not ended. */
const OPEN_TRANSACTIONS = `
  window.unended = 0;
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (...args) {
    const made = transaction.apply(this, args);
    unended++;
    for (const end of ['complete', 'abort']) made.addEventListener(end, () => unended--);
    return made;
  };`;
/** Stops the event loop of a page, as a loop of the app would that does not end; between two transactions, for the
 *  browser lets nobody else write while one is open. Gives how to let it go on. */
async function stop(page) {
  await page.send('Debugger.enable');
  const paused = new Promise((resolve) => {
    page.chromium.listeners.add(({ method, sessionId }) => {
      if (method === 'Debugger.paused' && sessionId === page.sessionId) resolve();
    });
  });
  const expression = '(async () => { while (unended) await new Promise((later) => setTimeout(later)); debugger; })()';
  page.send('Runtime.evaluate', { expression }).catch(() => {});
  await within('the page to stop', paused);
  return () => page.send('Debugger.disable');
}

const limit = { timeout: 180_000 };

describe('leaders and rest', { concurrency: 3 }, () => {
  test(
    'B-14 an open database with nothing to do: no timer, no request, no transaction, no message, in no tab',
    limit,
    async (t) => {
      const sync = { pullInterval: 0 };
      const all = await tabs(t, 2, { init: COUNTING, sync });
      await ledByFirst(all);
      const { server, pages } = all;
      const [, second] = pages;
      await second.evaluate(async () => {
        follow(await assistants.put({ name: 'Grace' }));
        await db.sync.now();
      });
      await until('synced', () => second.evaluate(() => followed[0].synced));
      assert.deepEqual(await Promise.all(pages.map(leads)), [true, false]);
      for (const page of pages) await quiet(page);
      const requests = await Promise.all(pages.map(requestsOf));
      const [before, asked] = [await Promise.all(pages.map(counted)), (await server.log()).length];
      await new Promise((resolve) => setTimeout(resolve, IDLE));
      assert.deepEqual(await Promise.all(pages.map(counted)), before);
      assert.deepEqual(
        requests.map((seen) => seen()),
        [[], []],
        'nothing went over the network',
      );
      assert.equal((await server.log()).length, asked);
      await put(second, 'Awake');
      await arrives(server, 'Awake', TWO_TERMS);
    },
  );

  test(
    'B-14 the routine pull is the one alarm of a clean database: one request and one look at the lease each time, by the leader',
    limit,
    async (t) => {
      const all = await tabs(t, 2, { init: COUNTING, sync: { pullInterval: 10_000 } });
      await ledByFirst(all);
      const [first, second] = all.pages;
      const polls = async () => (await all.server.log({ method: 'GET' })).length;
      const before = { polls: await polls(), first: await counted(first), second: await counted(second) };
      await until('four more polls', async () => (await polls()) >= before.polls + 4, 90_000);
      const [after, other] = [await counted(first), await counted(second)];
      const more = (what) => after[what] - before.first[what];
      const done = (await polls()) - before.polls;
      assert.equal(more('fetch'), done, 'one request each time');
      assert.ok(more('transaction') <= 3 * done + 3, `${more('transaction')} transactions for ${done} polls`);
      assert.ok(more('timer') <= 6 * done + 6, `${more('timer')} timers for ${done} polls`);
      assert.equal(other.fetch, before.second.fetch, 'the other tab asks for nothing');
    },
  );

  test(
    'a leader whose event loop has stopped is replaced within two terms; when it goes on, nothing was done twice',
    limit,
    async (t) => {
      const all = await tabs(t, 2, { init: OPEN_TRANSACTIONS });
      await ledByFirst(all);
      const { server, pages } = all;
      const [first, second] = pages;
      await server.order({ match: { method: 'POST' }, fault: { stall: 120_000, silent: true, after: true } });
      await put(first, 'Left behind');
      await arrives(server, 'Left behind');
      const goOn = await stop(first);
      await put(second, 'Grace');
      await arrives(server, 'Grace', TWO_TERMS);
      await second.drained();
      assert.equal(await leads(second), true);
      await goOn();
      await first.drained();
      await put(first, 'Joan');
      await arrives(server, 'Joan', TWO_TERMS);
      assert.equal(await leader(pages), second);
      await onceEach(server, ['Ada', 'Left behind', 'Grace', 'Joan']);
      await changesAtMostOnceATerm(pages);
    },
  );

  test(
    'a leader that neither hears nor is heard: another tab’s changes go within two terms, and leaders take no turns',
    limit,
    async (t) => {
      const all = await tabs(t, 2, { init: MAY_BE_DEAF });
      await ledByFirst(all);
      const { server, pages } = all;
      const [first, second] = pages;
      await first.evaluate(() => {
        window.deaf = true;
      });
      await busyWith(first, 'Deaf');
      for (const name of ['Grace', 'Joan', 'Edith']) {
        await put(second, name);
        await arrives(server, name, TWO_TERMS);
      }
      const made = await stopsWork(first);
      for (const page of pages) await page.drained(TWO_TERMS);
      await onceEach(server, ['Ada', 'Grace', 'Joan', 'Edith', ...made]);
      await changesAtMostOnceATerm(pages);
    },
  );

  test('a hidden leader whose timers are held back leaves its place to the tab that is seen', limit, async (t) => {
    const all = await tabs(t, 2, { init: MAY_BE_SLOW });
    const { server, pages } = all;
    const [first, second] = pages;
    await first.show();
    await ledByFirst(all);
    await second.show();
    await until('the first to be hidden', () => first.evaluate(() => document.visibilityState === 'hidden'));
    await until('it to say so', async () => (await lease(second))?.hidden);
    await first.evaluate(() => {
      window.slow = true;
    });
    await first.send('Emulation.setCPUThrottlingRate', { rate: 10 });
    // Rarely: each word of this tab wakes the other one too.
    await busyWith(second, 'Seen', 4_000);
    await until('the second to lead', () => leads(second), TWO_TERMS);
    await first.send('Emulation.setCPUThrottlingRate', { rate: 1 });
    const made = await stopsWork(second);
    await second.drained(TWO_TERMS);
    await until('the first to know', async () => !(await leads(first)), TWO_TERMS);
    assert.equal(await leads(second), true, 'it keeps it');
    await onceEach(server, ['Ada', ...made]);
    await changesAtMostOnceATerm(pages);
  });

  test(
    'five tabs lose one leader after the other: frozen, killed, stopped, closed; the last one sends all, each once',
    limit,
    async (t) => {
      const all = await tabs(t, 5, { init: OPEN_TRANSACTIONS });
      await ledByFirst(all);
      const { server } = all;
      const wanted = ['Ada'];
      const ends = {
        frozen: (page) => page.freeze(),
        killed: (page) => page.crash(),
        stopped: stop,
        closed: (page) => page.close(),
      };
      let living = all.pages;
      for (const [how, end] of Object.entries(ends)) {
        const leading = await leader(living);
        await server.cutOff();
        await put(leading, `Left by the ${how}`);
        await end(leading);
        living = living.filter((page) => page !== leading);
        await server.heal();
        wanted.push(`Left by the ${how}`, ...living.map((_, n) => `${how} ${n}`));
        await Promise.all(living.map((page, n) => put(page, `${how} ${n}`)));
        await until(
          `all on the server after the ${how}`,
          async () => (await names(server)).length === wanted.length,
          TWO_TERMS,
        );
      }
      await living[0].drained();
      assert.equal(await leads(living[0]), true);
      await onceEach(server, wanted);
    },
  );
});
