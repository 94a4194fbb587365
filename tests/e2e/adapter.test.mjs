// An adapter on IndexedDB: the app's own two functions speak to the real server, through reloads, lost answers and two tabs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

/** Opens the database with an adapter that speaks the profile by its own means; `calls` counts what it was asked. */
const start = (page) =>
  page.evaluate(async () => {
    window.calls = { push: 0, pull: 0 };
    window.refused = [];
    const url = (...parts) => ['/api', ...parts.map(encodeURIComponent)].join('/');
    const revision = (response) => response.headers.get('etag')?.replaceAll('"', '');
    const send = async ({ kind, id, collection, doc, changes, revision: on, idempotencyKey }, context) => {
      const makes = kind === 'create' && id.startsWith('pending-');
      const headers = await context.headers();
      headers.set('idempotency-key', `"${idempotencyKey}"`);
      headers.set('content-type', changes ? 'application/merge-patch+json' : 'application/json');
      if (on) headers.set('if-match', `"${on}"`);
      else if (kind === 'create' && !makes) headers.set('if-none-match', '*');
      const method = kind === 'delete' ? 'DELETE' : makes ? 'POST' : changes ? 'PATCH' : 'PUT';
      const body = kind === 'delete' ? undefined : JSON.stringify(changes ?? doc);
      const path = makes ? url(collection) : url(collection, id);
      return context.fetch(path, { method, headers, body, signal: context.signal });
    };
    const adapter = {
      async push(list, context) {
        window.calls.push += 1;
        return Promise.all(
          list.map(async (change) => {
            const { mutationId } = change;
            const response = await send(change, context);
            const doc = response.status === 204 ? undefined : await response.json();
            if (response.ok) return { mutationId, status: 'ok', id: doc?.id, doc, revision: revision(response) };
            if (response.status === 412) return { mutationId, status: 'conflict', doc, revision: revision(response) };
            if (response.status >= 500) return { mutationId, status: 'retry' };
            // The browser may repeat by itself what it lost on a kept connection: the first is still being executed.
            if (response.status === 409) return { mutationId, status: 'retry', after: 1000 };
            window.refused.push([response.status, doc?.type]);
            return { mutationId, status: 'rejected', code: 'VALIDATION' };
          }),
        );
      },
      async pull({ collection, checkpoint, limit }, context) {
        window.calls.pull += 1;
        const since = checkpoint === undefined ? '' : `&since=${encodeURIComponent(checkpoint)}`;
        const response = await context.fetch(`${url(collection)}?limit=${limit}${since}`, { signal: context.signal });
        const { items, ...page } = await response.json();
        return { docs: items, ...page };
      },
    };
    await begin({ sync: { url: undefined, adapter, timeout: 2000 } });
  });

test('documents go and come through the adapter, and a lost answer does no harm', async (t) => {
  const { page, server } = await world(t);
  await start(page);
  await server.order({ match: { method: 'POST' }, times: 2, fault: { drop: 'after' } });
  const id = await page.evaluate(async () => (await (await assistants.put({ name: 'Ada' })).synced).id);
  assert.deepEqual(
    (await server.documents()).map((doc) => [doc.id, doc.name]),
    [[id, 'Ada']],
  );
  await server.update(id, { category: 'x' });
  await page.evaluate((id) => assistants.patch(id, { name: 'Ada L.' }), id);
  await drained(page);
  const { name, category } = await server.document(id);
  assert.deepEqual([name, category], ['Ada L.', 'x']);
  await server.create({ name: 'Grace' });
  await eventually('what others made', async () => {
    assert.equal(await page.evaluate(() => assistants.count()), 2);
  });
});

test('changes made while the server is out of reach outlive a reload, arrive once, and count nothing', async (t) => {
  const { page, server } = await world(t);
  await start(page);
  await server.cutOff();
  await page.evaluate(async () => {
    for (const name of ['a', 'b', 'c']) await assistants.put({ name });
  });
  await eventually('some attempts', async () => assert.ok((await page.evaluate(() => calls.push)) > 3));
  assert.deepEqual(
    (await page.evaluate(() => db.outbox.list())).map((row) => [row.state === 'parked', row.retryCount]),
    [
      [false, 0],
      [false, 0],
      [false, 0],
    ],
  );
  await page.reload();
  await page.waitForFunction(() => window.begin);
  await start(page);
  await server.heal();
  await drained(page);
  assert.deepEqual(await page.evaluate(() => refused), []);
  assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['a', 'b', 'c']);
});

test('with two tabs one of them speaks to the adapter, and what the other writes arrives', async (t) => {
  const { page: first, open, server } = await world(t);
  await start(first);
  await first.evaluate(async () => (await assistants.put({ name: 'one' })).synced);
  const second = await open();
  await start(second);
  await second.evaluate(async () => {
    await (await assistants.put({ name: 'two' })).synced;
  });
  assert.equal(await second.evaluate(() => calls.push), 0);
  assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['one', 'two']);
});
