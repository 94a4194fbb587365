// B-03: what a person waits for goes before what runs behind, and what runs behind gets its turn in the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/wait.mjs';
import { drained, world } from './support/world.mjs';

const names = async (server) => (await server.log({ method: 'PUT' })).map((one) => one.path.split('/').at(-1));

test('B-03 high goes before the person’s own, that before background, whatever was written first', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate(async () => {
    await begin({ sync: { auto: false, concurrency: 1, batchSize: 1 } });
    for (const priority of ['background', 'user', 'high'])
      for (const n of [1, 2]) await assistants.put({ id: `${priority}-${n}`, name: priority }, { priority });
    await db.sync.now({ pull: false });
  });
  await drained(page);
  assert.deepEqual(await names(server), ['high-1', 'high-2', 'user-1', 'user-2', 'background-1', 'background-2']);
});

test('B-03 a person’s change overtakes a long queue of background ones that is being sent', async (t) => {
  const { page, server } = await world(t);
  await server.order({ match: { method: 'PUT' }, times: 0, fault: { delay: 40 } });
  await page.evaluate(async () => {
    await begin({ sync: { concurrency: 1, batchSize: 1, pullInterval: 0 } });
    const many = Array.from({ length: 40 }, (_, i) => ({ id: `background-${i}`, name: 'n' }));
    await assistants.putMany(many, { priority: 'background' });
  });
  await eventually('some of them', async () => assert.ok((await names(server)).length >= 2));
  await page.evaluate(async () => void (await (await assistants.put({ id: 'mine', name: 'n' })).synced));
  assert.ok((await names(server)).indexOf('mine') < 30, 'long before the last of the others');
  await drained(page);
  assert.equal((await names(server)).length, 41);
});
