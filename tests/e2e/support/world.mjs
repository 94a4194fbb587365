// What a test stands on: a server, pages of one browser profile that have the built package, and an end where
// everything is closed and nothing may have gone wrong unseen.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { browser, closeBrowser } from './browser.mjs';
import { pageFolder } from './folder.mjs';
import { startServer } from './server.mjs';
import { eventually, until } from './wait.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export { pageFolder };
export const demoFolder = join(root, 'www', 'dist');

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** A call that never comes back fails when its page is closed. */
const LIMIT_MS = 90_000;

after(closeBrowser);

/** A server and a first page. `args` are the server's, `www` another folder to serve. */
export async function world(t, { www = pageFolder(), args } = {}) {
  const server = await startServer({ www, args });
  const context = await (await browser()).newContext();
  const errors = [];
  context.on('weberror', (error) => errors.push(String(error.error())));
  const limit = setTimeout(() => context.close(), LIMIT_MS);
  t.after(async () => {
    clearTimeout(limit);
    await context.close();
    await server.stop();
    assert.deepEqual(errors, [], 'errors nobody caught in the page');
  });
  const open = async (path = '/') => ready(await context.newPage(), server.url + path);
  return { server, context, errors, open, page: www === pageFolder() ? await open() : undefined };
}

/** Goes to a page and waits until it has the package. */
export async function ready(page, url) {
  await page.goto(url);
  await until('the page to have the package', () => page.evaluate(() => window.begin !== undefined));
  return page;
}

/** Static files come from disk from now on: a page can be loaded again while its context is offline. */
export async function keepFiles(context) {
  await context.route(
    (url) => !url.pathname.startsWith('/api'),
    (route) => {
      const { pathname } = new URL(route.request().url());
      const file = join(pageFolder(), pathname === '/' ? 'index.html' : pathname);
      if (!existsSync(file)) return route.fulfill({ status: 404 });
      return route.fulfill({ body: readFileSync(file), contentType: TYPES[extname(file)] });
    },
  );
}

/** Loads the page again. */
export async function reload(page) {
  await page.reload();
  await until('the page to have the package', () => page.evaluate(() => window.begin !== undefined));
}

/** The outbox is empty, and so says the store. */
export async function drained(page, timeout) {
  const left = () =>
    page.evaluate(async () => {
      const rows = await raw('pending');
      const about = ({ kind, id, state, retryCount, lastError }) => [kind, id, state, retryCount, lastError?.code];
      return { count: await db.outbox.count(), rows: rows.map(about) };
    });
  await eventually(
    'the outbox to be empty',
    async () => assert.deepEqual(await left(), { count: 0, rows: [] }),
    timeout,
  );
}

/** Waits for an event of sync that the page has seen. */
export async function seen(page, event, timeout) {
  const handle = () => page.evaluate((name) => window.seen.find((one) => one.event === name)?.detail, event);
  return until(`the event ${event}`, handle, timeout);
}
