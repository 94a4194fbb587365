// The suites compiled to wasm (tests/*.rs gated to wasm32), run inside a real browser by `wasm-pack test --headless`.
//
// WebKitGTK has no mode of its own there: the test runner that wasm-pack uses is called directly, with a driver that
// speaks the protocol of Safari's, starts MiniBrowser by itself, and needs a display, which Xvfb gives.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, tools } from './paths.mjs';
import { QUIET } from './quiet.mjs';
import { end, run, Stop, start } from './run.mjs';
import { cargoFlags } from './rust.mjs';
import { setup } from './setup.mjs';
import { need } from './system.mjs';

const LIMIT_S = 600;
const TARGET = 'wasm32-unknown-unknown';

const FIREFOX = {
  'app.update.disabledForTesting': true,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
};

const browsers = {
  chromium: () => ({
    flags: ['--chrome', '--chromedriver', need('chromedriver')],
    capabilities: { 'goog:chromeOptions': { binary: need('chromium'), args: QUIET } },
  }),
  firefox: () => ({
    flags: ['--firefox', '--geckodriver', need('geckodriver')],
    capabilities: { 'moz:firefoxOptions': { binary: need('firefox'), args: [], prefs: FIREFOX } },
  }),
  webkit: () => ({
    env: {
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: 'wasm-bindgen-test-runner',
      WASM_BINDGEN_TEST_ONLY_WEB: '1',
      SAFARIDRIVER: need('webkitdriver'),
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    },
    capabilities: {},
    display: true,
  }),
};

export const browserNames = Object.keys(browsers);

/** Runs all suites in one browser; the tests' own options (a name to filter by) may follow. */
export async function headless(name, filters = []) {
  if (!(name in browsers))
    throw new Stop(`test:browser needs one of ${browserNames.join(', ')}; not ${name ?? 'nothing'}`);
  await setup('packages', 'wasm', name);
  const { flags, env, capabilities, display = false } = browsers[name]();
  const xvfb = display ? await virtualDisplay() : undefined;
  const [program, args] = flags ? ['wasm-pack', packed(flags)] : ['cargo', plain()];
  try {
    await run(program, [...args, ...suites(), ...cargoFlags(), '--', ...filters], {
      show: true,
      timeout: 2 * LIMIT_S * 1000,
      name: `suites in ${name}`,
      env: {
        ...withoutDrivers(),
        ...env,
        ...(xvfb && { DISPLAY: xvfb.name }),
        WASM_BINDGEN_TEST_TIMEOUT: String(LIMIT_S),
        WASM_BINDGEN_TEST_DRIVER_TIMEOUT: '30',
        WASM_BINDGEN_TEST_WEBDRIVER_JSON: written(name, capabilities),
      },
    });
  } finally {
    end(xvfb?.pid);
  }
}

/** A driver for tests that drive the browser themselves: its program, capabilities, environment, and its end. */
export async function webdriver(name) {
  await setup(name);
  const { program, capabilities, env, display = false } = drivers[name]();
  const xvfb = display ? await virtualDisplay() : undefined;
  return {
    program,
    capabilities,
    env: { ...env, ...(xvfb && { DISPLAY: xvfb.name }) },
    close: () => end(xvfb?.pid),
  };
}

const drivers = {
  chromium: () => ({
    program: need('chromedriver'),
    capabilities: { 'goog:chromeOptions': { binary: need('chromium'), args: QUIET } },
  }),
  firefox: () => ({
    program: need('geckodriver'),
    capabilities: { 'moz:firefoxOptions': { binary: need('firefox'), args: ['-headless'], prefs: FIREFOX } },
  }),
  webkit: () => ({
    program: need('webkitdriver'),
    capabilities: { 'webkitgtk:browserOptions': { binary: need('minibrowser'), args: ['--automation'] } },
    env: { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
    display: true,
  }),
};

/** wasm-pack downloads nothing: setup has put the runner of Cargo.lock's version in its place. */
function packed(flags) {
  return ['test', '--headless', '--mode', 'no-install', ...flags, '--'];
}

function plain() {
  return ['test', '--package', 'seakeep', '--target', TARGET];
}

/** The runner takes the first driver it is told of: a variable left over from elsewhere must not decide. */
function withoutDrivers() {
  return { CHROMEDRIVER: undefined, GECKODRIVER: undefined, SAFARIDRIVER: undefined, MSEDGEDRIVER: undefined };
}

/** `--test NAME` for each test crate that exists only for wasm. */
function suites() {
  const folder = join(root, 'tests');
  const gated = (file) => /^#!\[cfg\(target_arch = "wasm32"\)\]/m.test(readFileSync(join(folder, file), 'utf8'));
  const names = readdirSync(folder).filter((file) => file.endsWith('.rs') && gated(file));
  if (names.length === 0) throw new Stop('tests/ has no suite for wasm32');
  return names.flatMap((file) => ['--test', file.slice(0, -'.rs'.length)]);
}

function written(name, capabilities) {
  const file = join(tools, `webdriver-${name}.json`);
  mkdirSync(tools, { recursive: true });
  writeFileSync(file, JSON.stringify(capabilities));
  return file;
}

/** An X server without a screen, on the first free number. */
async function virtualDisplay() {
  const child = start(need('xvfb'), ['-displayfd', '1', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const number = await new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => resolve(String(data).trim()));
    child.on('exit', (code) => reject(new Stop(`Xvfb ended with ${code}`)));
    child.on('error', reject);
  });
  return { pid: child.pid, name: `:${number}` };
}
