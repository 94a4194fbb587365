// npm run bench [-- ...]: Seakeep beside raw IndexedDB and Dexie in one page and one run; options go to bench/run.mjs.

import { build } from './build.mjs';
import { main, run } from './lib/run.mjs';
import { buildServer } from './lib/server.mjs';
import { setup } from './lib/setup.mjs';
import { find } from './lib/system.mjs';

await main(async () => {
  await setup('packages', 'chromium');
  await build('wasm', 'js');
  await run(process.execPath, ['bench/run.mjs', ...process.argv.slice(2)], {
    show: true,
    env: { SEAKEEP_SERVER: await buildServer(), CHROMIUM: find('chromium') },
    name: 'benchmark',
  });
});
