// A browser by WebDriver: chromedriver, geckodriver or WebKitWebDriver, spoken to directly. Tabs are handles; code runs in
// the page's own realm and gives plain data back. All tabs share one profile that ends with the session.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { webdriver } from '../../scripts/lib/headless.mjs';
import { end, start } from '../../scripts/lib/run.mjs';
import { until, within } from '../e2e/support/wait.mjs';

const SCRIPT_MS = 60_000;
/** Runs in the driver's realm and hands over to the page's, where promises and objects are the page's own. */
const HAND_OVER = `
  const [source, args, done] = arguments;
  const call = window.eval('(async (args) => JSON.stringify(await (' + source + ')(...JSON.parse(args))))');
  call(args).then((value) => done({ value }), (error) => done({ error: String(error && (error.stack || error)) }));`;

/** Starts a browser. */
export async function openBrowser(name) {
  const driver = await webdriver(name);
  const port = await freePort();
  const child = start(driver.program, [`--port=${port}`], { env: driver.env, stdio: 'ignore' });
  const browser = new Browser(`http://127.0.0.1:${port}`, child, driver.close);
  try {
    await until('the driver to listen', () => browser.ask('GET', '/status'), 30_000);
    await browser.begin(driver.capabilities);
    return browser;
  } catch (error) {
    await browser.close();
    throw error;
  }
}

class Browser {
  current = undefined;
  /** Commands of one session go one by one: each depends on the tab that is in front. */
  line = Promise.resolve();

  constructor(url, child, closeDriver) {
    Object.assign(this, { url, child, closeDriver });
  }

  async begin(capabilities) {
    const body = { capabilities: { alwaysMatch: capabilities } };
    const { sessionId } = await within('the browser to start', this.ask('POST', '/session', body), 60_000);
    this.session = `/session/${sessionId}`;
    await this.ask('POST', `${this.session}/timeouts`, { script: SCRIPT_MS, pageLoad: SCRIPT_MS });
    this.first = await this.ask('GET', `${this.session}/window`);
    this.current = this.first;
  }

  async ask(method, path, body) {
    const sent = method === 'POST' ? JSON.stringify(body ?? {}) : undefined;
    const response = await fetch(this.url + path, {
      method,
      body: sent,
      headers: { 'content-type': 'application/json' },
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value?.error}: ${value?.message}`);
    return value;
  }

  /** One command in one tab. */
  inTab(handle, work) {
    const done = this.line.then(async () => {
      if (this.current !== handle) await this.ask('POST', `${this.session}/window`, { handle });
      this.current = handle;
      return work();
    });
    this.line = done.catch(() => {});
    return done;
  }

  /** A new tab at that address, once the page has the package. */
  async tab(url) {
    const { handle } = await this.inTab(this.first, () =>
      this.ask('POST', `${this.session}/window/new`, { type: 'tab' }),
    );
    const tab = new Tab(this, handle);
    await tab.go(url);
    return tab;
  }

  async close() {
    if (this.session) await this.ask('DELETE', this.session).catch(() => {});
    end(this.child.pid);
    this.closeDriver?.();
  }
}

class Tab {
  constructor(browser, handle) {
    Object.assign(this, { browser, handle });
  }

  ask(method, path, body) {
    return this.browser.inTab(this.handle, () => this.browser.ask(method, this.browser.session + path, body));
  }

  async go(url) {
    await this.ask('POST', '/url', { url });
    await this.ready();
  }

  async reload() {
    await this.ask('POST', '/refresh');
    await this.ready();
  }

  ready() {
    return until('the page to have the package', () => this.evaluate(() => window.begin !== undefined));
  }

  /** Runs a function in the page; arguments and result are JSON. */
  async evaluate(work, ...args) {
    const body = { script: HAND_OVER, args: [String(work), JSON.stringify(args)] };
    const { value, error } = await this.ask('POST', '/execute/async', body);
    if (error !== undefined) throw new Error(`in the page: ${error}`);
    return value === undefined || value === null ? undefined : JSON.parse(value);
  }

  close() {
    return this.ask('DELETE', '/window');
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
