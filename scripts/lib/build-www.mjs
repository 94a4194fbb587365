// The demo: www/*.ts bundled into www/dist/ with the built package as its user gets it, everything else copied.

import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { filesIn, fresh } from './fresh.mjs';
import { dist, root, www, wwwDist } from './paths.mjs';

const entry = join(www, 'main.ts');

export async function buildWww() {
  if (!existsSync(entry)) return;
  const sources = filesIn(www, (file) => !file.startsWith(wwwDist));
  const from = [...sources, ...filesIn(dist), join(root, 'scripts/lib/build-www.mjs')];
  await fresh('esbuild: www/dist/', { from, to: [join(wwwDist, 'main.js')] }, async () => {
    rmSync(wwwDist, { recursive: true, force: true });
    await bundle();
    sources.filter((file) => !/\.(ts|json|md)$/.test(file)).forEach(copy);
    cpSync(join(dist, 'wasm'), join(wwwDist, 'wasm'), { recursive: true });
  });
}

async function bundle() {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: wwwDist,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    sourcemap: true,
    alias: { seakeep: join(dist, 'index.js') },
    logLevel: 'warning',
  });
}

function copy(file) {
  const to = join(wwwDist, relative(www, file));
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(file, to);
}
