// Answers that are no success and no refusal: who is asking, too fast, somebody else answering, elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

/** Opens with an auth() that the test can watch and change. */
function beginWithAuth(page) {
  return page.evaluate(() => {
    window.asked = 0;
    window.token = 'expired';
    const auth = () => {
      asked++;
      return { authorization: `Bearer ${token}` };
    };
    return begin({ sync: { auth, auto: false } });
  });
}

test('401: auth() is called again once and the request repeated; with a new token nothing is noticed', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { method: 'POST' }, fault: { status: 401 } });
  await beginWithAuth(page);
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  const { report, asked } = await page.evaluate(async () => ({
    report: await db.sync.now({ pull: false }),
    asked: window.asked,
  }));
  assert.equal(report.pushed, 1);
  assert.equal(asked, 2);
  const posts = await server.log({ method: 'POST' });
  assert.deepEqual(
    posts.map((one) => one.status),
    [401, 201],
  );
  assert.equal(posts[0].key, posts[1].key);
});

test('401 again: everything pauses, nothing is counted or dropped, and it goes on after a login', async (t) => {
  const { page, server } = await world(t);
  await server.order({ times: 0, fault: { status: 401 } });
  await beginWithAuth(page);
  await page.evaluate(async () => {
    await assistants.putMany(['Ada', 'Grace', 'Joan'].map((name) => ({ name })));
    db.sync.start();
  });
  await seen(page, 'auth-required');
  await eventually('needs-auth', async () => {
    assert.equal(await page.evaluate(() => db.sync.status.state), 'needs-auth');
  });
  const posts = await server.log({ method: 'POST' });
  const paused = await page.evaluate(async () => {
    await assistants.put({ name: 'Mary' });
    return { pending: await raw('pending'), asked: window.asked };
  });
  assert.deepEqual(
    paused.pending.map((row) => [row.retryCount, row.state]),
    Array(4).fill([0, 'waiting']),
  );
  assert.ok(new Set(posts.map((one) => one.key)).size <= 4);
  await server.heal();
  assert.equal((await server.documents()).length, 0);
  const report = await page.evaluate(() => {
    token = 'fresh';
    return db.sync.now();
  });
  assert.equal(report.skipped, undefined);
  await drained(page);
  assert.equal((await server.documents()).length, 4);
  assert.ok((await page.evaluate(() => asked)) > paused.asked);
  assert.equal(await page.evaluate(() => db.sync.status.state), 'idle');
});

const forms = {
  seconds: () => '2',
  'an HTTP date': () => new Date(Date.now() + 3000).toUTCString(),
};
for (const [form, value] of Object.entries(forms)) {
  test(`429 with Retry-After in ${form}: nothing is sent before, nothing is counted`, async (t) => {
    const { page, server } = await world(t);
    const ordered = Date.now();
    const earliest = form === 'seconds' ? 1900 : Date.parse(value()) - ordered - 1000;
    await server.order({ match: { method: 'POST' }, fault: { status: 429, headers: { 'retry-after': value() } } });
    await page.evaluate(async () => {
      await begin({ sync: { pullInterval: 0 } });
      await assistants.putMany(['Ada', 'Grace', 'Joan'].map((name) => ({ name })));
    });
    await eventually('rate-limited', async () => {
      assert.equal(await page.evaluate(() => db.sync.status.state), 'rate-limited');
    });
    const rows = await page.evaluate(() => raw('pending'));
    assert.ok(rows.every((row) => row.retryCount === 0));
    await page.evaluate(() => db.sync.now());
    await drained(page);
    const posts = await server.log({ method: 'POST' });
    const refused = posts.findIndex((one) => one.status === 429);
    const inFlight = posts.filter((one) => one.status !== 429 && one.time - posts[refused].time < 300);
    const after = posts.filter((one) => one.time - posts[refused].time >= 300);
    assert.ok(inFlight.length <= 2, 'only what was in flight already');
    const pause = after[0].time - posts[refused].time;
    assert.ok(pause >= earliest - 100 && pause < 6000, `paused ${pause} ms, wanted ${earliest}`);
    assert.equal((await server.documents()).length, 3);
    assert.equal((await page.evaluate(() => db.sync.status)).parked, 0);
  });
}

