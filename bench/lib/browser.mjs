// The browser of the benchmarks: Chromium with a profile of its own on disk, so that IndexedDB is on disk too. Which of
// its two back ends holds the databases is found by looking, not by believing the switches.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--js-flags=--expose-gc',
];
const SQLITE = '--enable-features=IdbSqliteOnDiskRollout,IdbSqliteBackingStore';

/** A page at `url` in a browser of its own; `close` ends the browser and removes its profile. */
export async function browse(url, { executable, sqlite }) {
  const profile = mkdtempSync(join(tmpdir(), 'seakeep-bench-'));
  const remove = () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  process.on('exit', remove);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    args: sqlite ? [...ARGS, SQLITE] : ARGS,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.on('pageerror', (error) => console.error(`page: ${error}`));
  page.on('console', (message) => message.type() === 'error' && console.error(`page: ${message.text()}`));
  await page.goto(url);
  await page.locator('body[data-ready]').waitFor({ state: 'attached', timeout: 30_000 });
  return {
    page,
    context,
    version: context.browser()?.version() ?? '',
    backEnd: () => backEnd(profile),
    close: async () => {
      await context.close();
      remove();
    },
  };
}

function backEnd(profile) {
  const files = readdirSync(profile, { recursive: true }).filter((path) => path.includes('IndexedDB'));
  if (files.some((path) => /\.(db|sqlite)$/.test(path) || /-wal$/.test(path))) return 'SQLite';
  return files.some((path) => path.includes('.leveldb')) ? 'LevelDB' : 'unknown';
}
