// The package as its users get it: packed, installed by npm, and used from a Vite project, a plain page and Node.
// Needs a finished build (npm run build) and Chromium.

import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { createServer } from 'vite';
import { bin, call, launch, pack, project, serve, visitTwice } from './host.mjs';

const types = fileURLToPath(new URL('../types', import.meta.url));
const MEMORY = `
  import { open } from 'seakeep';
  const db = await open('notes', { collections: { notes: {} }, storage: 'memory' });
  await db.collection('notes').put({ id: 'n1', text: 'kept' });
  console.log(JSON.stringify(await db.collection('notes').get('n1')));
  await db.close();`;
const UNSUPPORTED = `
  import { isSeakeepError, open } from 'seakeep';
  await open('notes', { collections: { notes: {} } }).catch((error) =>
    console.log(isSeakeepError(error, 'ENV_UNSUPPORTED'), error.code));`;

const KIT = `
  import { open, version } from 'seakeep';
  import { FakeServer, openMemory, replay } from 'seakeep/testing';
  const server = new FakeServer();
  const sync = { url: server.url, fetch: server.fetch, startDelay: 0 };
  const db = await openMemory({ collections: { notes: {} }, sync });
  await (await db.collection('notes').put({ text: 'sent' })).synced;
  await db.close();
  const push = async (changes) => changes.map(({ mutationId }) => ({ mutationId, status: 'ok', id: 's1' }));
  const own = await open('own', { collections: { notes: {} }, storage: 'memory', sync: { adapter: { push } } });
  const { id } = await (await own.collection('notes').put({ text: 'adapted' })).synced;
  await own.close();
  const { violations } = await replay({ collections: { notes: {} }, schedules: 1, seed: 1 });
  console.log(JSON.stringify([server.docs('notes')[0].text, id, violations, version.length > 0]));`;

let packed;
let node;
let browser;

before(async () => {
  packed = await pack();
  node = await project('node', packed.tarball);
  browser = await launch();
});
after(() => browser?.close());

test('the tarball holds what is published and nothing else', () => {
  const allowed =
    /^(dist\/[\w/-]+\.(js|d\.ts|wasm)|conformance\/[\w/-]+\.(mjs|md)|docs\/[\w-]+\.md|LICENSE(-MIT|-APACHE)?|README\.md|CHANGELOG\.md|SPEC\.md|package\.json)$/;
  assert.deepEqual(
    packed.files.filter((file) => !allowed.test(file)),
    [],
  );
  const needed = [
    'package.json',
    'LICENSE',
    'README.md',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/adapter.js',
    'dist/testing.js',
    'dist/testing.d.ts',
    'dist/wasm/seakeep_bg.wasm',
    'conformance/cli.mjs',
    'docs/sync-algorithm.md',
  ];
  assert.deepEqual(
    needed.filter((file) => !packed.files.includes(file)),
    [],
  );
});

test('it depends on nothing and runs nothing when installed', () => {
  const { dependencies, peerDependencies, optionalDependencies, scripts } = manifest();
  assert.deepEqual(
    { dependencies, peerDependencies, optionalDependencies },
    {
      dependencies: undefined,
      peerDependencies: undefined,
      optionalDependencies: undefined,
    },
  );
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'];
  assert.deepEqual(
    hooks.filter((name) => name in scripts),
    [],
  );
});

test('no path of the machine that built it is inside', () => {
  const installed = join(node, 'node_modules', 'seakeep');
  const homes = [process.cwd(), process.env.HOME].filter((path) => path && path !== '/');
  const tellTale = packed.files.filter((file) => {
    const text = readFileSync(join(installed, file), 'latin1');
    return homes.some((home) => text.includes(`${home}/`));
  });
  assert.deepEqual(tellTale, []);
});

test('publint is content', async () => {
  const { messages, pkg } = await publint({ pkgDir: join(node, 'node_modules', 'seakeep'), strict: true });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg, { color: false })),
    [],
  );
});

