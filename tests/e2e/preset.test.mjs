// what the preset assistantSync promises, measured in the log of the server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

/** How late a timer of a busy machine may be, and how much earlier the server's clock may see a request. */
const LATE = 900;
const EARLY = 80;

const failing = (times) => ({ match: { method: 'POST' }, times, fault: { status: 500 } });

function pauses(log) {
  return log.slice(1).map((one, at) => one.time - log[at].time);
}

function about(measured, expected, what, late = LATE) {
  assert.equal(measured.length, expected.length, `${what}: ${measured}`);
  measured.forEach((pause, at) => {
    assert.ok(pause >= expected[at] - EARLY && pause <= expected[at] + late, `${what}: ${measured}, not ${expected}`);
  });
}

/** Opens with the preset and what a test changes in it. */
function beginPreset(page, changes) {
  return page.evaluate(
    (changes) => begin({ short: false, sync: { ...seakeep.assistantSync, ...changes } }),
    changes ?? {},
  );
}

test('A-05 requests of one attempt are repeated after 1 s, 2 s and 4 s, and none of it is a counted attempt', async (t) => {
  const { page, server } = await world(t);
  await server.order(failing(3));
  await beginPreset(page);
  await page.evaluate(async () => follow(await assistants.put({ name: 'Ada' })));
  await until('the second request', async () => (await server.log({ method: 'POST' })).length === 2);
  const [meanwhile] = await page.evaluate(() => raw('pending'));
  assert.equal(meanwhile.retryCount, 0);
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  about(pauses(posts), [1000, 2000, 4000], 'pauses between requests');
  assert.equal(new Set(posts.map((one) => one.key)).size, 1);
  assert.equal((await server.documents()).length, 1);
});

test('A-05 after the three repetitions the item waits as pending for the next period (times shortened: 50, 100, 200 ms; period 2 s)', async (t) => {
  const { page, server } = await world(t);
  await server.order(failing(4));
  await beginPreset(page, { interval: 2000, backoff: { base: 50, factor: 2, max: 1000, jitter: 'none' } });
  await page.evaluate(async () => follow(await assistants.put({ name: 'Ada' })));
  const waiting = await until('the attempt to be counted', () =>
    page.evaluate(async () => (await raw('pending')).find((row) => row.retryCount === 1)),
  );
  assert.equal(waiting.state, 'waiting');
  assert.equal(waiting.lastError.status, 500);
  const ended = Date.now();
  assert.ok(waiting.nextAttemptAt <= ended + 2000, 'no later than the next period');
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  const measured = pauses(posts);
  about(measured.slice(0, 3), [50, 100, 200], 'pauses within the attempt', 300);
  assert.ok(posts[4].time >= waiting.nextAttemptAt - EARLY, 'the next attempt came with the period');
  assert.equal(posts.length, 5);
});

test('A-06 the preset as it is: the first pull comes 5 s after open, items go one by one with 1 s between them', async (t) => {
  const { page, server } = await world(t);
  await beginPreset(page);
  const opened = Date.now();
  await page.evaluate(() => assistants.putMany(['Ada', 'Grace', 'Joan', 'Mary'].map((name) => ({ name }))));
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  about(pauses(posts), [1000, 1000, 1000], 'pauses between items');
  assert.deepEqual(
    posts.map((one) => one.status),
    [201, 201, 201, 201],
  );
  const pull = await until('the first pull', async () => (await server.log({ method: 'GET' }))[0]);
  about([pull.time - opened], [5000], 'delay of the first pull');
  const names = (await server.documents()).map((doc) => doc.name);
  assert.deepEqual(names, ['Ada', 'Grace', 'Joan', 'Mary'], 'in the order they were made');
});

test('A-06 five counted attempts, one in each period of the loop, then parked (times shortened: period 1 s, no repetitions)', async (t) => {
  const { page, server } = await world(t);
  await server.order(failing(0));
  await beginPreset(page, { interval: 1000, requestRetries: 1, delayBetween: 0 });
  await page.evaluate(async () => follow(await assistants.put({ name: 'Ada' })));
  const parked = await seen(page, 'parked');
  assert.equal(parked.attempts, 5);
  const posts = await server.log({ method: 'POST' });
  assert.equal(posts.length, 5);
  const measured = pauses(posts).slice(1);
  about(measured, [1000, 1000, 1000], 'periods');
  await server.heal();
  await page.evaluate(() => db.outbox.retry());
  await drained(page);
  assert.equal((await server.documents()).length, 1);
});

test('A-06 the preset says 30 s, 5 attempts, 3 repetitions, 1 s, 5 s, and cannot be changed by accident', async (t) => {
  const { page } = await world(t);
  const preset = await page.evaluate(() => ({
    ...seakeep.assistantSync,
    frozen: Object.isFrozen(seakeep.assistantSync),
  }));
  assert.equal(preset.interval, 30_000);
  assert.equal(preset.maxAttempts, 5);
  assert.equal(preset.requestRetries, 3);
  assert.equal(preset.delayBetween, 1000);
  assert.equal(preset.startDelay, 5000);
  assert.equal(preset.frozen, true);
});
