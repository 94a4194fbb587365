// What each command needs before it can work, made to be there: `setup('packages', 'wasm', 'chromium')`.
// Uses only Node's built-ins, is quick when all is there, and never runs twice at the same time in one clone.

import { locked } from './lock.mjs';
import { ensurePackages } from './packages.mjs';
import {
  dropBuildLeftovers,
  ensureCargoTool,
  ensureComponent,
  ensureRust,
  ensureWasmBindgen,
  ensureWasmTarget,
} from './rust.mjs';
import { ensurePrograms } from './system.mjs';

const needs = {
  packages: ensurePackages,
  /** To compile natively: the server carries SQLite's C code. */
  rust: async () => {
    await ensureRust();
    await ensurePrograms('cc');
  },
  wasm: async () => {
    await needs.rust();
    await ensureWasmTarget();
    await ensureWasmBindgen();
  },
  lint: async () => {
    await ensureComponent('rustfmt', 'fmt');
    await ensureComponent('clippy', 'clippy');
    await ensureCargoTool('cargo-deny');
  },
  chromium: async () => {
    await ensurePrograms('chromium');
    await ensureCargoTool('wasm-pack');
  },
  firefox: async () => {
    await ensurePrograms('firefox');
    await ensureCargoTool('geckodriver');
    await ensureCargoTool('wasm-pack');
  },
  webkit: () => ensurePrograms('webkit'),
};

export async function setup(...names) {
  await locked('setup', async () => {
    for (const name of names) await needs[name]();
    dropBuildLeftovers();
  });
}
