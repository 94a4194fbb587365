// npm run partitions [-- --runs N --seed S --seconds 20 --at-once 4]: pages in real Chromium against the real server while
// network, server and pages come and go; options go to tests/partitions/run.mjs. A run that fails names its seed.

import { build } from './build.mjs';
import { main, run } from './lib/run.mjs';
import { buildServer } from './lib/server.mjs';
import { setup } from './lib/setup.mjs';
import { find } from './lib/system.mjs';

await main(async () => {
  await setup('packages', 'chromium');
  await build('wasm', 'js');
  await run(process.execPath, ['tests/partitions/run.mjs', ...process.argv.slice(2)], {
    show: true,
    env: { SEAKEEP_SERVER: await buildServer(), CHROMIUM: find('chromium') },
    name: 'partition runs',
  });
});
