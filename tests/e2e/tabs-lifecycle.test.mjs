// Tabs whose pages are frozen, cached, killed or deaf, in a browser that Playwright does not steer: its pages do not freeze.
// Most of it is waiting, so the tests run side by side.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { arrives, leads, names, put, TWO_TERMS, tabs } from './support/tabs.mjs';
import { eventually, until } from './support/wait.mjs';

/** As a browser without it. */
const NO_CHANNEL = `delete window.BroadcastChannel`;
/** A channel that takes everything and carries nothing. */
const DEAF_CHANNEL = `window.BroadcastChannel = class { postMessage() {} close() {} }`;

/** Where a page is, by the browser's word: whoever looks into a page that is being cached throws it out. */
async function place(page) {
  const { currentIndex, entries } = await page.send('Page.getNavigationHistory');
  return { url: entries[currentIndex].url, before: entries[currentIndex - 1]?.id };
}
describe('lives of pages', { concurrency: 3 }, () => {
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

  for (const [how, init] of [
    ['kept in the cache', undefined],
    ['thrown away and loaded anew', `addEventListener('unload', () => {})`],
  ]) {
    test(`30 writes, gone at once and back, the page ${how}: what was acknowledged is there, and sync goes on`, async (t) => {
      const { server, pages } = await tabs(t, 1, { init });
      const [first] = pages;
      const wanted = new Set();
      for (let visit = 1; visit <= 3; visit++) {
        await first.evaluate((visit) => {
          window.restored = 0;
          addEventListener('pageshow', (event) => {
            if (event.persisted) window.restored++;
          });
          const acknowledged = [];
          for (let n = 0; n < 30; n++) {
            const write = assistants.put({ id: `${visit}-${n}`, name: `Visit ${visit}, write ${n}` });
            write.then(({ id }) => {
              acknowledged.push(id);
              localStorage.setItem('acknowledged', JSON.stringify(acknowledged));
            });
          }
        }, visit);
        await first.send('Page.navigate', { url: `${server.url}/?elsewhere` });
        await until('the other page', async () => (await place(first)).url.endsWith('?elsewhere'));
        await first.send('Page.navigateToHistoryEntry', { entryId: (await place(first)).before });
        await until('the page again', async () => !(await place(first)).url.endsWith('?elsewhere'));
        const back = () => first.evaluate('window.begin && (window.restored ? "restored" : window.db ? "" : "anew")');
        const came = await until('the page to run', () => back().catch(() => ''));
        assert.equal(came, init === undefined ? 'restored' : 'anew');
        if (came === 'anew') await first.evaluate(() => begin());
        const acknowledged = await first.evaluate(async () => {
          const ids = JSON.parse(localStorage.getItem('acknowledged') ?? '[]');
          localStorage.removeItem('acknowledged');
          return { ids, there: (await assistants.getMany(ids)).map((doc) => doc?.id) };
        });
        assert.deepEqual(acknowledged.there, acknowledged.ids);
        for (const id of acknowledged.ids) wanted.add(id);
        await put(first, `Back ${visit}`);
        await arrives(server, `Back ${visit}`, TWO_TERMS);
      }
      await first.drained(TWO_TERMS);
      const there = (await server.documents()).map((doc) => doc.id);
      assert.deepEqual(
        [...wanted].filter((id) => !there.includes(id)),
        [],
      );
      assert.equal(new Set(there).size, there.length);
      const keys = (await server.log({ method: 'PUT' })).filter((one) => one.status === 201).map((one) => one.key);
      assert.equal(new Set(keys).size, there.filter((id) => /^[0-9]-/.test(id)).length, 'one key for each');
    });
  }

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
        const now = () =>
          page.evaluate(async () => (await assistants.query({ orderBy: 'name' })).map((doc) => doc.name));
        await eventually('the same everywhere', async () => assert.deepEqual(await now(), wanted), TWO_TERMS);
      }
    });
  }
});
