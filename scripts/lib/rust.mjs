// What Rust itself must bring: the compiler, its components and the wasm target; and the cargo programs of
// scripts/versions.json, installed into .tools/. wasm-bindgen's own program always has Cargo.lock's version.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, tools, toolsBin } from './paths.mjs';
import { answer, run, Stop, say, step } from './run.mjs';
import { atLeast, versions } from './versions.mjs';

const WASM = 'wasm32-unknown-unknown';

export async function ensureRust() {
  const found = await answer('cargo');
  if (!found) throw new Stop('Rust is missing: cargo is not on the PATH. Install it with rustup, then run this again.');
  const version = found.split(' ')[1];
  if (!atLeast(version, versions.rust)) throw new Stop(`Rust ${versions.rust} or newer is needed; this is ${version}.`);
}

export async function ensureComponent(name, probe) {
  if (await answer('cargo', [probe, '--version'])) return;
  await step(`rustup component add ${name}`, () =>
    run('rustup', ['component', 'add', name]).catch((error) => {
      throw new Stop(`The Rust component ${name} is missing and could not be added: ${error.message}`);
    }),
  );
}

export async function ensureWasmTarget() {
  const library = await answer('rustc', ['--print', 'target-libdir', '--target', WASM]);
  if (library && existsSync(library)) return;
  await step(`rustup target add ${WASM}`, () =>
    run('rustup', ['target', 'add', WASM]).catch((error) => {
      throw new Stop(`The Rust target ${WASM} is missing and could not be added: ${error.message}`);
    }),
  );
}

/** The version of wasm-bindgen that the code is compiled against. */
export async function wasmBindgenVersion() {
  const lock = join(root, 'Cargo.lock');
  if (!existsSync(lock)) await run('cargo', ['generate-lockfile']);
  const entry = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(readFileSync(lock, 'utf8'));
  if (!entry) throw new Stop('Cargo.lock does not name wasm-bindgen.');
  return entry[1];
}

export async function ensureWasmBindgen() {
  await ensureCargoTool('wasm-bindgen-cli', await wasmBindgenVersion(), 'wasm-bindgen');
}

/** Installs a cargo program into .tools/ unless the one that would be run has this very version. */
export async function ensureCargoTool(name, version = versions.cargo[name], binary = name) {
  const found = await answer(binary);
  if (found?.split(' ').includes(version)) return;
  const building = join(tools, 'build');
  await step(`install ${name} ${version} (compiles it; some minutes the first time)`, async () => {
    await run('cargo', ['install', '--root', tools, `${name}@${version}`], {
      env: { CARGO_TARGET_DIR: building },
      log: `install-${name}`,
      name: `cargo install ${name}`,
    });
    if (!existsSync(join(toolsBin, binary))) throw new Stop(`cargo install ${name} made no ${binary}`);
  });
}

/** What compiling the cargo programs left behind: some gigabytes that nothing needs again. */
export function dropBuildLeftovers() {
  const building = join(tools, 'build');
  if (!existsSync(building)) return;
  say('  removing what compiling the tools left behind');
  rmSync(building, { recursive: true, force: true });
}

/** In CI a Cargo.lock that is not up to date is an error. */
export function cargoFlags() {
  return process.env.CI ? ['--locked'] : [];
}

/** Where cargo puts what it builds. */
export async function targetFolder() {
  return (await metadata()).target_directory;
}

/** The names of all test crates in the workspace. */
export async function testCrates() {
  const targets = (await metadata()).packages.flatMap((entry) => entry.targets);
  return targets.filter((target) => target.kind.includes('test')).map((target) => target.name);
}

async function metadata() {
  const printed = await run('cargo', ['metadata', '--no-deps', '--format-version', '1']);
  return JSON.parse(printed.slice(printed.indexOf('{')));
}
