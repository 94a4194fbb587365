// Chromium, in two ways: one for all tests of a file (each with storage of its own), and one that a test may kill.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { QUIET } from '../../../scripts/lib/quiet.mjs';
import { within } from './wait.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const args = [...QUIET, '--disable-quic'];

let shared;

/** The browser of this file's tests. */
export function browser() {
  shared ??= chromium.launch({ executablePath, args });
  return shared;
}

export async function closeBrowser() {
  await (await shared)?.close();
  shared = undefined;
}

/** A browser with a profile on disk that outlives it; started by the test itself, so that it can kill it. */
export class Mortal {
  profile = mkdtempSync(join(tmpdir(), 'seakeep-e2e-profile-'));

  /** Starts it on its profile; answers with a page. */
  async start() {
    const own = [`--user-data-dir=${this.profile}`, '--remote-debugging-port=0', '--no-default-browser-check'];
    this.child = spawn(executablePath, [...args, ...own, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    process.once('exit', () => this.signal());
    const endpoint = await within('Chromium to start', address(this.child), 30_000);
    this.connection = await chromium.connectOverCDP(endpoint);
    return this.connection.contexts()[0].newPage();
  }

  /** SIGKILL to the browser and all of its processes at once. */
  async kill() {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.signal();
    await ended;
    await this.connection.close().catch(() => {});
  }

  async end() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  signal() {
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
}

function address(child) {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stderr.on('data', (data) => {
      printed += data;
      const endpoint = /DevTools listening on (ws:\S+)/.exec(printed)?.[1];
      if (endpoint) resolve(endpoint);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`Chromium ended with ${code}: ${printed}`)));
  });
}
