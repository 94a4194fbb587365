// The published JavaScript: js/ and wasm-bindgen's glue as one minified module per host (dist/index.js for browsers,
// dist/node.js for Node), the wasm file beside them, and the types as tsc writes them.
//
// esbuild leaves `new URL('./wasm/seakeep_bg.wasm', import.meta.url)` as it stands, which is how bundlers and browsers
// find the module from dist/index.js; the check at the end holds it to that.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesIn, fresh } from './fresh.mjs';
import { packed } from './pack.mjs';
import { dist, nodeBin, pkg, root } from './paths.mjs';
import { run, Stop } from './run.mjs';

const REFERENCE = /new URL\(["'`]\.\/wasm\/seakeep_bg\.wasm["'`],\s*import\.meta\.url\)/;
const compiled = join(pkg, 'seakeep_bg.wasm');
const module = join(dist, 'wasm', 'seakeep_bg.wasm');

export async function buildJs() {
  const from = [...sources(), join(pkg, 'seakeep.js'), compiled];
  const to = ['index.js', 'node.js', 'adapter.js', 'testing.js', 'testing.d.ts', 'index.d.ts', 'node.d.ts'].map(
    (name) => join(dist, name),
  );
  await fresh('esbuild and tsc: dist/', { from, to: [...to, module] }, async () => {
    rmSync(dist, { recursive: true, force: true });
    mkdirSync(join(dist, 'wasm'), { recursive: true });
    writeFileSync(module, packed(readFileSync(compiled)));
    const define = await constants();
    await bundle('browser', 'index.ts', define);
    await bundle('neutral', 'adapter.ts', define);
    await bundle('neutral', 'testing.ts', define);
    await bundle('node', 'node.ts', define);
    await run(join(nodeBin, 'tsc'), ['-p', 'tsconfig.build.json'], { name: 'tsc (types)' });
    pruneTypes();
    check();
  });
}

/** Everything the bundle is made of, and what shapes it. */
function sources() {
  const settings = [
    'tsconfig.json',
    'tsconfig.build.json',
    'package.json',
    'package-lock.json',
    'scripts/lib/build-js.mjs',
    'scripts/lib/pack.mjs',
    'scripts/lib/instructions.mjs',
  ];
  return [...filesIn(join(root, 'js')), ...settings.map((name) => join(root, name))];
}

/** The browser's bundle as that of another writer, elsewhere: a second version of the package for tests. */
export async function bundleOfWriter(writer, outdir) {
  await bundle('browser', 'index.ts', { ...(await constants()), __SEAKEEP_WRITER__: String(writer) }, outdir);
}

async function bundle(platform, entry, define, outdir = dist) {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: [join('js', entry)],
    outdir,
    bundle: true,
    format: 'esm',
    platform,
    define,
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    // Loaded by itself, and only where it is used.
    external: ['./adapter.js'],
    plugins: entry === 'testing.ts' ? [onTheEntry] : [],
    logLevel: 'warning',
  });
}

/** The test kit works on the package's own entry, whichever the host takes, and brings no second engine. */
const onTheEntry = {
  name: 'on-the-entry',
  setup: (build) => build.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: 'seakeep', external: true })),
};

/** What the script must know of its build: the version, and which module it belongs to. */
async function constants() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return { __SEAKEEP_VERSION__: JSON.stringify(version), __SEAKEEP_BUILD__: JSON.stringify(await buildId()) };
}

/** Asks the module itself. */
async function buildId() {
  const glue = await import(pathToFileURL(join(pkg, 'seakeep.js')).href);
  await glue.default({ module_or_path: readFileSync(compiled) });
  return glue.buildId();
}

/** Keeps the declarations that the entries lead to: what is internal is not published. */
function pruneTypes() {
  const reached = new Set();
  const visit = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    const text = readFileSync(join(dist, `${name}.d.ts`), 'utf8');
    for (const [, next] of text.matchAll(/(?:from |import\()'\.\/([\w-]+)\.js'/g)) visit(next);
  };
  for (const entry of ['index', 'node', 'testing']) visit(entry);
  const all = readdirSync(dist).filter((file) => file.endsWith('.d.ts'));
  for (const file of all) if (!reached.has(file.slice(0, -'.d.ts'.length))) rmSync(join(dist, file));
}

function check() {
  if (!REFERENCE.test(readFileSync(join(dist, 'index.js'), 'utf8'))) {
    throw new Stop(
      "dist/index.js does not hold new URL('./wasm/seakeep_bg.wasm', import.meta.url): bundlers would miss the module",
    );
  }
}
