// The folder that servers of tests serve: the page of the tests with the built package beside it, made once in a
// process and gone with it.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
