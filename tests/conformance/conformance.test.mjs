// The conformance kit on the reference server, which passes whole, and on servers that break one rule each, which it
// has to notice. Needs the server's program (SEAKEEP_SERVER).

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checks } from '../../conformance/checks/index.mjs';
import { main } from '../../conformance/cli.mjs';
import { startServer } from '../e2e/support/server.mjs';
import { breakages } from './breakages.mjs';
import { proxy } from './proxy.mjs';
import { silent, singles } from './single-breakages.mjs';

const cli = fileURLToPath(new URL('../../conformance/cli.mjs', import.meta.url));
const ORIGIN = 'https://app.example';

let server;
before(async () => {
  server = await startServer({ args: ['--cors', ORIGIN] });
});
after(() => server.stop());

/** Runs the kit; answers with its exit code and its results by id. */
async function judged(url, ...args) {
  let printed = '';
  const code = await main([url, '--json', ...args], (text) => {
    printed += text;
  });
  const { results } = JSON.parse(printed);
  return { code, results, verdicts: new Map(results.map(({ id, verdict }) => [id, verdict])) };
}

/** What did not pass, with its reason. */
function troubles(results, verdict) {
  return results.filter((result) => result.verdict === verdict).map(({ id, reason }) => `${id}: ${reason}`);
}

test('the reference server passes whole; skipped is only what takes a day', async () => {
  const { code, results } = await judged(server.api, '--origin', ORIGIN, '--slow');
  assert.deepEqual(troubles(results, 'failed'), []);
  assert.deepEqual(
    results.filter(({ verdict }) => verdict === 'skipped').map(({ id }) => id),
    ['key.24h'],
  );
  assert.equal(code, 0);
  assert.ok(results.length >= 70);
});

test('it leaves nothing behind', async () => {
  assert.deepEqual(await server.documents(), []);
});

test('a server that requires guards passes too', async () => {
  const strict = await startServer({ args: ['--require-if-match'] });
  try {
    const { results } = await judged(strict.api, '--only', '1', '--only', '4');
    assert.deepEqual(troubles(results, 'failed'), []);
  } finally {
    await strict.stop();
  }
});

test('a collection without a schema, a server with much in it', async () => {
  for (let count = 0; count < 30; count++) await server.create({ title: `Note ${count}` }, 'notes');
  const doc = ['--collection', 'notes', '--doc', '{"title":"x"}', '--text', 'title'];
  const { code, results } = await judged(server.api, ...doc, '--only', '1', '--only', '3');
  assert.deepEqual(troubles(results, 'failed'), []);
  assert.equal(code, 0);
  assert.equal((await server.documents('notes')).length, 30, 'documents of others stay');
});

test('sections that are not offered are skipped with a word', async () => {
  const bare = await proxy(server.api, async (request, forward) => {
    if (!request.path.startsWith('/_')) return forward(request);
    return { status: 404, headers: {}, body: Buffer.from('') };
  });
  const { code, results } = await judged(bare.url, '--only', '4', '--only', '5').finally(bare.close);
  const skipped = results.filter(({ verdict }) => verdict === 'skipped').map(({ id }) => id);
  assert.ok(skipped.includes('batch.kinds') && skipped.includes('batch.atomic') && skipped.includes('health'));
  assert.deepEqual(troubles(results, 'failed'), []);
  assert.equal(code, 0);
});

for (const [name, expected, make] of breakages) {
  test(`noticed: ${name}`, async () => {
    const broken = await proxy(server.api, make());
    const only = expected.flatMap((id) => ['--only', id]);
    const { code, verdicts } = await judged(broken.url, ...only).finally(broken.close);
    assert.deepEqual(
      expected.filter((id) => verdicts.get(id) !== 'failed'),
      [],
      'checks that did not notice',
    );
    assert.equal(code, 1);
  });
}

/** All checks of the same families, but for the races of a whole log, which take longest and see everything. */
function familiesOf(expected) {
  const families = new Set(expected.map((id) => id.split('.')[0]));
  const ids = checks.map(({ id }) => id).filter((id) => families.has(id.split('.')[0]));
  return ids.filter((id) => expected.includes(id) || !id.startsWith('page.commit-order'));
}

for (const [name, expected, make] of singles) {
  test(`noticed by ${expected.join(' and ')} alone: ${name}`, async () => {
    const broken = await (typeof make === 'function' ? proxy(server.api, make()) : proxy(server.api, undefined, make));
    const only = familiesOf(expected).flatMap((id) => ['--only', id]);
    const { results } = await judged(broken.url, '--origin', ORIGIN, ...only).finally(broken.close);
    const failed = results.filter(({ verdict }) => verdict === 'failed');
    assert.deepEqual(failed.map(({ id }) => id).sort(), [...expected].sort(), troubles(results, 'failed').join('\n'));
  });
}

test('noticed: a stream that is silent while nothing happens', async () => {
  const broken = await proxy(server.api, undefined, silent);
  const { verdicts } = await judged(broken.url, '--slow', '--only', 'events.comments').finally(broken.close);
  assert.equal(verdicts.get('events.comments'), 'failed');
});

test('each check is noticed to fail by a server that breaks its rule, but for what takes a day', () => {
  const failing = new Set([...breakages, ...singles].flatMap(([, ids]) => ids));
  const never = checks.map(({ id }) => id).filter((id) => !failing.has(id));
  assert.deepEqual(never, ['key.24h', 'events.comments']);
});

test('the command: a table, an exit code, and a word about what it cannot use', () => {
  const call = (...args) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  const fine = call(server.api, '--only', 'create.post');
  assert.equal(fine.status, 0, fine.stderr);
  assert.match(fine.stdout, /1 {2}create\.post +ok +POST creates/);
  assert.match(fine.stdout, /2 ok, 0 failed, 0 skipped/);
  for (const [args, why] of [
    [[], 'one URL is needed'],
    [['nonsense'], 'absolute http(s) address'],
    [['http://127.0.0.1:9/api'], 'cannot be reached'],
    [[`${server.api}/nowhere`], 'is there such a --collection'],
    [[server.api, '--collection', '_reserved'], 'answered with 404'],
    [[server.api, '--doc', '{'], '--doc: a JSON object'],
    [[server.api, '--only', 'nothing'], 'no check is called so'],
    [[server.api, '--writers', '0'], '--writers: a whole number'],
  ]) {
    const { status, stderr } = call(...args);
    assert.equal(status, 2, args.join(' '));
    assert.ok(stderr.includes(why), stderr);
  }
  assert.match(call('--list').stdout, /key\.concurrent/);
});
