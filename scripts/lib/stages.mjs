// The stages of `npm test`, in order: the command of each, the minutes after which it is given up, and what its
// environment adds. `tests` marks a stage that is itself a test when its program counts none.

import { join } from 'node:path';
import { filesIn } from './fresh.mjs';
import { nodeBin, root } from './paths.mjs';
import { Stop } from './run.mjs';
import { cargoFlags, testCrates } from './rust.mjs';
import { buildServer } from './server.mjs';
import { need } from './system.mjs';

/** The same schedules in every run, so that a red one is the change's own; `npm run sim` draws new ones. */
const SCHEDULES = ['--schedules', '40000', '--seed', '1'];

/** As many profiles at once as two cores bear; `npm run partitions` draws other seeds. */
const PARTITIONS = ['--runs', '20', '--seed', '1', '--at-once', '5'];

const node = process.execPath;
const script = (name, ...args) => [node, join('scripts', name), ...args];

export const stages = {
  lint: { minutes: 20, command: () => script('lint.mjs') },
  native: { minutes: 30, tests: true, command: nativeTests },
  simulator: { minutes: 20, tests: true, command: () => script('sim.mjs', ...SCHEDULES) },
  build: { minutes: 20, command: () => script('build.mjs') },
  size: { minutes: 2, tests: true, command: () => script('size.mjs') },
  chromium: { minutes: 20, tests: true, command: () => script('browser.mjs', 'chromium') },
  firefox: { minutes: 20, tests: true, command: () => script('browser.mjs', 'firefox') },
  webkit: { minutes: 20, tests: true, command: () => script('browser.mjs', 'webkit') },
  types: { minutes: 5, tests: true, command: () => [join(nodeBin, 'tsc'), '-p', 'tests/types'] },
  face: { minutes: 10, tests: true, command: () => nodeTests('face') },
  e2e: { minutes: 30, tests: true, command: () => nodeTests('e2e'), env: servers },
  partitions: {
    minutes: 10,
    tests: true,
    command: () => [node, 'tests/partitions/run.mjs', ...PARTITIONS],
    env: servers,
  },
  'essential-chromium': { minutes: 10, tests: true, command: () => nodeTests('essential'), env: essential('chromium') },
  'essential-firefox': { minutes: 10, tests: true, command: () => nodeTests('essential'), env: essential('firefox') },
  'essential-webkit': { minutes: 10, tests: true, command: () => nodeTests('essential'), env: essential('webkit') },
  conformance: { minutes: 10, tests: true, command: () => nodeTests('conformance'), env: servers },
  packaging: { minutes: 15, tests: true, command: () => nodeTests('packaging') },
};

export const quickStages = ['native', 'build', 'types'];
export const quickNeeds = ['packages', 'wasm'];

/** Unit tests and every test crate but the simulator, which has a stage of its own. */
async function nativeTests() {
  const crates = (await testCrates()).filter((name) => name !== 'sim');
  return [
    'cargo',
    'test',
    '--workspace',
    '--lib',
    '--bins',
    ...crates.flatMap((name) => ['--test', name]),
    ...cargoFlags(),
  ];
}

/** The essential suite's, in one browser. */
function essential(browser) {
  return async () => ({ ...(await servers()), BROWSER: browser });
}

/** Where end-to-end tests find what they start. */
async function servers() {
  return { SEAKEEP_SERVER: await buildServer(), CHROMIUM: need('chromium') };
}

/** Node's own test runner on tests/NAME; the files are named one by one because what a folder means differs by version. */
function nodeTests(name) {
  const files = filesIn(join(root, 'tests', name), (file) => /\.test\.m?js$/.test(file));
  if (files.length === 0) throw new Stop(`tests/${name} holds no *.test.mjs`);
  return [node, '--test', '--test-reporter=spec', '--test-concurrency=1', ...files];
}
