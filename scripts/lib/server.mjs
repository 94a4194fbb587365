// The reference server as a program: built by cargo (release), its path handed back.

import { join } from 'node:path';
import { run, step } from './run.mjs';
import { cargoFlags, targetFolder } from './rust.mjs';
import { setup } from './setup.mjs';

export async function buildServer() {
  await setup('rust');
  const args = ['build', '--release', '--package', 'seakeep-server', ...cargoFlags()];
  await step('cargo build --release (server)', () =>
    run('cargo', args, { log: 'cargo-server', name: 'cargo build (server)' }),
  );
  return join(await targetFolder(), 'release', 'seakeep-server');
}
