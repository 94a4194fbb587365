// The folder that servers of tests serve: the page of the tests with the built package beside it, made once in a
// process and gone with it.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleOfWriter } from '../../../scripts/lib/build-js.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = fileURLToPath(new URL('../page', import.meta.url));

let folder;
process.on('exit', () => folder && rmSync(folder, { recursive: true, force: true }));

/** The page of the tests with the built package beside it. */
export function pageFolder() {
  if (folder) return folder;
  const built = join(root, 'dist');
  if (!existsSync(join(built, 'index.js'))) throw new Error('build the package first: npm run build');
  folder = mkdtempSync(join(tmpdir(), 'seakeep-e2e-page-'));
  cpSync(page, folder, { recursive: true });
  cpSync(built, join(folder, 'seakeep'), { recursive: true });
  return folder;
}

/** The same folder, with a page under `/newer/` whose package is that of a later writer: two bundles on one origin. */
export async function foldersOfTwoVersions() {
  const newer = join(pageFolder(), 'newer');
  if (existsSync(newer)) return;
  cpSync(page, newer, { recursive: true });
  cpSync(join(root, 'dist'), join(newer, 'seakeep'), { recursive: true });
  await bundleOfWriter(2, join(newer, 'seakeep'));
}
