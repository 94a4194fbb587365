// npm run sim [-- --schedules N --seed S ...]: the deterministic simulator, natively. All options go to it.

import { main, run } from './lib/run.mjs';
import { cargoFlags } from './lib/rust.mjs';
import { setup } from './lib/setup.mjs';

await main(async () => {
  await setup('rust');
  await run(
    'cargo',
    ['test', '--package', 'seakeep', '--test', 'sim', ...cargoFlags(), '--', ...process.argv.slice(2)],
    {
      show: true,
      name: 'simulator',
    },
  );
});
