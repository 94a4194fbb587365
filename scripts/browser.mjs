// npm run test:browser -- chromium|firefox|webkit [test name]: the wasm suites in that browser.

import { headless } from './lib/headless.mjs';
import { main } from './lib/run.mjs';

await main(() => headless(process.argv[2], process.argv.slice(3)));
