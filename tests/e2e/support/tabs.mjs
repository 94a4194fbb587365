// Several pages of one database in a browser that Playwright does not steer (its pages do not freeze): what tests of
// leaders do to them, and what they ask.

import assert from 'node:assert/strict';
import { Chromium } from './cdp.mjs';
import { startServer } from './server.mjs';
import { eventually, until } from './wait.mjs';
import { pageFolder } from './world.mjs';

/** A term of the lease. */
export const TERM = 15_000;
/** The time in which a leader that does nothing any more is replaced. */
export const TWO_TERMS = 2 * TERM;
/** What a busy machine may add. */
const SLACK = 1_000;

/** A server and so many pages with the same database open; `init` runs in each before anything else, `sync` are options. */
export async function tabs(t, count, { init, sync } = {}) {
  const server = await startServer({ www: pageFolder() });
  t.after(() => server.stop());
  const chromium = await Chromium.start(t);
  const pages = [];
  for (let n = 0; n < count; n++) {
    const page = await chromium.open(`${server.url}/`, { init });
    await page.evaluate(async (sync) => {
      await begin({ sync });
      watch();
    }, sync ?? {});
    pages.push(page);
  }
  return { server, chromium, pages };
}

export const put = (page, name) => page.evaluate(async (name) => void (await assistants.put({ name })), name);
export const leads = (page) => page.evaluate(() => db.sync.status.leader);
export const names = async (server) => (await server.documents()).map((doc) => doc.name).sort();

export const arrives = (server, name, timeout) =>
  eventually(`${name} on the server`, async () => assert.ok((await names(server)).includes(name)), timeout);

/** The first page leads, and the server has a document of it. */
export async function ledByFirst({ server, pages }) {
  await put(pages[0], 'Ada');
  await arrives(server, 'Ada', TWO_TERMS);
  await until('the first to lead', () => leads(pages[0]));
  await pages[0].evaluate(() => db.sync.now());
}

/** The one of these pages that leads, once there is one and no second. */
export function leader(pages) {
  return until(
    'one leader',
    async () => {
      const found = [];
      for (const page of pages) if (await leads(page)) found.push(page);
      return found.length === 1 && found[0];
    },
    TWO_TERMS,
  );
}

/** The lease as it is stored. */
export async function lease(page) {
  return page.evaluate(async () => {
    const connection = await new Promise((resolve, reject) => {
      const request = indexedDB.open(storedName);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const get = connection.transaction('meta').objectStore('meta').get('lease');
    const row = await new Promise((resolve, reject) => {
      get.onsuccess = () => resolve(get.result);
      get.onerror = () => reject(get.error);
    });
    connection.close();
    return row;
  });
}

/** When which epoch began, as these pages were told; each once. */
export async function changesOfLeader(pages) {
  const told = new Map();
  for (const page of pages) {
    const events = await page.evaluate(() => window.seen.filter(({ event }) => event === 'leader'));
    for (const { detail, at } of events) if (detail.leader) told.set(detail.epoch, at);
  }
  return [...told].sort(([one], [other]) => one - other).map(([epoch, at]) => ({ epoch, at }));
}

/** Leaders change at most once in a term. */
export async function changesAtMostOnceATerm(pages) {
  const changes = await changesOfLeader(pages);
  for (const [n, { at }] of changes.entries()) {
    const before = changes[n - 1];
    if (before) assert.ok(at - before.at >= TERM - SLACK, `leaders changed after ${at - before.at} ms`);
  }
}

/** Every document that was wanted is on the server once, and each of its changes was executed under one key. */
export async function onceEach(server, wanted) {
  assert.deepEqual(await names(server), [...wanted].sort());
  const keys = (await server.log({ method: 'POST' })).filter((one) => one.status === 201).map((one) => one.key);
  assert.equal(new Set(keys).size, wanted.length, 'one key for each change');
}
