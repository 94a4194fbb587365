// Rows 90 and 93: what open() says when the environment or the compiled module is not as it should be. The module is
// loaded once per process, so these rows run where nothing has been loaded yet.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { failure, seakeep } from './package.mjs';
import { decode } from './values.mjs';

const table = JSON.parse(readFileSync(new URL('../bad-inputs.json', import.meta.url), 'utf8'));

for (const row of table.filter((one) => one.where === 'face' && one.call === 'open:wasm')) {
  test(`${row.row}: ${row.what}`, async () => {
    const error = await failure(() => seakeep.open(...decode(row.input)));
    assert.equal(error.code, row.code, String(error.stack));
    assert.equal(error.status, row.status);
    assert.equal(error.retryable, true);
  });
}

test('90: a page whose IndexedDB is missing, or throws at the mere look', async () => {
  const row = table.find((one) => one.where === 'face' && one.call === 'open:page');
  globalThis.document = {};
  try {
    assert.equal((await failure(() => seakeep.open(...row.input))).code, row.code);
    Object.defineProperty(globalThis, 'indexedDB', {
      configurable: true,
      get() {
        throw new Error('SecurityError');
      },
    });
    assert.equal((await failure(() => seakeep.open(...row.input))).code, row.code);
  } finally {
    delete globalThis.document;
    delete globalThis.indexedDB;
  }
});

test('a failed start is forgotten: the next open() works', async () => {
  const db = await seakeep.open('after', { collections: { notes: {} }, storage: 'memory' });
  await db.close();
});
