// node bench/profile.mjs CASE [--contender raw|dexie|seakeep] [--dist DIR]: where the time of a case goes. The case `push`
// sends 1,000 queued changes to the reference server (`--concurrency N` batches at a time).
// Prints what one repetition asks of IndexedDB, then the functions that took most of its time on the page's thread.
// The built module has no names; `--dist` takes another build that has (wasm-bindgen without --remove-name-section,
// wasm-opt with -g).

import { parseArgs } from 'node:util';
import { need } from '../scripts/lib/system.mjs';
import { browse } from './lib/browser.mjs';
import { PUSH, pushOnce } from './lib/push.mjs';
import { serve } from './lib/serve.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    contender: { type: 'string', default: 'seakeep' },
    dist: { type: 'string' },
    repetitions: { type: 'string', default: '3' },
    top: { type: 'string', default: '45' },
    sqlite: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '1' },
  },
});
const [id] = positionals;
if (id === undefined) throw new Error('name a case, as bench/run.mjs --only does');

const server = await serve({ dist: options.dist });
const browser = await browse(server.url, { executable: need('chromium'), sqlite: options.sqlite });
try {
  const { page } = browser;
  const work = id === PUSH ? pushes(page) : aCase(page);
  const counts = await work.count();
  console.log(`${id}, ${options.contender}: what one repetition asks for`);
  for (const [what, count] of Object.entries(counts)) console.log(`${String(count).padStart(8)}  ${what}`);
  const profile = await profiled(async () => {
    const times = await work.run(Number(options.repetitions));
    console.log('\nmicroseconds:', times.map(Math.round).join(' '));
  });
  print('in the function itself', selfTimes(profile));
  print('with all it called', totalTimes(profile));
} finally {
  await browser.close();
  server.close();
}

function aCase(page) {
  const { contender } = options;
  return {
    count: () => page.evaluate((given) => globalThis.bench.count(...given), [id, contender]),
    run: async (repetitions) => {
      const args = [id, repetitions, [contender]];
      return (await page.evaluate((given) => globalThis.bench.run(...given), args))[contender];
    },
  };
}

function pushes(page) {
  const concurrency = Number(options.concurrency);
  return {
    count: () => pushOnce(page, server.url, { concurrency, counted: true }),
    run: async (repetitions) => {
      const times = [];
      while (times.length < repetitions) times.push(1000 * (await pushOnce(page, server.url, { concurrency })));
      return times;
    },
  };
}

async function profiled(work) {
  const session = await browser.context.newCDPSession(browser.page);
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: 100 });
  await session.send('Profiler.start');
  await work();
  return (await session.send('Profiler.stop')).profile;
}

/** Milliseconds by function: in it alone. */
function selfTimes({ nodes, samples, timeDeltas }) {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const times = new Map();
  samples.forEach((node, at) => {
    const name = names.get(node);
    times.set(name, (times.get(name) ?? 0) + timeDeltas[at] / 1000);
  });
  return [...times].sort(([, a], [, b]) => b - a);
}

/** Milliseconds by function: with everything it called, each stack counted once. */
function totalTimes({ nodes, samples, timeDeltas }) {
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const names = new Map(nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const stack = (node) => (node === undefined ? [] : [names.get(node), ...stack(parents.get(node))]);
  const times = new Map();
  samples.forEach((node, at) => {
    for (const name of new Set(stack(node))) times.set(name, (times.get(name) ?? 0) + timeDeltas[at] / 1000);
  });
  return [...times].sort(([, a], [, b]) => b - a);
}

function nameOf({ functionName, url, lineNumber, columnNumber }) {
  const file = url.split('/').at(-1);
  if (file === '') return functionName;
  if (url.startsWith('wasm:') || file.endsWith('.wasm')) return `wasm ${functionName}`;
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}:${columnNumber + 1}`;
}

function print(title, times) {
  const busy = times.filter(([name]) => !['(idle)', '(root)'].includes(name));
  console.log(`\n${title}`);
  for (const [name, ms] of busy.slice(0, Number(options.top))) {
    console.log(`${ms.toFixed(1).padStart(8)} ms  ${name}`);
  }
}
