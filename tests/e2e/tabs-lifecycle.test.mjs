// Tabs whose pages are frozen, cached, killed or deaf, in a browser that Playwright does not steer: its pages do not freeze.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chromium } from './support/cdp.mjs';
import { startServer } from './support/server.mjs';
import { eventually, until } from './support/wait.mjs';
import { pageFolder } from './support/world.mjs';

/** Two terms of the lease. */
const TWO_TERMS = 30_000;
/** As a browser without it. */
const NO_CHANNEL = `delete window.BroadcastChannel`;
/** A channel that takes everything and carries nothing. */
const DEAF_CHANNEL = `window.BroadcastChannel = class { postMessage() {} close() {} }`;

async function tabs(t, count, options) {
  const server = await startServer({ www: pageFolder() });
  t.after(() => server.stop());
  const chromium = await Chromium.start(t);
  const pages = [];
  for (let n = 0; n < count; n++) {
    const page = await chromium.open(`${server.url}/`, options);
    await page.evaluate(async () => {
      await begin();
      watch();
    });
    pages.push(page);
  }
  return { server, chromium, pages };
}

const put = (page, name) => page.evaluate(async (name) => void (await assistants.put({ name })), name);
const names = async (server) => (await server.documents()).map((doc) => doc.name).sort();
/** Where a page is, by the browser's word: whoever looks into a page that is being cached throws it out. */
async function place(page) {
  const { currentIndex, entries } = await page.send('Page.getNavigationHistory');
  return { url: entries[currentIndex].url, before: entries[currentIndex - 1]?.id };
}
const leads = (page) => page.evaluate(() => db.sync.status.leader);
const arrives = (server, name, timeout) =>
  eventually(`${name} on the server`, async () => assert.ok((await names(server)).includes(name)), timeout);

test('a frozen leader is replaced within two terms; thawed it sends nothing twice and follows', async (t) => {
  const { server, pages } = await tabs(t, 2);
  const [first, second] = pages;
  await put(first, 'Ada');
  await arrives(server, 'Ada');
  await until('the first to lead', () => leads(first));
  await server.cutOff();
  await put(first, 'Left behind');
  await until('an attempt', async () => (await server.log({ method: 'POST' })).length > 1);
  await first.freeze();
  await server.heal();
  const since = Date.now();
  await put(second, 'Grace');
  await arrives(server, 'Grace', TWO_TERMS);
  await arrives(server, 'Left behind', TWO_TERMS);
  assert.ok(Date.now() - since <= TWO_TERMS);
  await until('the second to lead', () => leads(second));
  await first.thaw();
  await first.drained();
  await eventually('one leader', async () =>
    assert.deepEqual([await leads(first), await leads(second)], [false, true]),
  );
  await eventually('fresh rows in the thawed page', async () => {
    const rows = await first.evaluate(() => views.at(-1).rows.map((row) => [row.doc.name, row.state]));
    assert.deepEqual(rows.sort(), [
      ['Ada', 'synced'],
      ['Grace', 'synced'],
      ['Left behind', 'synced'],
    ]);
  });
  assert.deepEqual(await names(server), ['Ada', 'Grace', 'Left behind']);
});

test('a page comes back from the back/forward cache with what happened meanwhile, ten times', async (t) => {
  const { server, pages } = await tabs(t, 1);
  const [first] = pages;
  await first.evaluate(() => {
    window.restored = 0;
    addEventListener('pageshow', (event) => {
      if (event.persisted) window.restored++;
    });
  });
  for (let n = 1; n <= 10; n++) {
    await first.send('Page.navigate', { url: `${server.url}/?elsewhere` });
    await until('the other page', async () => (await place(first)).url.endsWith('?elsewhere'));
    await server.create({ name: `Visit ${n}` });
    await first.send('Page.navigateToHistoryEntry', { entryId: (await place(first)).before });
    await until('the page again', async () => !(await place(first)).url.endsWith('?elsewhere'));
    await until('the page to run', () => first.evaluate('window.restored').catch(() => undefined));
    assert.equal(await first.evaluate('window.restored'), n, 'restored, not loaded anew');
    await eventually('what happened meanwhile', async () => {
      const rows = await first.evaluate(() => views.at(-1).rows.map((row) => row.doc.name));
      assert.ok(rows.includes(`Visit ${n}`), JSON.stringify(rows));
    });
    await put(first, `Back ${n}`);
    await arrives(server, `Back ${n}`, TWO_TERMS);
  }
  assert.equal((await names(server)).length, 20);
});

test('a killed leader is replaced within two terms and nothing of it is lost or doubled', async (t) => {
  const { server, pages } = await tabs(t, 2);
  const [first, second] = pages;
  await put(first, 'Ada');
  await arrives(server, 'Ada');
  await server.cutOff();
  await put(first, 'Left behind');
  await until('an attempt', async () => (await server.log({ method: 'POST' })).length > 1);
  await first.crash();
  await server.heal();
  await arrives(server, 'Left behind', TWO_TERMS + 5_000);
  await second.drained();
  assert.deepEqual(await names(server), ['Ada', 'Left behind']);
  await until('the second to lead', () => leads(second));
});

for (const [what, init] of [
  ['without channels between tabs', NO_CHANNEL],
  ['with every message lost', DEAF_CHANNEL],
]) {
  test(`five tabs ${what} send everything once and show the same`, async (t) => {
    const { server, pages } = await tabs(t, 5, { init });
    await Promise.all(pages.map((page, n) => put(page, `Tab ${n}`)));
    const wanted = pages.map((_, n) => `Tab ${n}`);
    await eventually('all on the server', async () => assert.deepEqual(await names(server), wanted), 2 * TWO_TERMS);
    for (const page of pages) {
      await page.drained(TWO_TERMS);
      const now = () => page.evaluate(async () => (await assistants.query({ orderBy: 'name' })).map((doc) => doc.name));
      await eventually('the same everywhere', async () => assert.deepEqual(await now(), wanted), TWO_TERMS);
    }
  });
}
