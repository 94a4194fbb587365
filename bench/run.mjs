// node bench/run.mjs [options]: Seakeep, raw IndexedDB and Dexie in one page, one after the other in every repetition.
// Prints medians and how fast each is against raw, and writes bench/out/results.json. The package must be built
// (`npm run bench` does that first).
//
//   --repetitions N   how often each case is measured (default 7; at least 5 for figures to quote)
//   --only a,b        only these cases; `pull-foreground` (writes beside a pull of 20,000 documents) and `push` (1,000
//                     queued changes to the reference server) only when named here
//   --sqlite          Chromium's newer back end of IndexedDB
//   --browser NAME    chromium
//   --check           ends with an error when a goal is missed
//   --dist DIR        another build of the package
//   --other DIR       a build of the package to compare with, as one more contender
//   --contenders a,b  only these (default: all); raw must be among them

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { need } from '../scripts/lib/system.mjs';
import { browse } from './lib/browser.mjs';
import { FOREGROUND, foregroundTable, measureForeground } from './lib/foreground.mjs';
import { measurePush, PUSH, pushTable } from './lib/push.mjs';
import { row, table } from './lib/report.mjs';
import { serve } from './lib/serve.mjs';

const out = fileURLToPath(new URL('out/', import.meta.url));
const { values: options } = parseArgs({
  options: {
    repetitions: { type: 'string', default: '7' },
    only: { type: 'string' },
    sqlite: { type: 'boolean', default: false },
    browser: { type: 'string', default: 'chromium' },
    check: { type: 'boolean', default: false },
    dist: { type: 'string' },
    other: { type: 'string' },
    contenders: { type: 'string' },
  },
});
const repetitions = Number(options.repetitions);
if (!Number.isInteger(repetitions) || repetitions < 1) throw new Error('--repetitions takes a whole number from 1 on');
if (options.browser !== 'chromium') throw new Error('--browser knows chromium; see bench/README.md');

const server = await serve({ dist: options.dist, other: options.other });
const browser = await browse(server.url, { executable: need('chromium'), sqlite: options.sqlite });
try {
  const only = options.only?.split(',');
  const rows = await measure(browser.page, only);
  const pulls = only?.includes(FOREGROUND) ? await measureForeground(browser.page, server.url, repetitions) : [];
  const pushes = only?.includes(PUSH) ? await measurePush(browser.page, server.url, repetitions) : [];
  const about = {
    browser: `Chromium ${browser.version}`,
    backEnd: browser.backEnd(),
    cores: cpus().length,
    repetitions,
  };
  mkdirSync(out, { recursive: true });
  writeFileSync(`${out}results.json`, `${JSON.stringify({ ...about, rows, pulls, pushes }, undefined, 2)}\n`);
  console.log(`\n${about.browser}, ${about.backEnd}, ${about.cores} cores, medians of ${repetitions}\n`);
  if (pulls.length > 0) console.log(`${foregroundTable(pulls)}\n`);
  if (pushes.length > 0) console.log(`${pushTable(pushes)}\n`);
  if (rows.length > 0) console.log(table(rows));
  if (rows.length > 0)
    console.log('\nTimes of one unit of the case; ratios of speed to raw IndexedDB (above 1: faster).');
  if (options.check && [...rows, ...pushes].some(({ met }) => !met)) process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}

async function measure(page, only) {
  const all = await page.evaluate(() => globalThis.bench.cases);
  const wanted = only === undefined ? all : all.filter(({ id }) => only.includes(id));
  const others = [FOREGROUND, PUSH];
  if (wanted.length === 0 && !others.some((name) => only.includes(name)))
    throw new Error(`--only knows ${[...all.map(({ id }) => id), ...others].join(', ')}`);
  const rows = [];
  for (const one of wanted) {
    process.stderr.write(`▸ ${one.title}\n`);
    const args = [one.id, repetitions, options.contenders?.split(',')];
    const times = await page.evaluate(([...given]) => globalThis.bench.run(...given), args);
    rows.push(row(one, times));
  }
  return rows;
}