test('a captive portal: 200 with a login page is no success; nothing is counted or lost, and it is announced', async (t) => {
  const { page, server } = await world(t);
  await server.order({ times: 0, fault: { html: true } });
  await page.evaluate(async () => {
    await begin();
    follow(await assistants.put({ name: 'Ada' }));
  });
  await seen(page, 'captive-portal');
  const row = await until('the row with its reason', () =>
    page.evaluate(async () => (await raw('pending')).find((one) => one.lastError)),
  );
  assert.equal(row.lastError.code, 'CAPTIVE_PORTAL');
  assert.equal(row.retryCount, 0);
  assert.deepEqual(await page.evaluate(async () => (await assistants.query()).map((doc) => doc.name)), ['Ada']);
  await server.heal();
  await drained(page);
  assert.equal((await server.documents()).length, 1);
});

for (const [status, url] of [
  [302, '/api/elsewhere'],
  [307, 'http://127.0.0.1:9/elsewhere'],
]) {
  test(`a write that is redirected (${status}) is not followed: parked as UNEXPECTED_REDIRECT`, async (t) => {
    const { page, server } = await world(t);
    await server.order({ match: { method: 'POST' }, fault: { redirect: url, status } });
    await page.evaluate(async () => {
      await begin();
      follow(await assistants.put({ name: 'Ada' }));
    });
    const parked = await seen(page, 'parked');
    assert.equal(parked.error.code, 'UNEXPECTED_REDIRECT');
    assert.equal((await server.log({ path: 'elsewhere' })).length, 0);
    assert.equal((await server.log({ method: 'POST' })).length, 1);
    assert.deepEqual(await server.documents(), []);
    await page.evaluate(() => db.outbox.retry());
    await drained(page);
    assert.equal((await server.documents()).length, 1);
  });
}

test('one lane never blocks another: a document that fails and fails waits alone', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { bodyIncludes: 'poison' }, times: 0, fault: { status: 500 } });
  await page.evaluate(async () => {
    await begin({ sync: { maxAttempts: 1000, concurrency: 1 } });
    const poison = await assistants.put({ name: 'poison' });
    follow(poison);
    await assistants.patch(poison.id, { category: 'behind it' });
    await assistants.putMany(Array.from({ length: 20 }, (_, n) => ({ name: `Healthy ${n}` })));
  });
  await eventually('all healthy ones', async () => assert.equal((await server.documents()).length, 20));
  await eventually('nothing but the failing document waits', async () => {
    const left = await page.evaluate(() => raw('pending'));
    assert.deepEqual(new Set(left.map((row) => row.id)), new Set([await page.evaluate(() => followed[0].id)]));
  });
  await server.heal();
  await drained(page);
  const poison = (await server.documents()).find((doc) => doc.name === 'poison');
  assert.equal(poison.category, 'behind it');
});

test('truncated and foreign bodies are no answers: tried again with the same key, counted by nobody', async (t) => {
  const { page, server } = await world(t);
  await server.order(
    { match: { method: 'POST' }, fault: { truncate: 20, clean: true } },
    { match: { method: 'POST' }, fault: { truncate: 20 } },
    { match: { method: 'POST' }, fault: { status: 200, body: { nothing: 'like a document' } } },
  );
  await page.evaluate(async () => {
    await begin();
    await assistants.put({ name: 'Ada' });
  });
  await drained(page);
  const posts = await server.log({ method: 'POST' });
  assert.equal(posts.length, 4);
  assert.equal(new Set(posts.map((one) => one.key)).size, 1);
  const [there, ...more] = await server.documents();
  assert.deepEqual(more, []);
  assert.deepEqual(await page.evaluate(() => assistants.query()), [there]);
});
