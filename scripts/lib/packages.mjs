// The development packages of package.json: `npm ci`, only when package-lock.json is not what is installed.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { run, Stop, step } from './run.mjs';
import { atLeast, versions } from './versions.mjs';

/** npm's own messages are wanted also under `npm run --silent`. */
const INSTALL = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=warn'];
const mark = join(root, 'node_modules', '.seakeep-lock');

export async function ensurePackages() {
  if (!atLeast(process.versions.node, versions.node)) {
    throw new Stop(`Node ${versions.node} or newer is needed; this is ${process.versions.node}.`);
  }
  const wanted = digest(join(root, 'package-lock.json'));
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  await step('npm ci', () => run('npm', INSTALL, { log: 'npm-ci' }));
  writeFileSync(mark, wanted);
}

function digest(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
