// npm run size [-- --json]: what a page downloads for Seakeep, raw and compressed. Ends with an error past the budget.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from './build.mjs';
import { dist } from './lib/paths.mjs';
import { main, Stop } from './lib/run.mjs';
import { isScript } from './lib/script.mjs';

const BUDGET_KB = 65;
const FILES = { JavaScript: 'index.js', wasm: join('wasm', 'seakeep_bg.wasm') };

/** Sizes in bytes by file, with their sum. */
export function sizes() {
  const rows = Object.entries(FILES).map(([name, file]) => {
    const bytes = readFileSync(join(dist, file));
    return { name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli(bytes) };
  });
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  return [...rows, { name: 'in all', raw: sum('raw'), gzip: sum('gzip'), brotli: sum('brotli') }];
}

/** Explains itself when a page would download more than the budget. */
export function checkBudget(rows) {
  const total = rows.at(-1).brotli / 1000;
  if (total > BUDGET_KB) throw new Stop(`${total.toFixed(1)} KB brotli is over the budget of ${BUDGET_KB} KB`);
}

export function table(rows) {
  const line = (cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(12) : cell.padStart(10))).join('');
  const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
  const body = rows.map((row) => line([row.name, kb(row.raw), kb(row.gzip), kb(row.brotli)]));
  return [line(['', 'raw', 'gzip', 'brotli']), ...body, `budget: ${BUDGET_KB} KB brotli in all`].join('\n');
}

function brotli(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params }).length;
}

if (isScript(import.meta.url)) {
  await main(async () => {
    const json = process.argv.includes('--json');
    await build('wasm', 'js');
    const rows = sizes();
    console.log(json ? JSON.stringify({ budget: BUDGET_KB * 1000, rows }) : table(rows));
    checkBudget(rows);
  });
}
