// E-18: many operations from two tabs while the way to the server breaks again and again and others change things too.
// What is asserted is what arrives; how fast it went and what the page holds is printed, never judged (machines differ).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const RECORDS = 1_200;

/** Interruptions of every kind, again and again: lost before and after the commit, refused for a while, cut short. */
const interruptions = [
  { match: { method: 'POST' }, times: 3, fault: { drop: 'after' } },
  { match: { method: 'POST' }, times: 2, fault: { status: 503 } },
  { match: { method: 'PATCH' }, times: 3, fault: { drop: 'before' } },
  { match: { method: 'GET' }, times: 2, fault: { status: 500 } },
];

const heap = (page) => page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);

test('E-18 1,200 records from two tabs through interruptions, with changes by others: each arrives once', async (t) => {
  const { page, open, server } = await world(t);
  const begun = { sync: { rest: { batch: true }, batchSize: 50, pullInterval: 1_000 } };
  await page.evaluate((options) => begin(options), begun);
  const other = await open('/');
  await other.evaluate((options) => begin(options), begun);
  const before = await heap(page);
  await server.order(...interruptions);
  const from = Date.now();
  const write = ([tab, count]) => {
    const names = Array.from({ length: count }, (_, n) => `${tab}-${n}`);
    return Promise.all(
      names.map(async (name, n) => {
        const made = await assistants.put({ name });
        if (n % 10 === 0) await assistants.patch(made.id, { description: `by ${tab}` });
      }),
    );
  };
  const writes = [page.evaluate(write, ['a', RECORDS / 2]), other.evaluate(write, ['b', RECORDS / 2])];
  await until('some to arrive', async () => (await server.documents()).length > 100);
  await server.cutOff();
  await Promise.all(writes);
  await server.heal();
  const [theirs] = await server.documents();
  const changed = await fetch(`${server.url}/api/assistants/${theirs.id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ instructions: 'by somebody else' }),
  });
  assert.ok(changed.ok, `${changed.status}`);
  await drained(page, 90_000);
  await drained(other, 30_000);
  const seconds = (Date.now() - from) / 1_000;

  const there = await server.documents();
  assert.equal(there.length, RECORDS);
  assert.equal(new Set(there.map((doc) => doc.name)).size, RECORDS, 'each record stands once');
  for (const doc of there) {
    const [tab, n] = doc.name.split('-');
    assert.equal(doc.description ?? null, Number(n) % 10 === 0 ? `by ${tab}` : null, doc.name);
  }
  assert.equal(there.find((doc) => doc.id === theirs.id).instructions, 'by somebody else');
  for (const one of [page, other]) {
    await until('both tabs to hold what the server has', () =>
      one.evaluate((count) => assistants.count().then((n) => n === count), RECORDS),
    );
  }
  t.diagnostic(`${Math.round(RECORDS / seconds)} records per second, interruptions and all`);
  t.diagnostic(`heap of the page: ${((await heap(page)) / 1e6).toFixed(1)} MB, ${(before / 1e6).toFixed(1)} MB before`);
});
