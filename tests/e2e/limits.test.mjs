// What the network itself does to requests, in a real browser: answers without an end, slow connections, a client whose
// clock is wrong, and an extension that stops one change.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, seen, world } from './support/world.mjs';

const MIB = 1 << 20;
const LONGEST = 32 * MIB;

/** A server on another origin whose answers go on for ever where `endless` says so; how much of each was taken. */
async function endlessServer(t, endless) {
  const taken = [];
  const asked = [];
  const piece = `${'x'.repeat(MIB)}`;
  const server = createServer(async (request, response) => {
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': '*',
      'access-control-allow-methods': '*',
      'content-type': 'application/json',
    };
    response.writeHead(200, headers);
    if (request.method === 'OPTIONS') return response.end();
    asked.push(`${request.method} ${request.url}`);
    if (!endless(request)) return response.end('{"items":[],"checkpoint":"1","hasMore":false,"id":"a"}');
    let bytes = 0;
    response.write('{"id":"a","text":"');
    while (!response.destroyed && bytes < 100 * MIB) {
      bytes += piece.length;
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    taken.push({ bytes, cut: response.destroyed });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, taken, asked };
}

test('a page without an end is cut off at 32 MiB and asked for in smaller ones', async (t) => {
  const { page } = await world(t);
  const large = (request) => Number(new URL(request.url, 'http://x').searchParams.get('limit') ?? 0) > 50;
  const other = await endlessServer(t, (request) => request.method === 'GET' && large(request));
  await page.evaluate((url) => begin({ sync: { url, rest: { health: false } } }), other.url);
  await seen(page, 'pulled', 60_000).catch(() => undefined);
  await eventually('the page that fits', () => assert.ok(other.asked.some((one) => one.includes('limit=50'))), 60_000);
  assert.deepEqual(
    other.taken.map((one) => one.cut),
    [true, true],
  );
  for (const { bytes } of other.taken) assert.ok(bytes >= LONGEST && bytes < 2 * LONGEST, `${bytes / MIB} MiB`);
  await eventually('the end of the pull', async () => {
    assert.equal(await page.evaluate(() => db.sync.status.error?.code), undefined);
  });
});

test('an answer without an end to a change is none: cut off, told, and sent again under its key', async (t) => {
  const { page } = await world(t);
  let times = 0;
  const other = await endlessServer(t, (request) => request.method === 'PUT' && ++times === 1);
  await page.evaluate(async (url) => {
    await begin({ sync: { url, pullInterval: 0, rest: { health: false } } });
    await assistants.put({ id: 'a', name: 'Ada' });
  }, other.url);
  const { error } = await seen(page, 'retrying', 60_000);
  assert.equal(error.code, 'RESPONSE_TOO_LARGE');
  await drained(page);
  assert.ok(other.taken[0].cut && other.taken[0].bytes < 2 * LONGEST);
});

/** A connection as slow as 2g, or as it is. */
async function slow(chromium, latency) {
  const throughput = latency > 0 ? 30_000 : -1;
  await chromium.send('Network.emulateNetworkConditions', {
    ...{ offline: false, latency, downloadThroughput: throughput, uploadThroughput: throughput },
    ...(latency > 0 && { connectionType: 'cellular2g' }),
  });
}

/** That nothing happens takes the time in which it would: the page pulls and looks around once a second. */
const severalIntervals = () => new Promise((resolve) => setTimeout(resolve, 3000));

async function onSlowNetwork(t, mode) {
  const { page, server, context } = await world(t);
  const chromium = await context.newCDPSession(page);
  await chromium.send('Network.enable');
  await page.evaluate((onSlowNetwork) => begin({ sync: { onSlowNetwork } }), mode);
  await eventually('the first pull', async () => assert.ok((await server.log({ method: 'GET' })).length > 0));
  await slow(chromium, 1600);
  await eventually('the browser to say so', async () => {
    const network = await page.evaluate(() => db.sync.network);
    assert.deepEqual([network.effectiveType, network.good], ['2g', false]);
  });
  await eventually('what was under way to end', async () => {
    const { state, phase } = await page.evaluate(() => db.sync.status);
    assert.deepEqual([state === 'syncing', phase], [false, 'idle']);
  });
  await server.forgetLog();
  await page.evaluate(() => assistants.put({ name: 'Ada' }));
  return { page, server, chromium };
}

test('onSlowNetwork push-only: on 2g changes go, nothing is pulled by itself, and all goes on when it is faster', async (t) => {
  const { page, server, chromium } = await onSlowNetwork(t, 'push-only');
  await drained(page, 20_000);
  await severalIntervals();
  assert.deepEqual((await server.log({ method: 'GET', path: '/assistants' })).length, 0);
  assert.equal((await server.log({ method: 'POST' })).length, 1);
  await slow(chromium, 0);
  await eventually('a pull', async () => assert.ok((await server.log({ method: 'GET' })).length > 0));
});

test('onSlowNetwork none: on 2g everything is held and said so, an order goes through, and all goes on when it is faster', async (t) => {
  const { page, server, chromium } = await onSlowNetwork(t, 'none');
  await severalIntervals();
  assert.deepEqual(await server.log(), []);
  const status = await page.evaluate(() => db.sync.status);
  assert.deepEqual([status.state, status.holds, status.pending], ['held', ['slow-network'], 1]);
  const report = await page.evaluate(() => db.sync.now());
  assert.equal(report.pushed, 1);
  await page.evaluate(() => assistants.put({ name: 'Grace' }));
  await slow(chromium, 0);
  await drained(page);
  assert.equal((await server.documents()).length, 2);
});

for (const [what, wrong] of [
  ['a year ahead', 31_536_000_000],
  ['a year behind', -31_536_000_000],
]) {
  test(`Retry-After by date, on a client whose clock is ${what}: the server's own clock counts`, async (t) => {
    const { page, server, context } = await world(t);
    await context.addInitScript((wrong) => {
      const now = Date.now;
      Date.now = () => now() + wrong;
    }, wrong);
    await page.reload();
    await eventually('the package', async () => assert.ok(await page.evaluate(() => window.begin !== undefined)));
    const at = new Date(Date.now() + 4000).toUTCString();
    await server.order({ match: { method: 'POST' }, fault: { status: 429, headers: { 'retry-after': at } } });
    await page.evaluate(async () => {
      await begin({ sync: { pullInterval: 0 } });
      await assistants.put({ name: 'Ada' });
    });
    await drained(page, 20_000);
    const [refused, taken] = await server.log({ method: 'POST' });
    const pause = taken.time - refused.time;
    assert.ok(pause > 1500 && pause < 8000, `${pause} ms`);
  });
}

test('a change that something in the browser blocks is parked as NETWORK_BLOCKED, the others go', async (t) => {
  const { page, server, context } = await world(t);
  await context.route(/assistants\/advert/, (route) => route.abort('blockedbyclient'));
  await page.evaluate(async () => {
    await begin({ sync: { pullInterval: 0 } });
    follow(await assistants.put({ id: 'advert', name: 'Ad' }));
    await assistants.put({ id: 'other', name: 'Other' });
  });
  const parked = await seen(page, 'parked', 60_000);
  assert.deepEqual([parked.id, parked.error.code, parked.attempts], ['advert', 'NETWORK_BLOCKED', 0]);
  assert.deepEqual(
    (await server.documents()).map((doc) => doc.id),
    ['other'],
  );
  await context.unroute(/assistants\/advert/);
  await page.evaluate(() => db.outbox.retry());
  await drained(page);
  assert.equal((await server.documents()).length, 2);
});
