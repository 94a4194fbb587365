// npm run build [-- wasm|js|www ...]: the wasm module (pkg/), the package (dist/), the demo (www/dist/).
// Without a name all three, in this order; what did not change is left as it is.

import { buildJs } from './lib/build-js.mjs';
import { buildWasm } from './lib/build-wasm.mjs';
import { buildWww } from './lib/build-www.mjs';
import { locked } from './lib/lock.mjs';
import { main, Stop } from './lib/run.mjs';
import { isScript } from './lib/script.mjs';
import { setup } from './lib/setup.mjs';

const parts = { wasm: buildWasm, js: buildJs, www: buildWww };

export async function build(...names) {
  const wanted = names.length > 0 ? names : Object.keys(parts);
  const unknown = wanted.filter((name) => !(name in parts));
  if (unknown.length > 0) throw new Stop(`build knows ${Object.keys(parts).join(', ')}; not ${unknown.join(', ')}`);
  await setup('packages', 'wasm');
  await locked('build', async () => {
    for (const name of Object.keys(parts)) if (wanted.includes(name)) await parts[name]();
  });
}

if (isScript(import.meta.url)) await main(() => build(...process.argv.slice(2)));
