// The essential suite in one browser: BROWSER names it (chromium, firefox, webkit). Needs a finished build and the
// reference server's program (SEAKEEP_SERVER).

import { after, before, test } from 'node:test';
import { startServer } from '../e2e/support/server.mjs';
import { within } from '../e2e/support/wait.mjs';
import { pageFolder } from '../e2e/support/world.mjs';
import { bodies } from './bodies.mjs';
import { openBrowser } from './driver.mjs';

const NAME = process.env.BROWSER ?? 'chromium';
const LIMIT_MS = 120_000;

let browser;
before(async () => {
  browser = await openBrowser(NAME);
});
after(() => browser?.close());

for (const [name, body] of bodies) {
  test(`${NAME}: ${name}`, async (t) => {
    // A server of its own is an origin of its own: nothing is shared between tests.
    const server = await startServer({ www: pageFolder() });
    const tabs = [];
    t.after(async () => {
      for (const tab of tabs) await tab.close().catch(() => {});
      await server.stop();
    });
    const open = async () => {
      tabs.push(await browser.tab(`${server.url}/`));
      return tabs.at(-1);
    };
    await within(name, body({ tab: await open(), open, server }), LIMIT_MS);
  });
}
