// npm run mutants [-- PART ... --shard K/N]: cargo-mutants changes the code, one place at a time, and runs the unit tests: what no
// test notices is printed. Without a PART all of them, which takes hours; --shard 0/10 takes every tenth place.
// The simulator has seeded bugs of its own (src/engine/mutant.rs); this is about the tests beside the code.

import { parseArgs } from 'node:util';
import { tools } from './lib/paths.mjs';
import { main, run, Stop } from './lib/run.mjs';
import { ensureCargoTool } from './lib/rust.mjs';
import { setup } from './lib/setup.mjs';

/** Where a wrong decision costs data. */
const PARTS = {
  policy: ['src/engine/policy/*.rs'],
  fold: ['src/engine/lane.rs', 'src/engine/plan/local_write.rs', 'src/engine/plan/edit.rs'],
  merge: ['src/engine/merge/*.rs'],
  outbox: ['src/engine/outbox.rs', 'src/engine/outbox/*.rs'],
  patch: ['src/model/patch.rs'],
  protocol: ['src/protocol/*.rs'],
};
const HOURS = 12;

await main(async () => {
  const { positionals, values } = parseArgs({
    options: { shard: { type: 'string' }, jobs: { type: 'string', default: '1' } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((part) => !(part in PARTS));
  if (unknown.length > 0) throw new Stop(`no part ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
  await setup('rust');
  await ensureCargoTool('cargo-mutants');
  const parts = positionals.length > 0 ? positionals : Object.keys(PARTS);
  const files = parts.flatMap((part) => PARTS[part]).flatMap((file) => ['--file', file]);
  const shard = values.shard ? ['--shard', values.shard, '--sharding', 'round-robin'] : [];
  const limits = ['--jobs', values.jobs, '--timeout', '300', '--no-shuffle'];
  await run(
    'cargo',
    ['mutants', '--package', 'seakeep', '--output', tools, ...limits, ...files, ...shard, '--', '--lib'],
    {
      show: true,
      name: 'cargo-mutants',
      timeout: HOURS * 3_600_000,
      // Compiling is what takes the time here.
      env: { CARGO_PROFILE_TEST_OPT_LEVEL: '0', CARGO_PROFILE_TEST_DEBUG: 'none' },
    },
  );
});
