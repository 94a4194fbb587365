// A web server for the page: its bundle (made here, with Dexie from the development dependencies), the built package
// under /dist/, and the headers that give the page a fine clock.

import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Serves until closed. `dist`: another folder in the place of the built package; `other`: a build to compare it with. */
export async function serve({ dist = join(root, 'dist'), other } = {}) {
  const bundle = await bundled();
  const server = createServer((request, response) => {
    const found = content(new URL(request.url, 'http://host').pathname, bundle, { dist, other });
    response.writeHead(found === undefined ? 404 : 200, {
      'content-type': TYPES[extname(request.url)] ?? TYPES['.html'],
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    response.end(found);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

function content(path, bundle, builds) {
  if (path === '/') return readFileSync(join(root, 'bench/page/index.html'));
  if (path === '/bench.js') return bundle;
  if (path === '/favicon.ico') return '';
  const [, name, ...rest] = normalize(path).split('/');
  const build = Object.hasOwn(builds, name) ? builds[name] : undefined;
  // The page asks for the other build in any case: an empty module says that there is none.
  if (build === undefined) return name === 'other' ? '' : undefined;
  const file = join(build, ...rest);
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : undefined;
}

async function bundled() {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['bench/page/main.mjs'],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    minify: true,
    external: ['/dist/*', '/other/*'],
    logLevel: 'warning',
  });
  return outputFiles[0].contents;
}
