// The family of errors: one table for every code that anything in this package can give, the same truth in the engine
// and in the face, texts for people, and a row for each in the documents.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { modules } from './modules.mjs';
import { seakeep } from './package.mjs';

const { familyOf, isRetryable, userMessage, SeakeepError } = await modules();
const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path) => readFileSync(root + path, 'utf8');
const table = read('js/error-table.ts');
const known = new Set(
  table
    .slice(0, table.indexOf('} as const;'))
    .match(/'[A-Z][A-Z_]+'/g)
    .map((code) => code.slice(1, -1)),
);
const engine = read('src/model/error.rs');

/** Codes the engine can give: its own list. */
const engineCodes = [...engine.matchAll(/\(Code::\w+, "([A-Z_]+)"\)/g)].map(([, code]) => code);
/** Codes the face gives: the words in capitals that its files pass on. */
const faceCodes = readdirSync(`${root}js`)
  .filter((name) => name.endsWith('.ts') && name !== 'error-table.ts')
  .flatMap((name) => [...read(`js/${name}`).matchAll(/'([A-Z][A-Z]+(?:_[A-Z]+)*)'/g)].map(([, code]) => code))
  .filter((code) => !['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'HEALTH'].includes(code));

test('every code that is used stands in the table, and in the documents', () => {
  const documented = read('docs/troubleshooting.md');
  for (const code of new Set([...engineCodes, ...faceCodes])) {
    assert.ok(known.has(code), `${code} is not in js/error-table.ts`);
  }
  for (const code of known) assert.ok(documented.includes(`\`${code}\``), `${code} is not in docs/troubleshooting.md`);
});

test('the engine and the face agree on what may be retried', () => {
  const list = engine.slice(engine.indexOf('pub fn is_retryable'));
  const retryable = new Set(
    list
      .slice(0, list.indexOf(')\n'))
      .match(/Self::\w+/g)
      .map((name) => name.slice(6)),
  );
  for (const [, name, code] of engine.matchAll(/\(Code::(\w+), "([A-Z_]+)"\)/g)) {
    assert.equal(isRetryable(code), retryable.has(name), code);
  }
});

test('people are not told that a parked change is tried again, nor that a rejected one is kept', () => {
  for (const code of known) {
    assert.doesNotMatch(userMessage(code, 'parked'), /tried again|sent later/, code);
    assert.doesNotMatch(userMessage(code, 'rejected'), /tried again|sent later|change is kept/, code);
  }
  assert.match(userMessage('SERVER'), /It will be tried again/);
  assert.match(userMessage('SERVER', 'parked'), /until you try again/);
  assert.match(
    new SeakeepError('for developers', { code: 'TIMEOUT', parked: true }).userMessage,
    /until you try again/,
  );
});

test('each code has a family and a text for people; an unknown one too', () => {
  for (const code of [...known, 'SOMETHING_NEW', '__proto__', 'constructor']) {
    const error = new SeakeepError('for developers', { code });
    assert.equal(error.family, familyOf(code));
    assert.equal(error.userMessage, userMessage(code));
    assert.match(error.userMessage, /^[A-Z].*[.]$/s, code);
    assert.ok(!/undefined|null|[A-Z]{3}_|IndexedDB|HTTP|JSON|wasm/.test(error.userMessage), error.userMessage);
  }
  assert.equal(familyOf('SOMETHING_NEW'), 'operation');
  const families = ['network', 'server', 'client', 'conflict', 'authentication', 'validation', 'rate-limit', 'timeout'];
  for (const family of [...families, 'consistency', 'operation', 'breaker-open']) {
    assert.ok(
      [...known].some((code) => familyOf(code) === family),
      family,
    );
  }
});

test('an error says its family from outside too', () => {
  const error = new seakeep.SeakeepError('x', { code: 'RATE_LIMITED' });
  assert.deepEqual([error.family, error.retryable], ['rate-limit', true]);
});
