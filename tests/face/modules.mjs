// The face's inner files, compiled for unit tests of what is not public. No engine: tests bring a fake client.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));
const names =
  'cache capabilities collection config diagnose error-table errors events handle histogram ids last-errors live patch query snapshot text unpack user write'.split(
    ' ',
  );

/** Everything those files export, in one object. */
export async function modules() {
  const folder = join(root, 'tests', 'out');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `face-${process.pid}.mjs`);
  await build({
    stdin: { contents: names.map((name) => `export * from './${name}.ts';`).join('\n'), resolveDir: join(root, 'js') },
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}

/** Checked options of a small database, as open() makes them. */
export function checked(face, options = {}) {
  return face.checkOptions('unit', { collections: { notes: {} }, storage: 'memory', ...options });
}

/** Until something holds, at most two seconds. */
export async function until(holds, what = 'the condition') {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never came: ${what}`);
}
