// A server that fails, cannot be reached, is full or blocked for one change: what is held back, and what goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

const state = (page) => page.evaluate(() => db.sync.status.state);

test('a server that fails at three changes is left alone; one request sees whether it is well again', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(() => begin({ sync: { auto: false, breaker: { failures: 3, cooldown: 2000 } } }));
  await page.evaluate(() => {
    window.states = [];
    db.sync.on('breaker', ({ state, until }) => states.push({ state, until, at: Date.now() }));
  });
  await server.order({ times: 0, fault: { status: 500 } });
  await page.evaluate(async () => {
    await assistants.putMany(['Ada', 'Grace', 'Joan', 'Mary'].map((name) => ({ name })));
    db.sync.start();
  });
  await eventually('an open breaker', async () => assert.equal(await state(page), 'breaker-open'));
  const [open] = await page.evaluate(() => states);
  assert.equal(open.state, 'open');
  assert.ok(open.until - open.at >= 1900 && open.until - open.at <= 3000, `open for ${open.until - open.at} ms`);
  const counted = await page.evaluate(async () => (await raw('pending')).map((row) => row.retryCount));
  await page.reload();
  await until('the page again', () => page.evaluate(() => window.begin !== undefined));
  await server.heal();
  await page.evaluate(() => begin({ sync: { breaker: { failures: 3, cooldown: 2000 } } }));
  await drained(page);
  const early = (await server.log()).filter(({ time }) => time > open.at + 50 && time < open.until);
  assert.deepEqual(early, [], 'nothing leaves while it is open');
  assert.equal((await server.documents()).length, 4);
  assert.ok(counted.every((count) => count <= 2));
});

// 30 repeats at once, one more each second (src/engine/policy/budget.rs), whichever tab sends.
const BURST = 30;

test('the retry budget is one for all tabs: what one has spent, the one after it does not have again', async (t) => {
  const { page: first, open, server } = await world(t);
  const sync = { pullInterval: 0, breaker: false, maxAttempts: 1000, concurrency: 4 };
  await first.evaluate((sync) => begin({ sync }), sync);
  await first.evaluate(() => db.sync.now());
  const second = await open();
  await second.evaluate((sync) => begin({ sync }), sync);
  await server.order({ match: { method: 'PUT' }, times: 0, fault: { status: 500 } });
  for (const page of [first, second]) {
    await page.evaluate(
      async (from) => {
        const docs = Array.from({ length: 20 }, (_, n) => ({ id: `d${from + n}`, name: `Name ${n}` }));
        await assistants.putMany(docs);
      },
      page === first ? 0 : 20,
    );
  }
  const repeats = async () => {
    const puts = await server.log({ method: 'PUT' });
    return puts.length - new Set(puts.map((one) => one.key)).size;
  };
  await until('the burst to be spent', async () => (await repeats()) >= BURST);
  const leads = [await first.evaluate(() => db.sync.status.leader), await second.evaluate(() => db.sync.status.leader)];
  assert.deepEqual(leads, [true, false], 'one of both sends');
  const spent = { repeats: await repeats(), at: Date.now() };
  await first.close();
  await until('the other to lead', () => second.evaluate(() => db.sync.status.leader), 40_000);
  await until('repeats of the other', async () => (await repeats()) >= spent.repeats + 12, 40_000);
  const more = (await repeats()) - spent.repeats;
  const seconds = (Date.now() - spent.at) / 1000;
  // What was out when its tab closed counts as no failure yet, so it goes again without a token.
  assert.ok(more <= seconds + sync.concurrency + 2, `${more} repeats in ${seconds} s after the burst`);
  await server.heal();
  await drained(second, 40_000);
  assert.equal((await server.documents()).length, 40);
});

test('while the server cannot be reached a probe goes instead of a change', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { pullInterval: 0 } });
    await db.sync.now();
  });
  await server.cutOff();
  // Counted in the page: on a kept connection that turns out to be closed, a request reaches the server twice or never.
  const posts = [];
  page.on('request', (request) => request.method() === 'POST' && posts.push(request.url()));
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  await eventually('offline', async () => assert.equal(await state(page), 'offline'));
  await until('several probes', async () => (await server.log({ path: '_health' })).length >= 3);
  assert.equal(posts.length, 1, `the change itself was risked once, not ${posts.length} times`);
  await server.heal();
  await drained(page);
  assert.equal((await server.documents()).length, 1);
});

test('a change that alone does not get through is parked with NETWORK_BLOCKED, and the others go on', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(() => begin());
  await server.order({ match: { bodyIncludes: 'blocked' }, times: 0, fault: { offline: true } });
  await page.evaluate(() => assistants.put({ name: 'blocked' }));
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  const parked = await seen(page, 'parked');
  assert.equal(parked.error.code, 'NETWORK_BLOCKED');
  assert.equal(parked.attempts, 0, 'nothing was counted');
  await until('the other', async () => (await server.documents()).length === 1);
});

test('507: the server is full, and nothing leaves for a long time', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(() => begin({ sync: { pullInterval: 0 } }));
  await server.order({ match: { method: 'POST' }, times: 0, fault: { status: 507 } });
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  const retrying = await seen(page, 'retrying');
  assert.equal(retrying.error.code, 'SERVER_FULL');
  assert.equal(retrying.attempts, 0);
  assert.ok((await page.evaluate(() => db.sync.now())).skipped, 'an order does not end it');
  assert.equal((await server.log({ method: 'POST' })).length, 1);
  const next = await page.evaluate(() => db.sync.status.nextAttemptAt - Date.now());
  assert.ok(next > 200_000, `${next}`);
});

test('426: the app is told to update, and nothing leaves any more', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(() => begin());
  await server.order({ match: { method: 'POST' }, times: 1, fault: { status: 426 } });
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  await seen(page, 'update-required');
  assert.equal(await state(page), 'needs-update');
  await page.evaluate(() => assistants.put({ name: 'Grace' }));
  assert.equal((await page.evaluate(() => db.sync.now())).skipped, 'needs-update');
  assert.equal((await server.log({ method: 'POST' })).length, 1);
});