test('are-the-types-wrong finds nothing wrong', async () => {
  await call(bin('attw'), [packed.tarball, '--profile', 'esm-only', '--exclude-entrypoints', './seakeep.wasm']);
});

test('the types hold in a strict project, for bundlers and for Node', async () => {
  const folder = await project('typescript', packed.tarball);
  cpSync(types, folder, { recursive: true, filter: (file) => !file.endsWith('.json') });
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ]) {
    const lib = ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'];
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: [],
      target: 'es2022',
      module,
      moduleResolution,
      lib,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    await call(bin('tsc'), ['-p', folder]);
  }
});

test('import is harmless in Node, from both entries', async () => {
  const names = "['open', 'destroy', 'version', 'assistantSync', 'SeakeepError', 'isSeakeepError']";
  for (const entry of ['seakeep', './node_modules/seakeep/dist/index.js']) {
    const before = 'const globals = Object.keys(globalThis).length;';
    const check = `console.log(${names}.filter((name) => !(name in module)).length, Object.keys(globalThis).length - globals);`;
    assert.equal(await inNode(`${before} const module = await import('${entry}'); ${check}`), '0 0\n');
  }
});

test('open in Node works with storage: memory', async () => {
  assert.deepEqual(JSON.parse(await inNode(MEMORY)), { id: 'n1', text: 'kept' });
});

test('open in Node without it rejects ENV_UNSUPPORTED', async () => {
  assert.equal(await inNode(UNSUPPORTED), 'true ENV_UNSUPPORTED\n');
});

test('the test kit and adapters work in Node, on one engine', async () => {
  assert.deepEqual(JSON.parse(await inNode(KIT)), ['sent', 's1', [], true]);
  const kit = readFileSync(join(node, 'node_modules', 'seakeep', 'dist', 'testing.js'), 'utf8');
  assert.ok(!kit.includes('WebAssembly'), 'the kit brings no engine of its own');
});

test('the module can be found under its stable name', async () => {
  const find =
    "import { existsSync } from 'node:fs'; console.log(existsSync(new URL(import.meta.resolve('seakeep/seakeep.wasm'))));";
  assert.equal(await inNode(find), 'true\n');
});

test('the conformance kit comes with it, as a command', async () => {
  const printed = await call(join(node, 'node_modules', '.bin', 'seakeep-conformance'), ['--list']);
  assert.match(printed, /page\.commit-order/);
});

test('a Vite project builds, writes and reads, also after a reload', async () => {
  const folder = await project('vite', packed.tarball);
  await call(bin('vite'), ['build', '--logLevel', 'warn'], { cwd: folder });
  const modules = readdirSync(join(folder, 'dist', 'assets')).filter((file) => file.endsWith('.wasm'));
  assert.equal(modules.length, 1, 'one wasm file in the bundle');
  await keepsANote(await serve(join(folder, 'dist')));
});

test("Vite's development server finds the module without configuration", async () => {
  const folder = await project('vite', packed.tarball);
  const server = await createServer({ root: folder, logLevel: 'error', server: { port: 0, host: '127.0.0.1' } });
  await server.listen();
  await keepsANote({ url: server.resolvedUrls.local[0], close: () => server.close() });
});

test('a plain page writes and reads, also after a reload', async () => {
  await keepsANote(await serve(await project('plain', packed.tarball)));
});

async function keepsANote(site) {
  try {
    const [first, second] = await visitTwice(browser, site.url);
    assert.deepEqual(first, { id: 'n1', text: 'kept', visits: 1 });
    assert.deepEqual(second, { id: 'n1', text: 'kept', visits: 2 });
  } finally {
    await site.close();
  }
}

function manifest() {
  return JSON.parse(readFileSync(join(node, 'node_modules', 'seakeep', 'package.json'), 'utf8'));
}

function inNode(code) {
  return call(process.execPath, ['--input-type=module', '--eval', code], { cwd: node, timeout: 30_000 });
}
