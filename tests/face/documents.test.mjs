// What docs/troubleshooting.md names exists: events with their types, states, codes with their families, options, fields and
// functions. The other way round too: whatever can be told is in it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seakeep } from './package.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path) => readFileSync(root + path, 'utf8');
const page = read('docs/troubleshooting.md');
const TYPES = ['types', 'types-sync', 'types-sync-options', 'types-told', 'types-outbox', 'types-diagnosis'];
const types = TYPES.map((name) => read(`js/${name}.ts`)).join('\n');

/** The text under a heading. */
function section(title) {
  const start = page.indexOf(`## ${title}\n`);
  assert.ok(start >= 0, `no section "${title}"`);
  const end = page.indexOf('\n## ', start + 1);
  return page.slice(start, end < 0 ? undefined : end);
}

/** The rows of its tables, as cells; heads and rules are left out. */
function rows(title) {
  const lines = section(title)
    .split('\n')
    .filter((line) => line.startsWith('| '));
  return lines.map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))).slice(1);
}

const quoted = (text) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
const firsts = (title) => rows(title).flatMap(([cell]) => quoted(cell));

/** The body of an interface. */
function bodyOf(name) {
  const start = types.search(new RegExp(`export interface ${name}[ <]`));
  assert.ok(start >= 0, `no interface ${name}`);
  return types.slice(start, types.indexOf('\n}\n', start));
}
const membersOf = (name) =>
  [...bodyOf(name).matchAll(/^ {2}(?:readonly )?'?([\w-]+)'?\??[:(<]/gm)].map(([, one]) => one);

/** The words of a union type. */
function wordsOf(declaration) {
  const start = types.indexOf(declaration);
  assert.ok(start >= 0, `no ${declaration}`);
  return [...types.slice(start, types.indexOf(';', start)).matchAll(/'([\w-]+)'/g)].map(([, word]) => word);
}

test('events: each one that can be told has its row, and each row an event', () => {
  assert.deepEqual(firsts('Events of `db.sync.on`').sort(), membersOf('SyncEvents').sort());
  assert.deepEqual(firsts('Events of `db.on`').sort(), membersOf('DatabaseEvents').sort());
});

test('states of sync and of a change: the same ones', () => {
  const of = section('States of `sync.status.state`');
  assert.deepEqual(firsts('States of `sync.status.state`').sort(), wordsOf('readonly state:\n    |').sort());
  const changes = of.slice(of.indexOf('States of a change in the outbox'));
  for (const state of wordsOf('export type PendingState')) assert.ok(changes.includes(`\`${state}\``), state);
});

test('codes: each with the family and the word about retrying that its error has', () => {
  const told = rows('Codes').filter(([code]) => code.startsWith('`'));
  const all = new Map(told.flatMap(([codes, family, again]) => quoted(codes).map((code) => [code, { family, again }])));
  assert.ok(all.size > 80, `${all.size} codes`);
  for (const [code, { family, again }] of all) {
    const error = new seakeep.SeakeepError('x', { code });
    assert.deepEqual([error.family, error.retryable], [family, again === 'yes'], code);
  }
});

/** Paths like `sync.status.state` and calls like `outbox.retry` that the page gives as code, by the interface each must be in. */
const OWNERS = {
  'db.sync': 'Sync',
  sync: 'Sync',
  status: 'SyncStatus',
  'db.outbox': 'Outbox',
  outbox: 'Outbox',
  'db.audit': 'Audit',
  'db.metrics': 'Metrics',
  'live.current': 'LiveResult',
  db: 'Database',
};
const IN_STATUS = new Set(membersOf('SyncStatus'));

test('paths and calls: what is named after db, sync, status, outbox and live is a member of it', () => {
  let looked = 0;
  for (const code of quoted(page)) {
    const path = /^(?:await )?([a-z.]+)\.(\w+)/i.exec(code);
    const owner = path && OWNERS[path[1]];
    if (!owner) continue;
    looked += 1;
    const known = owner === 'Sync' ? [...membersOf(owner), 'rest', 'url'] : membersOf(owner);
    assert.ok(known.includes(path[2]), `${code}: ${owner} has no ${path[2]}`);
  }
  assert.ok(looked >= 20, `${looked} were looked at`);
  for (const name of ['pending', 'parked', 'conflicts', 'nextAttemptAt', 'holds', 'progress', 'phase'])
    assert.ok(IN_STATUS.has(name), name);
});

test('codes and events that the symptoms name have rows of their own', () => {
  const codes = new Set(rows('Codes').flatMap(([cell]) => quoted(cell)));
  const events = new Set([...firsts('Events of `db.sync.on`'), ...firsts('Events of `db.on`')]);
  for (const code of quoted(page).filter((word) => /^[A-Z]{2,}(_[A-Z]+)*$/.test(word) && word !== 'GET'))
    assert.ok(codes.has(code), code);
  for (const [, where] of rows('Symptoms')) {
    const named = /^events? ((?:`[\w-]+`(?:, )?)+)/.exec(where);
    for (const event of named ? quoted(named[1]) : []) assert.ok(events.has(event), event);
  }
});

test('capabilities: each one of the report has its row, and each row is in the report', () => {
  const report = rows('A report to send along').flatMap(([cell]) => quoted(cell));
  const listed = report.slice(report.indexOf('indexedDB'));
  const source = read('js/capabilities.ts');
  for (const name of listed) assert.ok(new RegExp(`\\b${name}\\b`).test(source), name);
  assert.ok(listed.length >= 8);
});
