// What is full: an outbox at its limit, and pulls from the beginning.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

test('B-04 past the limit writes are refused clearly, nothing of them is stored, and what is sent makes room', async (t) => {
  const { page, server } = await world(t);
  const found = await page.evaluate(async () => {
    await begin({ sync: { auto: false, maxPending: 5 } });
    const codes = (calls) => Promise.all(calls.map((call) => outcome(() => call).then(({ error }) => error?.code)));
    const bulk = (prefix, count) => Array.from({ length: count }, (_, n) => ({ id: `${prefix}-${n}`, name: 'x' }));
    const many = await outcome(() => assistants.putMany(bulk('many', 6)));
    const once = await codes(bulk('once', 20).map((doc) => assistants.put(doc)));
    const group = await outcome(() =>
      db.transaction(['assistants'], (tx) => tx.collection('assistants').put({ id: 'group', name: 'x' })),
    );
    const local = await outcome(() => assistants.put({ id: 'local', name: 'x' }, { local: true }));
    const stored = (await raw('assistants')).map(({ id }) => id).sort();
    return { many, once, group, local: local.error, stored, pending: (await raw('pending')).length };
  });
  assert.deepEqual([found.many.error.code, found.many.error.retryable], ['OUTBOX_FULL', true]);
  assert.deepEqual(found.once, [...Array(5).fill(undefined), ...Array(15).fill('OUTBOX_FULL')]);
  assert.deepEqual([found.group.error.code, found.local], ['OUTBOX_FULL', undefined]);
  assert.deepEqual(found.stored, ['local', 'once-0', 'once-1', 'once-2', 'once-3', 'once-4']);
  assert.equal(found.pending, 5);
  await page.evaluate(() => db.sync.start());
  await drained(page);
  await page.evaluate(() => assistants.put({ id: 'after', name: 'x' }));
  await drained(page);
  assert.equal((await server.documents()).length, 6);
  const left = await page.evaluate(async () => [(await raw('pending')).length, (await raw('ids')).length]);
  assert.deepEqual(left, [0, 0], 'what is done leaves nothing behind');
});

test('E-11 C-04 a full pull in pages, told as it goes; again from the beginning: what waits stays, what is gone goes', async (t) => {
  const { page, server } = await world(t);
  await server.fill('assistants', 450, (n) => ({ id: `doc-${n}`, name: `Assistant ${n}` }));
  await page.evaluate(async () => {
    await begin({ sync: { auto: false } });
    window.progress = [];
    db.sync.on('progress', (detail) => progress.push(detail));
  });
  const report = await page.evaluate(() => assistants.refresh());
  assert.deepEqual([report.pulled, report.failed], [450, 0]);
  assert.equal(await page.evaluate(() => assistants.count()), 450);
  const told = await page.evaluate(() => progress.filter(({ phase }) => phase === 'pulling').map(({ done }) => done));
  assert.ok(told.length > 0 && told.every((done, i) => done <= 450 && done >= (told[i - 1] ?? 0)), told.join());
  assert.equal((await server.log({ method: 'GET', path: '/assistants' })).length, 3);
  const meta = await page.evaluate(() => assistants.meta('doc-7'));
  assert.equal(meta.state, 'synced');
  assert.ok(meta.revision.length > 0 && meta.updatedAt > 0 && meta.syncedAt > 0);

  await page.evaluate(() => assistants.patch('doc-7', { name: 'changed here' }));
  await server.remove('doc-9');
  await server.forgetLog();
  const again = await page.evaluate(() => assistants.refresh({ full: true }));
  assert.equal(again.failed, 0);
  const asked = await server.log({ method: 'GET', path: '/assistants' });
  assert.ok(!asked[0].path.includes('since'), 'from the beginning');
  await eventually('what is gone there to go here', async () =>
    assert.equal(await page.evaluate(() => assistants.count()), 449),
  );
  const kept = await page.evaluate(async () => [await assistants.get('doc-7'), await assistants.meta('doc-7')]);
  assert.deepEqual([kept[0].name, kept[1].state], ['changed here', 'pending']);
  await page.evaluate(() => db.sync.now());
  assert.equal((await server.document('doc-7')).name, 'changed here');
});
