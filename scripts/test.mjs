// npm test [-- --only STAGE ... | --from STAGE]: everything, stage by stage, ending at the first that fails.
// npm run test:quick: what takes seconds once it is built: native tests and types.

import { parseArgs } from 'node:util';
import { countTests, sum } from './lib/counts.mjs';
import { browserNames } from './lib/headless.mjs';
import { main, run, Stop, say, seconds } from './lib/run.mjs';
import { setup } from './lib/setup.mjs';
import { quickNeeds, quickStages, stages } from './lib/stages.mjs';

const NEEDS = ['packages', 'wasm', 'lint', ...browserNames];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    from: { type: 'string' },
  },
});

await main(async () => {
  const chosen = choose();
  await setup(...(options.quick ? quickNeeds : NEEDS));
  const done = [];
  for (const name of chosen) {
    done.push(await perform(name));
    if (!done.at(-1).ok) break;
  }
  report(done, chosen.slice(done.length));
});

function choose() {
  const all = options.quick ? quickStages : Object.keys(stages);
  const named = [...(options.only ?? []), ...(options.from ? [options.from] : [])];
  const unknown = named.filter((name) => !(name in stages));
  if (unknown.length > 0)
    throw new Stop(`no stage ${unknown.join(', ')}; there are: ${Object.keys(stages).join(', ')}`);
  if (options.only) return Object.keys(stages).filter((name) => options.only.includes(name));
  return options.from ? all.slice(all.indexOf(options.from)) : all;
}

/** Runs one stage; a stage that counts no tests of its own but is one, counts as one. */
async function perform(name) {
  const { minutes, command, env, tests } = stages[name];
  const start = Date.now();
  say(`\n━━ ${name} ${'━'.repeat(Math.max(3, 70 - name.length))}`);
  let output = '';
  let ok = true;
  try {
    const [program, ...args] = await command();
    output = await run(program, args, { show: true, timeout: minutes * 60_000, name, env: await env?.() });
  } catch (error) {
    ok = false;
    output = error.output ?? '';
    console.error(error instanceof Stop ? `✗ ${error.message}` : error);
  }
  const counts = countTests(output);
  if (tests && ok && counts.passed === 0) counts.passed = 1;
  if (!ok && counts.failed === 0) counts.failed = 1;
  return { name, ok, counts, time: seconds(start) };
}

function report(done, left) {
  const row = (name, verdict, tests, time) =>
    [name.padEnd(20), verdict.padEnd(8), tests.padStart(7), time.padStart(12)].join('');
  const lines = done.map(({ name, ok, counts, time }) =>
    row(name, ok ? 'ok' : 'FAILED', counts.passed ? String(counts.passed) : '', time),
  );
  const rest = left.map((name) => row(name, 'not run', '', ''));
  console.log(['', row('stage', '', 'tests', 'time'), ...lines, ...rest, ''].join('\n'));
  const { passed, failed, skipped } = sum(done.map((stage) => stage.counts));
  console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  if (failed > 0) process.exitCode = 1;
}
