// What the page around the package allows: policies, sandboxes, a module that is not there; and Node.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './support/wait.mjs';
import { pageFolder, world } from './support/world.mjs';

const table = JSON.parse(readFileSync(new URL('../bad-inputs.json', import.meta.url), 'utf8'));
const inBrowser = table.filter((row) => row.where === 'browser');

/** What a visit left in the body of its page. */
async function visit(context, url) {
  const page = await context.newPage();
  const messages = [];
  page.on('console', (message) => messages.push(message.text()));
  await page.goto(url);
  const body = page.locator('body[data-done], body[data-failed]');
  await body.waitFor({ state: 'attached', timeout: 15_000 }).catch(() => {
    throw new Error(`the page showed nothing; its console: ${messages.join(' | ')}`);
  });
  const [done, failed] = [await body.getAttribute('data-done'), await body.getAttribute('data-failed')];
  return done ? { done: JSON.parse(done) } : { failed: JSON.parse(failed) };
}

test("a policy of script-src 'self' 'wasm-unsafe-eval' is enough to write, send and read", async (t) => {
  const { context, server } = await world(t);
  const { done, failed } = await visit(context, `${server.url}/strict.html`);
  assert.equal(failed, undefined);
  const [there] = await server.documents();
  assert.equal(done.id, there.id);
  assert.deepEqual(done.doc, there);
});

test("92: without 'wasm-unsafe-eval' open() rejects WASM_BLOCKED_BY_CSP and says what to add", async (t) => {
  const { context, server } = await world(t);
  const { failed } = await visit(context, `${server.url}/no-wasm.html`);
  assert.equal(failed.code, 'WASM_BLOCKED_BY_CSP');
  assert.equal(failed.ours, true);
  assert.match(failed.hint ?? '', /wasm-unsafe-eval/);
});

/** How each browser row is played. */
const plays = {
  put: ({ page }, row) =>
    page.evaluate(async (canary) => {
      await begin({ sync: null });
      const node = document.createElement('p');
      node.textContent = canary;
      const tried = await outcome(() => assistants.put({ node }));
      return { ...tried, stored: [...(await raw('assistants')), ...(await raw('pending'))] };
    }, row.canary),
  open: ({ page }, row) =>
    page.evaluate(async ([name, options]) => {
      const tried = await outcome(() => seakeep.open(name, options));
      return { ...tried, stored: await indexedDB.databases() };
    }, row.input),
  sandboxed: async ({ page }, row) => {
    await page.evaluate(async (input) => {
      addEventListener('message', ({ data }) => {
        window.told = data;
      });
      const source = await (await fetch('seakeep/index.js')).text();
      const wasm = await (await fetch('seakeep/wasm/seakeep_bg.wasm')).arrayBuffer();
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts';
      frame.srcdoc = `<script type="module">
        addEventListener('message', async ({ data }) => {
          const script = new Blob([data.source], { type: 'text/javascript' });
          const { open } = await import(URL.createObjectURL(script));
          const [name, options] = data.input;
          open(name, { ...options, wasm: data.wasm }).then(() => parent.postMessage({ value: {} }, '*'), ({ code, message, stack, path }) =>
            parent.postMessage({ error: { code, message, stack, path } }, '*'));
        });
        parent.postMessage(undefined, '*');
      </script>`;
      document.body.append(frame);
      await new Promise((resolve) => addEventListener('message', resolve, { once: true }));
      frame.contentWindow.postMessage({ source, wasm, input }, '*');
    }, row.input);
    const told = await until('the frame to tell', () => page.evaluate(() => window.told));
    return { ...told, stored: await page.evaluate(() => indexedDB.databases()) };
  },
};

for (const row of inBrowser) {
  test(`${row.row}: ${row.what}`, async (t) => {
    const play = row.page === 'sandboxed frame' ? plays.sandboxed : plays[row.call];
    const { error, stored } = await play(await world(t), row);
    assert.ok(error, 'it was accepted');
    assert.equal(error.code, row.code, error.message);
    if (row.path !== undefined) assert.equal(error.path, row.path);
    if (row.status !== undefined) assert.equal(error.status, row.status);
    assert.ok(row.canary === undefined || !JSON.stringify(error).includes(row.canary), 'the value is told');
    assert.deepEqual(stored, [], 'something was written');
  });
}

test('93: a response that never comes, given as a promise, is WASM_FETCH_FAILED too, and the next open() may succeed', async (t) => {
  const { page } = await world(t);
  const { failed, stored } = await page.evaluate(async () => {
    const wasm = fetch('http://127.0.0.1:9/seakeep.wasm');
    const failed = await outcome(() => seakeep.open('bad', { collections: { notes: {} }, wasm }));
    await begin({ sync: null });
    await assistants.put({ id: 'a', name: 'Ada' });
    return { failed: failed.error, stored: (await raw('assistants')).length };
  });
  assert.equal(failed.code, 'WASM_FETCH_FAILED');
  assert.equal(failed.retryable, true);
  assert.equal(stored, 1);
});

test('every browser row of the table was played', () => {
  assert.deepEqual(
    inBrowser.map((row) => row.row),
    [32, 90, 93],
  );
});

test('95: in Node the import is harmless, open() rejects ENV_UNSUPPORTED, and memory works', async () => {
  const seakeep = await import(new URL('../../dist/node.js', import.meta.url).href);
  await assert.rejects(seakeep.open('bad', { collections: { notes: {} } }), { code: 'ENV_UNSUPPORTED' });
  const db = await seakeep.open('good', { collections: { notes: { indexes: ['text'] } }, storage: 'memory' });
  await db.collection('notes').put({ id: 'a', text: 'in memory' });
  assert.equal((await db.collection('notes').query({ where: { text: 'in memory' } }))[0].id, 'a');
  await db.close();
});

test('95: the browser’s own entry can be imported in Node too, and touches nothing', async () => {
  const before = Object.keys(globalThis);
  const seakeep = await import(fileURLToPath(new URL(`file://${pageFolder()}/seakeep/index.js`)));
  assert.deepEqual(Object.keys(globalThis), before);
  await assert.rejects(seakeep.open('bad', { collections: { notes: {} } }), { code: 'ENV_UNSUPPORTED' });
});
