// Reload and SIGKILL in the middle of writing: every write the page was told is durable is there afterwards.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mortal } from './support/browser.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';
import { drained, pageFolder, ready, reload, world } from './support/world.mjs';

/** Starts a storm of writes in the page; each acknowledged one is reported through the console, as it happens. */
async function storm(page, { durability = 'strict', round = 1 } = {}) {
  const acknowledged = [];
  page.on('console', (message) => {
    if (message.text().startsWith('ack ')) acknowledged.push(JSON.parse(message.text().slice(4)));
  });
  await page.evaluate(
    async ([durability, round]) => {
      await begin({ durability, sync: { auto: false } });
      const one = async (n) => {
        const { id } = await assistants.put({ id: `doc-${round}-${n}`, name: `Assistant ${n}`, edits: 0 });
        console.log(`ack ${JSON.stringify({ id, edits: 0 })}`);
        if (n % 3) return;
        await assistants.patch(id, { edits: 1 });
        console.log(`ack ${JSON.stringify({ id, edits: 1 })}`);
      };
      const writer = async (lane) => {
        for (let n = lane; ; n += 8) await one(n);
      };
      for (let lane = 0; lane < 8; lane++) writer(lane).catch(() => {});
    },
    [durability, round],
  );
  return acknowledged;
}

/** Everything acknowledged is in the main store and in the outbox, no row of one without the other. */
function intact(acknowledged, rows, pending) {
  const docs = new Map(rows.map((row) => [row.id, row.doc]));
  for (const { id, edits } of acknowledged) {
    assert.ok(docs.has(id), `${id} was acknowledged and is gone`);
    assert.ok(docs.get(id).edits >= edits, `${id} has lost an acknowledged edit`);
  }
  assert.deepEqual(new Set(pending.map((row) => row.id)), new Set(docs.keys()), 'documents and their changes');
}

const stored = (page) => page.evaluate(async () => ({ rows: await raw('assistants'), pending: await raw('pending') }));

async function sent(page, server, rows) {
  await page.evaluate(() => db.sync.start());
  await drained(page, 60_000);
  const there = await server.documents();
  assert.deepEqual(new Set(there.map((doc) => doc.id)), new Set(rows.map((row) => row.id)));
}

test('reload in the middle of writing, three times: every acknowledged write is there, and reaches the server', async (t) => {
  const { page, server } = await world(t);
  const all = [];
  for (let round = 1; round <= 3; round++) {
    const acknowledged = await storm(page, { round });
    await until('writes under way', () => acknowledged.length > 60);
    await reload(page);
    all.push(...acknowledged);
    await page.evaluate(() => begin({ sync: { auto: false } }));
    const { rows, pending } = await stored(page);
    intact(all, rows, pending);
    const got = await page.evaluate(() => assistants.query());
    assert.equal(got.length, rows.length);
    if (round === 3) await sent(page, server, rows);
    else await page.evaluate(() => db.close());
  }
});

for (const durability of ['strict', 'relaxed']) {
  test(`SIGKILL of the browser in the middle of writing (${durability}): every acknowledged write is there after a restart`, async (t) => {
    const server = await startServer({ www: pageFolder() });
    const browser = new Mortal();
    t.after(async () => {
      await browser.end();
      await server.stop();
    });
    const page = await ready(await browser.start(), server.url);
    const acknowledged = await storm(page, { durability });
    await until('writes under way', () => acknowledged.length > 60);
    await browser.kill();
    assert.ok(acknowledged.length > 60);

    const again = await ready(await browser.start(), server.url);
    await again.evaluate(() => begin({ sync: { auto: false } }));
    const { rows, pending } = await stored(again);
    intact(acknowledged, rows, pending);
    await sent(again, server, rows);
  });
}

test('SIGKILL of the browser while changes are being sent: none is lost, none is executed twice', async (t) => {
  const server = await startServer({ www: pageFolder() });
  const browser = new Mortal();
  t.after(async () => {
    await browser.end();
    await server.stop();
  });
  const page = await ready(await browser.start(), server.url);
  await server.order({ match: { method: 'POST' }, times: 0, fault: { delay: 150 } });
  await page.evaluate(async () => {
    await begin();
    await assistants.putMany(Array.from({ length: 40 }, (_, n) => ({ name: `Assistant ${n}` })));
  });
  await until('some to have arrived', async () => (await server.log({ method: 'POST' })).length > 8);
  await browser.kill();
  await server.heal();
  const again = await ready(await browser.start(), server.url);
  await again.evaluate(() => begin());
  await drained(again, 60_000);
  const names = (await server.documents()).map((doc) => doc.name);
  assert.equal(names.length, 40);
  assert.equal(new Set(names).size, 40);
  const executed = (await server.log({ method: 'POST' })).filter((one) => one.status === 201 && !one.replayed);
  assert.ok(new Set(executed.map((one) => one.key)).size === executed.length);
});
