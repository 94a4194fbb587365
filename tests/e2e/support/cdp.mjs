// Chromium by its own protocol, without Playwright: pages that freeze, go into the back/forward cache and come back,
// renderers that are killed. A page here is a target with a session; nothing is done to it that a test does not order.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUIET } from '../../../scripts/lib/quiet.mjs';
import { eventually, until, within } from './wait.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [...QUIET, '--no-default-browser-check', '--remote-debugging-pipe', '--enable-features=BackForwardCache'];

/** A browser with a profile of its own; ended with the test. */
export class Chromium {
  profile = mkdtempSync(join(tmpdir(), 'seakeep-e2e-cdp-'));
  waiting = new Map();
  listeners = new Set();
  last = 0;

  static async start(t) {
    const chromium = new Chromium();
    const args = [...ARGS, `--user-data-dir=${chromium.profile}`, 'about:blank'];
    chromium.child = spawn(executablePath, args, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    process.once('exit', () => chromium.signal());
    t.after(() => chromium.end());
    const [, , , out, back] = chromium.child.stdio;
    for (const pipe of [out, back]) pipe.on('error', () => chromium.gone());
    back.on('close', () => chromium.gone());
    chromium.read(back);
    await within('Chromium to answer', chromium.send('Target.getTargets'), 30_000);
    return chromium;
  }

  /** Messages come over a pipe, each ended by a zero. */
  read(pipe) {
    let rest = '';
    pipe.setEncoding('utf8').on('data', (data) => {
      const parts = (rest + data).split('\0');
      rest = parts.pop();
      for (const part of parts) this.take(JSON.parse(part));
    });
  }

  take(message) {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.id === undefined) for (const listener of this.listeners) listener(message);
    else if (message.error) waiting?.reject(new Error(`${waiting.method}: ${message.error.message}`));
    else waiting?.resolve(message.result);
  }

  /** Nobody will answer any more. */
  gone() {
    for (const { reject, method } of this.waiting.values()) reject(new Error(`${method}: Chromium has ended`));
    this.waiting.clear();
  }

  send(method, params = {}, sessionId) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, method });
      this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** A page at an address that has the package. `init` runs before anything of the page. */
  async open(url, { init } = {}) {
    const page = await this.blank();
    if (init) await page.send('Page.addScriptToEvaluateOnNewDocument', { source: init });
    await page.goto(url);
    return page;
  }

  /** Another device: pages in it share no storage with others. */
  async device() {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    return browserContextId;
  }

  /** A page that has gone nowhere yet, on the first device or another one. */
  async blank(device) {
    const at = device === undefined ? {} : { browserContextId: device };
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', ...at });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    await page.send('Page.enable');
    return page;
  }

  /** Process ids of renderers. */
  async renderers() {
    const { processInfo } = await this.send('SystemInfo.getProcessInfo');
    return processInfo.filter((one) => one.type === 'renderer').map((one) => one.id);
  }

  signal() {
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }

  async end() {
    this.signal();
    await within('Chromium to end', new Promise((resolve) => this.child.once('close', resolve)), 10_000).catch(
      () => {},
    );
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** One page. */
export class Page {
  constructor(chromium, targetId, sessionId) {
    Object.assign(this, { chromium, targetId, sessionId });
  }

  send(method, params) {
    return this.chromium.send(method, params, this.sessionId);
  }

  /** Goes somewhere and waits for the package. */
  async goto(url) {
    await this.send('Page.navigate', { url });
    await until('the page to have the package', () => this.evaluate('window.begin !== undefined').catch(() => false));
  }

  /** Runs a function in the page, with plain arguments, and gives its plain value. */
  async evaluate(work, ...args) {
    const expression =
      typeof work === 'string' ? work : `(${work})(${args.map((arg) => JSON.stringify(arg) ?? 'undefined').join(',')})`;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await within(
      'a page to answer',
      this.send('Runtime.evaluate', params),
      60_000,
    );
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  freeze() {
    return this.send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  thaw() {
    return this.send('Page.setWebLifecycleState', { state: 'active' });
  }

  show() {
    return this.chromium.send('Target.activateTarget', { targetId: this.targetId });
  }

  close() {
    return this.chromium.send('Target.closeTarget', { targetId: this.targetId });
  }

  /** Kills the process of this page, as the system does that runs out of memory. */
  async crash() {
    // The command never answers: whoever would answer is gone.
    this.send('Page.crash').catch(() => {});
  }

  /** The outbox is empty, and so says the store. */
  drained(timeout) {
    return eventually(
      'the outbox to be empty',
      async () => {
        const left = await this.evaluate(async () => [await db.outbox.count(), (await raw('pending')).length]);
        if (left[0] + left[1] > 0) throw new Error(`left: ${left}`);
      },
      timeout,
    );
  }
}
