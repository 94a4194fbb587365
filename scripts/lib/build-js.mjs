// The published JavaScript: js/ and wasm-bindgen's glue as one minified module per host (dist/index.js for browsers,
// dist/node.js for Node), the wasm file beside them, and the types as tsc writes them.
//
// esbuild leaves `new URL('./wasm/seakeep_bg.wasm', import.meta.url)` as it stands, which is how bundlers and browsers
// find the module from dist/index.js; the check at the end holds it to that.

import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn, fresh } from './fresh.mjs';
import { dist, nodeBin, pkg, root } from './paths.mjs';
import { run, Stop } from './run.mjs';

const REFERENCE = /new URL\(["'`]\.\/wasm\/seakeep_bg\.wasm["'`],\s*import\.meta\.url\)/;
const module = join(dist, 'wasm', 'seakeep_bg.wasm');

export async function buildJs() {
  const from = [...sources(), join(pkg, 'seakeep.js'), join(pkg, 'seakeep_bg.wasm')];
  const to = ['index.js', 'node.js', 'index.d.ts', 'node.d.ts'].map((name) => join(dist, name));
  await fresh('esbuild and tsc: dist/', { from, to: [...to, module] }, async () => {
    rmSync(dist, { recursive: true, force: true });
    mkdirSync(join(dist, 'wasm'), { recursive: true });
    copyFileSync(join(pkg, 'seakeep_bg.wasm'), module);
    await bundle('browser', 'index.ts', ['node:*']);
    await bundle('node', 'node.ts', []);
    await run(join(nodeBin, 'tsc'), ['-p', 'tsconfig.build.json'], { name: 'tsc (types)' });
    check();
  });
}

/** Everything the bundle is made of, and what shapes it. */
function sources() {
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/lib/build-js.mjs'];
  return [...filesIn(join(root, 'js')), ...settings.map((name) => join(root, name))];
}

async function bundle(platform, entry, external) {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: [join('js', entry)],
    outdir: dist,
    bundle: true,
    format: 'esm',
    platform,
    external,
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [generatedGlue],
  });
}

/** js/ imports the generated glue from where it lies when published. */
const generatedGlue = {
  name: 'generated-glue',
  setup(build) {
    build.onResolve({ filter: /\/wasm\/seakeep\.js$/ }, () => ({ path: join(pkg, 'seakeep.js') }));
  },
};

function check() {
  if (!REFERENCE.test(readFileSync(join(dist, 'index.js'), 'utf8'))) {
    throw new Stop(
      "dist/index.js does not hold new URL('./wasm/seakeep_bg.wasm', import.meta.url): bundlers would miss the module",
    );
  }
}
