// `--only pull-foreground`: 20,000 documents come from the reference server, page by page, while the app writes and reads.
// Beside each figure stands the one of the same work without a pull. Not a race with others: they do not pull.

import { startServer } from '../../tests/e2e/support/server.mjs';

/** The name of this case. */
export const FOREGROUND = 'pull-foreground';
const DOCUMENTS = 20_000;
const WHAT = {
  write: 'a write to another collection',
  beside: 'a write to the collection that is pulled',
  get: 'a get from the store',
};

/** Measures in a page at `origin`; gives rows for the table. */
export async function measureForeground(page, origin, repetitions) {
  const server = await startServer({ args: ['--cors', new URL(origin).origin] });
  try {
    // In no order, as ids come.
    await server.fill('items', DOCUMENTS, (n) => document((n * 7919) % DOCUMENTS));
    const rows = [];
    for (const durability of ['relaxed', 'strict']) {
      const runs = { alone: [], pulling: [] };
      for (let at = 0; at < repetitions; at++) {
        for (const [which, pulls] of [
          ['alone', false],
          ['pulling', true],
        ]) {
          const name = `foreground-${durability}-${which}-${at}`;
          const run = await page.evaluate((given) => globalThis.bench.foreground(given), {
            ...{ name, url: server.api, durability, pulls },
          });
          if (pulls && run.count !== DOCUMENTS) throw new Error(`${run.count} of ${DOCUMENTS} documents were pulled`);
          runs[which].push(run);
        }
      }
      rows.push(...Object.keys(WHAT).map((what) => row(what, durability, runs)));
    }
    return rows;
  } finally {
    await server.stop();
  }
}

/** What was measured, as a person reads it. */
export function foregroundTable(rows) {
  const head = ['', 'alone p50', 'p95', 'max', 'pulling p50', 'p95', 'max', '20,000 pulled in'];
  const ms = (microseconds) => `${(microseconds / 1000).toFixed(1)} ms`;
  const body = rows.map(({ title, alone, pulling, seconds }) => [
    title,
    ...[alone, pulling].flatMap(({ p50, p95, max }) => [p50, p95, max].map(ms)),
    `${seconds.toFixed(1)} s`,
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...body].map((cells) => cells[at].length)));
  const line = (cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd : cell.padStart).call(cell, widths[at]));
  return [head, ...body].map((cells) => line(cells).join('  ').trimEnd()).join('\n');
}

function document(n) {
  const id = `d${String(n).padStart(6, '0')}`;
  return { id, title: `Title of ${n}`, category: `category-${n % 100}`, price: n, text: 'x'.repeat(180) };
}

function row(what, durability, { alone, pulling }) {
  const summed = (runs) => summary(runs.flatMap(({ times }) => times[what]));
  const took = pulling.map((run) => run.took).sort((a, b) => a - b);
  const seconds = took[took.length >> 1] / 1000;
  const id = `${FOREGROUND}-${what}-${durability}`;
  return { id, title: `${WHAT[what]}, ${durability}`, alone: summed(alone), pulling: summed(pulling), seconds };
}

function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}
