// The server's stream of news: what changes there is here at once, one tab listens, and a broken stream is made up for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until } from './support/wait.mjs';
import { world } from './support/world.mjs';

const NEWS = { sync: { rest: { events: true }, pullInterval: 0 } };
const names = (page) => page.evaluate(async () => (await assistants.query({ orderBy: 'name' })).map((doc) => doc.name));
const shows = (page, wanted, timeout) =>
  eventually('what the server has', async () => assert.deepEqual(await names(page), wanted), timeout);
const streams = (server) => server.log({ method: 'GET', path: '_events' });

test('a change on the server is here at once, without a pull by time', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate((options) => begin(options), NEWS);
  await until('the stream', async () => (await streams(server)).length === 1);
  await page.evaluate(() => db.sync.now());
  const ada = await server.create({ name: 'Ada' });
  await shows(page, ['Ada'], 3000);
  await server.update(ada.id, { name: 'Ada L.' });
  await shows(page, ['Ada L.'], 3000);
  await server.remove(ada.id);
  await shows(page, [], 3000);
});

test('a stream that was cut goes on where it was, and nothing that happened meanwhile is missed', async (t) => {
  const { page, server } = await world(t);
  await page.evaluate((options) => begin(options), NEWS);
  await until('the stream', async () => (await streams(server)).length === 1);
  await server.create({ name: 'Before' });
  await shows(page, ['Before']);
  await server.cutOff();
  await server.heal();
  await server.create({ name: 'Meanwhile' });
  await shows(page, ['Before', 'Meanwhile']);
  assert.ok((await streams(server)).length >= 2);
});

test('of two tabs the one that leads listens', async (t) => {
  const { page, open, server } = await world(t);
  await page.evaluate((options) => begin(options), NEWS);
  await until('the stream', async () => (await streams(server)).length === 1);
  const second = await open();
  await second.evaluate((options) => begin(options), NEWS);
  await server.create({ name: 'For both' });
  await shows(page, ['For both']);
  await shows(second, ['For both']);
  assert.equal((await streams(server)).length, 1);
});
