// npm run fuzz -- TARGET [--seconds 60]: one target under libFuzzer, from the stored corpus on. Without a target: which
// there are. A failing input is written to fuzz/artifacts; mended, it belongs into fuzz/corpus/TARGET.
//
// libFuzzer needs a nightly compiler, so it is no part of the tests: they run the same targets on the corpora and on
// seeded changes of them (cargo test --test fuzz).

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './lib/paths.mjs';
import { answer, main, run, Stop, step } from './lib/run.mjs';
import { ensureCargoTool } from './lib/rust.mjs';
import { setup } from './lib/setup.mjs';

const folder = join(root, 'fuzz');
/** Longer inputs cost time and show nothing new. */
const LONGEST = 4096;

await main(async () => {
  const { positionals, values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' } },
    allowPositionals: true,
  });
  const targets = readdirSync(join(folder, 'fuzz_targets')).map((file) => file.replace(/\.rs$/, ''));
  const [target, ...more] = positionals;
  if (!targets.includes(target) || more.length > 0) throw new Stop(`name one target: ${targets.sort().join(', ')}`);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1) throw new Stop('--seconds: a whole number, at least 1');
  await setup('rust');
  await ensureNightly();
  await ensureCargoTool('cargo-fuzz');
  await fuzz(target, seconds);
});

async function ensureNightly() {
  if (await answer('cargo', ['+nightly', '--version'])) return;
  await step('rustup toolchain install nightly', () =>
    run('rustup', ['toolchain', 'install', 'nightly', '--profile', 'minimal'], { timeout: 600_000 }).catch((error) => {
      throw new Stop(
        `libFuzzer needs a nightly compiler, and it could not be installed here: ${error.message}\n` +
          'Where rustup may reach its servers: rustup toolchain install nightly --profile minimal',
      );
    }),
  );
}

async function fuzz(target, seconds) {
  const work = join(folder, 'work', target);
  mkdirSync(work, { recursive: true });
  const limits = [`-max_total_time=${seconds}`, `-max_len=${LONGEST}`, '-print_final_stats=1'];
  await run('cargo', ['+nightly', 'fuzz', 'run', target, work, join(folder, 'corpus', target), '--', ...limits], {
    show: true,
    cwd: folder,
    name: `fuzzing ${target}`,
    timeout: (seconds + 1200) * 1000,
  });
}
