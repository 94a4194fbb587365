// What the demo shows when something needs a person: two versions of a document, a sign-in, a newer version, a server
// that keeps failing; and how far a long pass has come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, create, demo, row, state } from './support/demo.mjs';
import { eventually, until } from './support/wait.mjs';

const OFFLINE_EDIT_MS = 20_000;

async function disputed(t) {
  const world = await demo(t);
  const { page, server } = world;
  await create(page, 'Pilot', 'Knows the harbour');
  await state(page, 'Pilot', 'synced');
  const [doc] = await server.documents();
  await at(page, 'offline-switch').click();
  await row(page, 'Pilot').getByTestId('edit').click();
  await at(page, 'field-name').fill('Pilot of mine');
  await at(page, 'field-description').fill('Knows the river');
  await at(page, 'save').click();
  return { ...world, id: doc.id };
}

async function resolve(page) {
  await row(page, 'Pilot of mine').getByTestId('resolve').click();
  await at(page, 'conflict-form').waitFor();
}

async function choose(page, field, side) {
  await at(page, `choice-${field}-${side}`).locator('input').check();
}

test('demo: fields that both sides changed stand side by side, and the choice reaches the server', async (t) => {
  const { page, server, id } = await disputed(t);
  await server.update(id, { name: 'Pilot of theirs', description: 'Knows the sea', prompt: 'Ahoy' });
  await at(page, 'offline-switch').click();
  await state(page, 'Pilot of mine', 'conflict', OFFLINE_EDIT_MS);
  await eventually('the count', async () => assert.equal(await at(page, 'conflict-count').textContent(), '1'));

  await page.reload();
  await page.locator('html[data-ready=true]').waitFor({ state: 'attached' });
  await state(page, 'Pilot of mine', 'conflict');
  await resolve(page);
  const fields = await at(page, 'conflict-field').evaluateAll((all) => all.map((one) => one.dataset.field).sort());
  assert.deepEqual(fields, ['description', 'name']);
  assert.match(await at(page, 'choice-name-remote').textContent(), /Pilot of theirs/);
  await choose(page, 'name', 'local');
  await choose(page, 'description', 'remote');
  await at(page, 'conflict-save').click();

  await state(page, 'Pilot of mine', 'synced', OFFLINE_EDIT_MS);
  const there = await server.document(id);
  assert.deepEqual(
    [there.name, there.description, there.prompt],
    ['Pilot of mine', 'Knows the sea', 'Ahoy'],
    'nobody disputed the greeting, so it stays',
  );
  await eventually('the count', async () => assert.equal(await at(page, 'conflict-count').textContent(), '0'));
});

test('demo: changed here and deleted there is one question, and keeping it creates it anew', async (t) => {
  const { page, server, id } = await disputed(t);
  await server.remove(id);
  await at(page, 'offline-switch').click();
  await state(page, 'Pilot of mine', 'conflict', OFFLINE_EDIT_MS);
  await resolve(page);
  assert.match(await at(page, 'conflict-text').textContent(), /deleted on the server/);
  await choose(page, 'whole', 'local');
  await at(page, 'conflict-save').click();
  await state(page, 'Pilot of mine', 'synced', OFFLINE_EDIT_MS);
  await until('it to be there', async () => (await server.documents()).some((doc) => doc.name === 'Pilot of mine'));
});

test('demo: a decision put off leaves everything as it was', async (t) => {
  const { page, server, id } = await disputed(t);
  await server.update(id, { name: 'Pilot of theirs' });
  await at(page, 'offline-switch').click();
  await state(page, 'Pilot of mine', 'conflict', OFFLINE_EDIT_MS);
  await resolve(page);
  await at(page, 'conflict-later').click();
  await state(page, 'Pilot of mine', 'conflict');
  assert.equal((await server.document(id)).name, 'Pilot of theirs');
  await row(page, 'Pilot of mine').getByTestId('discard').click();
  await state(page, 'Pilot of theirs', 'synced', OFFLINE_EDIT_MS);
});

test('demo: a banner says that the server wants a sign-in, and signing in goes on', async (t) => {
  const { page, server } = await demo(t);
  await server.order({ times: 0, fault: { status: 401 } });
  await create(page, 'Clerk');
  await eventually('the banner', async () => assert.equal(await at(page, 'banner').getAttribute('data-kind'), 'auth'));
  await at(page, 'banner-text').waitFor();
  await server.heal();
  await at(page, 'banner-action').click();
  await state(page, 'Clerk', 'synced', OFFLINE_EDIT_MS);
  await at(page, 'banner').waitFor({ state: 'hidden' });
});

test('demo: a banner says that the server wants a newer version, and nothing is lost by loading it', async (t) => {
  const { page, server } = await demo(t);
  await server.order({ match: { method: 'POST' }, times: 0, fault: { status: 426 } });
  await create(page, 'Old hand');
  await eventually('the banner', async () =>
    assert.equal(await at(page, 'banner').getAttribute('data-kind'), 'update'),
  );
  await server.heal();
  await at(page, 'banner-action').click();
  await page.locator('html[data-ready=true]').waitFor({ state: 'attached' });
  await state(page, 'Old hand', 'synced', OFFLINE_EDIT_MS);
});

test('demo: a banner says that the server keeps failing and when the next try comes', async (t) => {
  const { page, server } = await demo(t);
  await server.order({ times: 0, fault: { status: 500 } });
  for (const name of ['One', 'Two', 'Three', 'Four', 'Five', 'Six']) await create(page, name);
  await eventually(
    'the banner',
    async () => assert.equal(await at(page, 'banner').getAttribute('data-kind'), 'breaker'),
    30_000,
  );
  await server.heal();
  await at(page, 'banner-action').click();
  for (const name of ['One', 'Six']) await state(page, name, 'synced', 60_000);
  await at(page, 'banner').waitFor({ state: 'hidden' });
});
