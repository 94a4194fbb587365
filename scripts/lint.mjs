// npm run lint [-- --fix]: everything that is checked without running the code. Warnings are errors.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nodeBin, root } from './lib/paths.mjs';
import { main, run, Stop, say, step } from './lib/run.mjs';
import { cargoFlags } from './lib/rust.mjs';
import { setup } from './lib/setup.mjs';

const WASM = ['--package', 'seakeep', '--target', 'wasm32-unknown-unknown'];
/** Named one by one: Cargo.toml keeps the unit tests out of what wasm-pack compiles. */
const UNIT_TESTS = ['--package', 'seakeep', '--lib', '--profile', 'test'];
const STRICT = ['--', '-D', 'warnings'];
const DOC = { RUSTDOCFLAGS: '-D warnings' };

const checks = {
  'Cargo.lock fits': () => cargo('metadata', '--locked', '--format-version', '1'),
  rustfmt: () => cargo('fmt', '--all', '--check'),
  biome: () => biome('check', '--error-on-warnings'),
  clippy: () => cargo('clippy', '--workspace', '--all-targets', ...cargoFlags(), ...STRICT),
  'clippy (unit tests)': () => cargo('clippy', ...UNIT_TESTS, ...cargoFlags(), ...STRICT),
  'clippy (wasm32)': () => cargo('clippy', ...WASM, '--lib', ...cargoFlags(), ...STRICT),
  rustdoc: () => cargoDoc('--workspace', '--document-private-items'),
  'rustdoc (wasm32)': () => cargoDoc(...WASM, '--lib', '--document-private-items'),
  tsc: typescript,
  'cargo-deny': () => cargo('deny', '--workspace', 'check', 'bans', 'licenses', 'sources'),
  'cargo-deny (advisories)': advisories,
};

await main(async () => {
  await setup('packages', 'wasm', 'lint');
  if (process.argv.includes('--fix')) {
    await cargo('fmt', '--all');
    await biome('check', '--write');
  }
  const failed = [];
  for (const [name, check] of Object.entries(checks)) {
    await step(name, check).catch((error) => {
      console.error(`✗ ${error.message}`);
      failed.push(name);
    });
  }
  if (failed.length > 0) throw new Stop(`failed: ${failed.join(', ')}`);
});

function cargo(...args) {
  return run('cargo', args);
}

function cargoDoc(...args) {
  return run('cargo', ['doc', '--no-deps', ...args, ...cargoFlags()], { env: DOC });
}

function biome(...args) {
  return run(join(nodeBin, 'biome'), [...args, '--colors=off']);
}

/** The face and the demo; what the face imports from pkg/ has stand-ins, so that nothing need be built. */
async function typescript() {
  for (const project of ['tsconfig.json', 'tsconfig.www.json']) {
    if (existsSync(join(root, project))) await run(join(nodeBin, 'tsc'), ['--noEmit', '-p', project]);
  }
}

/** The database of advisories has to be fetched; where the network refuses that, this check cannot be made. */
async function advisories() {
  const fetched = await cargo('deny', 'fetch', 'db').then(
    () => true,
    () => false,
  );
  if (fetched) return cargo('deny', '--workspace', 'check', 'advisories');
  say('  skipped: the advisory database cannot be fetched from here');
}
