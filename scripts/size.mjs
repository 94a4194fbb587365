// npm run size [-- --json]: what a page downloads for Seakeep, raw and compressed, beside the goal.
// The goal is not reached yet, and the table says so. Past the ceiling, which stands little above what was reached, it ends with an error.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from './build.mjs';
import { dist } from './lib/paths.mjs';
import { main, Stop } from './lib/run.mjs';
import { isScript } from './lib/script.mjs';

const GOAL_KB = 65;
const CEILING_KB = 192;
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

/** Explains itself when a page would download more than it ever should. */
export function checkCeiling(rows) {
  const total = rows.at(-1).brotli / 1000;
  if (total > CEILING_KB) throw new Stop(`${total.toFixed(1)} KB brotli is over the ceiling of ${CEILING_KB} KB`);
}

export function table(rows) {
  const line = (cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(12) : cell.padStart(10))).join('');
  const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
  const body = rows.map((row) => line([row.name, kb(row.raw), kb(row.gzip), kb(row.brotli)]));
  const reached = rows.at(-1).brotli <= GOAL_KB * 1000 ? 'reached' : 'not reached';
  const verdict = `goal: ${GOAL_KB} KB brotli in all: ${reached} (ceiling ${CEILING_KB} KB)`;
  return [line(['', 'raw', 'gzip', 'brotli']), ...body, verdict].join('\n');
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
    console.log(json ? JSON.stringify({ goal: GOAL_KB * 1000, ceiling: CEILING_KB * 1000, rows }) : table(rows));
    checkCeiling(rows);
  });
}
