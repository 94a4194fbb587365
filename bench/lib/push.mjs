// `--only push`: 1,000 queued changes go to the reference server in batches of 50, beside a bare fetch loop that sends the
// same batches and looks at each result. The outbox is on disk; the loop has nothing to keep. Not a race with others.

import { startServer } from '../../tests/e2e/support/server.mjs';

/** The name of this case. */
export const PUSH = 'push';
const CHANGES = 1000;
const BATCH = 50;
/** Seakeep's time over the loop's: at most this. */
const GOAL = 1.1;

/** Measures in a page at `origin`; gives rows for the table. */
export async function measurePush(page, origin, repetitions) {
  const server = await startServer({ args: ['--cors', new URL(origin).origin] });
  try {
    const rows = [];
    for (const concurrency of [1, 4]) {
      const runs = { loop: [], seakeep: [] };
      for (let at = 0; at < repetitions; at++) {
        for (const who of at % 2 === 0 ? ['loop', 'seakeep'] : ['seakeep', 'loop']) {
          const given = {
            who,
            url: server.api,
            name: `push-${who}-${concurrency}-${at}`,
            changes: CHANGES,
            batch: BATCH,
          };
          runs[who].push(await page.evaluate((given) => globalThis.bench.push(given), { ...given, concurrency }));
        }
        const there = (await server.documents('items')).length;
        if (there !== 2 * CHANGES) throw new Error(`${there} of ${2 * CHANGES} documents arrived`);
        await server.reset();
      }
      rows.push(row(concurrency, runs));
    }
    return rows;
  } finally {
    await server.stop();
  }
}

/** One run of the outbox against a server of its own: milliseconds, or with `counted` what it asks of IndexedDB. */
export async function pushOnce(page, origin, { concurrency, counted = false }) {
  const server = await startServer({ args: ['--cors', new URL(origin).origin] });
  try {
    const name = `push-once-${concurrency}-${counted}`;
    const given = { who: 'seakeep', url: server.api, name, changes: CHANGES, batch: BATCH, concurrency, counted };
    return await page.evaluate((given) => globalThis.bench.push(given), given);
  } finally {
    await server.stop();
  }
}

/** What was measured, as a person reads it. */
export function pushTable(rows) {
  return rows
    .map(({ concurrency, loop, seakeep, ratio, met }) => {
      const way = concurrency === 1 ? 'one batch after the other' : `${concurrency} batches at a time`;
      const times = `fetch loop ${loop.toFixed(0)} ms, Seakeep ${seakeep.toFixed(0)} ms`;
      return `1,000 queued changes, ${way}: ${times}, ${ratio.toFixed(2)} x its time (goal <= ${GOAL}: ${met ? 'met' : 'MISSED'})`;
    })
    .join('\n');
}

function row(concurrency, runs) {
  const [loop, seakeep] = [median(runs.loop), median(runs.seakeep)];
  const ratio = seakeep / loop;
  return { id: PUSH, concurrency, loop, seakeep, ratio, goal: GOAL, met: ratio <= GOAL, runs };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
