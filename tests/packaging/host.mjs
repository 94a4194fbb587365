// What the packaging tests stand on: the packed tarball, projects it is installed into, a web server for them and
// a browser to look at them with.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { need } from '../../scripts/lib/system.mjs';

const exec = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A folder of its own for all that is made here. */
export const work = mkdtempSync(join(tmpdir(), 'seakeep-packaging-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

export const bin = (name) => join(root, 'node_modules', '.bin', name);

/** Runs a program and returns what it printed; a failure carries both streams. */
export async function call(command, args, options = {}) {
  try {
    return (await exec(command, args, { cwd: work, timeout: 120_000, ...options })).stdout;
  } catch (error) {
    const printed = `${error.stdout}${error.stderr}`.split('\n').map((line) => line.slice(0, 200));
    throw new Error(`${command}: ${error.code ?? error.signal}\n${printed.join('\n')}`);
  }
}

/** `npm pack` of what is built: the tarball's path and the files in it. */
export async function pack() {
  const printed = await call('npm', ['pack', root, '--json', '--ignore-scripts', '--pack-destination', work]);
  const [{ filename, files }] = JSON.parse(printed);
  return { tarball: join(work, filename), files: files.map((file) => file.path) };
}

/** A new project with the tarball installed as npm does it, from a folder beside this file if there is one. */
export async function project(name, tarball) {
  const folder = join(work, name);
  const fixture = join(here, name);
  mkdirSync(folder, { recursive: true });
  if (statSync(fixture, { throwIfNoEntry: false })) cpSync(fixture, folder, { recursive: true });
  else await call('npm', ['init', '--yes', '--init-type=module'], { cwd: folder });
  await call('npm', ['install', tarball, '--offline', '--no-audit', '--no-fund'], { cwd: folder });
  return folder;
}

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** Serves a folder under a strict policy; no inline script and no eval but wasm's runs there. */
export async function serve(folder) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://host').pathname));
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
    const found = statSync(file, { throwIfNoEntry: false })?.isFile();
    response.writeHead(found ? 200 : 404, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    });
    response.end(found ? readFileSync(file) : '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

export function launch() {
  return chromium.launch({
    executablePath: need('chromium'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Opens a page twice in one profile and returns the note each visit showed. */
export async function visitTwice(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const messages = [];
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(String(error)));
  try {
    return [await visit(page, url, messages), await visit(page, url, messages)];
  } finally {
    await context.close();
  }
}

async function visit(page, url, messages) {
  await page.goto(url);
  const body = page.locator('body[data-note], body[data-error]');
  await body.waitFor({ state: 'attached', timeout: 20_000 }).catch(() => {
    throw new Error(`the page showed nothing; its console: ${messages.join(' | ')}`);
  });
  const { note, error } = await body.evaluate((element) => ({ ...element.dataset }));
  if (error) throw new Error(error);
  return JSON.parse(note);
}
