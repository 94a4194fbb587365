// Partition runs: pages of one database append to shared lists in real Chromium while network, server and pages come and
// go; in the end the real server must hold every acknowledged append exactly once and in order.
//
// node tests/partitions/run.mjs [--runs N] [--seed S] [--seconds 20] [--at-once 4]: seeds S, S+1, ... Needs a built
// package, SEAKEEP_SERVER and CHROMIUM; `npm run partitions` sees to that.

import { parseArgs } from 'node:util';
import { changes, judge } from './oracle.mjs';
import { plan } from './plan.mjs';
import { Profile } from './profile.mjs';

const DRAIN_MS = 60_000;
const SHOWN = 20;
const COLUMNS = [
  'seed',
  'pages',
  'devices',
  'batch',
  'appends',
  'unknown',
  'events',
  'retries',
  'unparked',
  'drained s',
  'verdict',
];

process.setMaxListeners(0);
const { runs, seed, seconds, 'at-once': atOnce } = numbers({ runs: 1, seed: 1, seconds: 20, 'at-once': 4 });
const results = [];
const seeds = Array.from({ length: runs }, (_, n) => seed + n);
row(COLUMNS);
await Promise.all(Array.from({ length: Math.min(atOnce, runs) }, worker));
const failed = results.filter((result) => result.violations.length > 0);
for (const result of failed) explain(result);
console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length > 0 ? 1 : 0);

async function worker() {
  while (seeds.length > 0) {
    const result = await one(seeds.shift());
    results.push(result);
    row(result.cells);
  }
}

/** One run, whole; what breaks it is a violation like any other. */
async function one(seed) {
  const profile = new Profile(plan(seed, seconds));
  let violations;
  let took;
  try {
    await profile.start();
    await profile.run(seconds);
    took = await profile.drain(DRAIN_MS);
    violations = await judge(profile);
  } catch (error) {
    violations = [...profile.problems, error.message];
  } finally {
    await profile.end();
  }
  return { seed, violations, events: profile.events, cells: cells(profile, took, violations) };
}

function cells({ plan, appends, carriedOut, requests, parked }, took, violations) {
  const sent = requests.flatMap(changes);
  const told = (outcome) => appends.filter((entry) => entry.outcome === outcome).length;
  const retries = sent.length - new Set(sent.map(({ key }) => key)).size;
  const drained = took === undefined ? '-' : (took / 1000).toFixed(1);
  const verdict = violations.length > 0 ? 'VIOLATED' : 'ok';
  return [
    plan.seed,
    plan.pages,
    plan.devices,
    plan.batch ? 'yes' : 'no',
    told('acknowledged'),
    told('unknown'),
    carriedOut,
    retries,
    parked ?? '-',
    drained,
    verdict,
  ];
}

function row(values) {
  console.log(values.map((value, n) => String(value).padStart(COLUMNS[n].length + 2)).join(''));
}

function explain({ seed, violations, events }) {
  const more = violations.length > SHOWN ? [`and ${violations.length - SHOWN} more`] : [];
  console.log([`\nseed ${seed}:`, ...violations.slice(0, SHOWN), ...more, 'what happened:', ...events, ''].join('\n'));
}

/** Options that are whole numbers, at least 1. */
function numbers(defaults) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({ options });
  return Object.fromEntries(
    Object.entries(defaults).map(([name, fallback]) => {
      const value = Number(values[name] ?? fallback);
      if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: a whole number, at least 1`);
      return [name, value];
    }),
  );
}
