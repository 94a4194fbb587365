// The Rust crate as a web module: cargo -> wasm-bindgen -> wasm-opt, into pkg/. Cargo decides what to compile;
// the two later steps run only when its result changed.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { arrange } from './arrange.mjs';
import { digest, filesIn, fresh } from './fresh.mjs';
import { nodeBin, pkg, root, toolsBin } from './paths.mjs';
import { run, step } from './run.mjs';
import { cargoFlags, targetFolder, wasmBindgenVersion } from './rust.mjs';
import { shorten } from './shorten.mjs';

const TARGET = 'wasm32-unknown-unknown';

/** What the Rust compiler emits for this target, by name: with --all-features browsers refuse the file. */
const FEATURES = [
  'bulk-memory',
  'multivalue',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
];

const BINDGEN = [
  '--target',
  'web',
  '--omit-default-module-path',
  '--remove-name-section',
  '--remove-producers-section',
];

/** Inlining makes the file smaller and its compressed form, which is what a page downloads, 6 % larger. */
const NO_INLINING = [
  '--always-inline-max-function-size=2',
  '--flexible-inline-max-function-size=0',
  '--one-caller-inline-max-function-size=0',
];
/** Control flow taken apart and put together anew, and a second pass over the result, save another half percent. */
const OPT = [
  '--flatten',
  '--rereloop',
  '-Oz',
  '-Oz',
  ...NO_INLINING,
  // Values kept in locals that are used twice: fewer bytes of code, and one percent more of what is downloaded.
  '--skip-pass=local-cse',
  // The first kilobyte is the far end of the stack: no address wraps round into it.
  '--low-memory-unused',
  '--strip-debug',
  '--strip-producers',
  ...FEATURES.map((feature) => `--enable-${feature}`),
];

/** The border's two sides: files that say different things about it do not fit together. */
const BORDER = ['', '-config', '-events', '-shapes'].map((part) => `js/binding${part}.ts`);
const sources = ['Cargo.toml', 'Cargo.lock', 'src', ...BORDER].map((name) => join(root, name));

export async function buildWasm() {
  const env = { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: await remapped(), SEAKEEP_BUILD: buildOf(sources) };
  await step(`cargo build --release --target ${TARGET}`, () =>
    run('cargo', ['build', '--release', '--package', 'seakeep', '--lib', '--target', TARGET, ...cargoFlags()], {
      log: 'cargo-wasm',
      name: 'cargo build (wasm)',
      env,
    }),
  );
  const compiled = join(await targetFolder(), TARGET, 'release', 'seakeep.wasm');
  const module = join(pkg, 'seakeep_bg.wasm');
  const also = [await wasmBindgenVersion(), ...BINDGEN, ...OPT, 'short names 3', 'arranged 1'];
  await fresh(
    'wasm-bindgen and wasm-opt',
    { from: [compiled], to: [module, join(pkg, 'seakeep.js')], also },
    async () => {
      rmSync(pkg, { recursive: true, force: true });
      mkdirSync(pkg);
      await run(join(toolsBin, 'wasm-bindgen'), [compiled, '--out-dir', pkg, '--out-name', 'seakeep', ...BINDGEN]);
      await run(join(nodeBin, 'wasm-opt'), [...OPT, module, '-o', module], { name: 'wasm-opt' });
      arrange(module);
      shorten(module, join(pkg, 'seakeep.js'), env.SEAKEEP_BUILD);
    },
  );
}

/** Panic messages name source files: by their place in a crate, not on this machine, so that builds are alike. */
async function remapped() {
  const home = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const registry = join(home, 'registry', 'src');
  const crates = existsSync(registry) ? readdirSync(registry).map((name) => join(registry, name)) : [];
  const sysroot = (await run('rustc', ['--print', 'sysroot'])).trim();
  const [, commit] = /commit-hash: (\w+)/.exec(await run('rustc', ['-vV'])) ?? [];
  const library = [join(sysroot, 'lib', 'rustlib', 'src', 'rust'), `/rustc/${commit}`];
  const places = [...crates, root].map((folder) => [folder, '.']);
  return [...places, library].map(([from, to]) => `--remap-path-prefix=${from}=${to}`).join(' ');
}

/** Names this build, the same on every machine: script and module tell by it that they belong together. */
function buildOf(folders) {
  return digest(folders.flatMap((folder) => filesIn(folder))).slice(0, 12);
}
