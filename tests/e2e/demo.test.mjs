// The demo as a person meets it: offline and online, refused changes, undo, two tabs, keyboard and small screens.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, create, demo, row, state } from './support/demo.mjs';
import { eventually, until } from './support/wait.mjs';

const UNSYNCED = 'pending';

test('demo: created offline it is pending, online it is synced under the server’s id, and the row stays the same', async (t) => {
  const { page, server } = await demo(t);
  await at(page, 'offline-switch').click();
  assert.equal(await at(page, 'offline-switch').getAttribute('aria-checked'), 'true');
  await create(page, 'Cook', 'Knows what is in season');
  await state(page, 'Cook', UNSYNCED);
  const before = {
    id: await row(page, 'Cook').getAttribute('data-id'),
    key: await row(page, 'Cook').getAttribute('data-key'),
  };
  assert.match(before.id, /^pending-\d+-/);
  await eventually('the header', async () => {
    assert.equal(await at(page, 'pending-count').textContent(), '1');
    assert.equal(await at(page, 'online-state').textContent(), 'Offline');
  });
  await page.reload();
  await page.locator('html[data-ready=true]').waitFor({ state: 'attached' });
  await state(page, 'Cook', UNSYNCED);
  assert.deepEqual(await server.documents(), []);
  await at(page, 'offline-switch').click();
  await state(page, 'Cook', 'synced', 20_000);
  const [there] = await server.documents();
  assert.equal(there.description, 'Knows what is in season');
  assert.equal(await row(page, 'Cook').getAttribute('data-id'), there.id);
  assert.equal(await row(page, 'Cook').getAttribute('data-key'), before.key);
  await eventually('the header', async () => {
    assert.equal(await at(page, 'pending-count').textContent(), '0');
    assert.equal(await at(page, 'online-state').textContent(), 'Online');
    assert.notEqual(await at(page, 'last-sync').textContent(), 'never');
  });
});

test('demo: edit, search, filter, delete and undo reach the server', async (t) => {
  const { page, server } = await demo(t);
  await create(page, 'Pilot');
  await create(page, 'Baker');
  await state(page, 'Baker', 'synced');
  await row(page, 'Pilot').getByTestId('edit').click();
  await at(page, 'field-category').selectOption('navigation');
  await at(page, 'field-name').fill('Harbour pilot');
  await at(page, 'save').click();
  await state(page, 'Harbour pilot', 'synced');
  await until('the edit', async () =>
    (await server.documents()).some((doc) => doc.name === 'Harbour pilot' && doc.category === 'navigation'),
  );

  await at(page, 'search').fill('harbour');
  await eventually('the search', async () => assert.equal(await at(page, 'row').count(), 1));
  await at(page, 'search').fill('');
  await at(page, 'category-filter').selectOption('navigation');
  await eventually('the filter', async () => assert.equal(await at(page, 'row').count(), 1));
  await at(page, 'category-filter').selectOption('');
  await eventually('all', async () => assert.equal(await at(page, 'row').count(), 2));

  await row(page, 'Baker').getByTestId('delete').click();
  await row(page, 'Baker').waitFor({ state: 'detached' });
  await at(page, 'undo').click();
  await state(page, 'Baker', 'synced');
  await eventually('the server', async () => {
    assert.deepEqual((await server.documents()).map((doc) => doc.name).sort(), ['Baker', 'Harbour pilot']);
  });
  await row(page, 'Baker').getByTestId('delete').click();
  await eventually('gone on the server', async () => assert.equal((await server.documents()).length, 1));
});

test('demo: a refused change is parked with its reason, and Retry and Discard do what they say', async (t) => {
  const { page, server } = await demo(t);
  const refusal = {
    status: 422,
    body: { type: '/problems/no', status: 422, errors: { description: 'Not in this harbour' } },
  };
  await server.order({ match: { bodyIncludes: 'Smuggler' }, times: 2, fault: refusal });
  await create(page, 'Smuggler');
  await state(page, 'Smuggler', 'parked');
  const trouble = row(page, 'Smuggler').getByTestId('row-trouble');
  await trouble.getByTestId('row-reason').waitFor();
  await eventually('the field', async () => assert.match(await trouble.textContent(), /Not in this harbour/));
  await eventually('the count', async () => assert.equal(await at(page, 'parked-count').textContent(), '1'));
  await row(page, 'Smuggler').getByTestId('retry').click();
  await until('the second refusal', async () => (await server.log({ method: 'POST' })).length === 2);
  await state(page, 'Smuggler', 'parked');
  await row(page, 'Smuggler').getByTestId('retry').click();
  await state(page, 'Smuggler', 'synced');
  assert.equal((await server.documents()).length, 1);

  await server.order({ match: { method: 'PATCH' }, fault: refusal });
  await row(page, 'Smuggler').getByTestId('edit').click();
  await at(page, 'field-name').fill('Ghost');
  await at(page, 'save').click();
  await state(page, 'Ghost', 'parked');
  await row(page, 'Ghost').getByTestId('discard').click();
  await state(page, 'Smuggler', 'synced');
  assert.equal((await server.documents())[0].name, 'Smuggler');
});

test('demo: an invalid form says so beneath the field and stores nothing', async (t) => {
  const { page, server } = await demo(t);
  await at(page, 'new-button').click();
  await at(page, 'save').click();
  assert.match(await at(page, 'error-name').textContent(), /name/i);
  assert.equal(await at(page, 'field-name').getAttribute('aria-invalid'), 'true');
  await at(page, 'field-name').fill('Named');
  await eventually('no error', async () => assert.equal(await at(page, 'error-name').textContent(), ''));
  await at(page, 'cancel').click();
  assert.equal(await at(page, 'row').count(), 0);
  assert.deepEqual(await server.documents(), []);
});

test('demo: two tabs tell the same story, also when one of them works offline', async (t) => {
  const { page, tab, server } = await demo(t);
  const other = await tab();
  await create(page, 'Twin');
  await state(other, 'Twin', 'synced');
  await create(other, 'From the other tab');
  await state(page, 'From the other tab', 'synced');
  await at(other, 'offline-switch').click();
  await create(other, 'Written while cut off');
  await state(page, 'Written while cut off', 'synced');
  await state(other, 'Written while cut off', 'synced');
  assert.equal((await server.documents()).length, 3);
  await row(page, 'Twin').getByTestId('delete').click();
  await row(other, 'Twin').waitFor({ state: 'detached' });
});

test('demo: names, roles, live region and keyboard', async (t) => {
  const { page } = await demo(t);
  await page.getByRole('main').waitFor();
  await page.getByRole('switch', { name: 'Work offline' }).waitFor();
  await page.getByRole('list', { name: 'Assistants' }).waitFor({ state: 'attached' });
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await page.keyboard.press('Tab');
  assert.match(await page.locator(':focus').textContent(), /Skip/);
  await page.getByRole('button', { name: 'New assistant' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'New assistant' }).waitFor();
  await page.keyboard.type('By keyboard');
  await page.keyboard.press('Enter');
  await row(page, 'By keyboard').waitFor();
  await page.getByRole('button', { name: 'Edit By keyboard' }).waitFor();
  await eventually('the announcement', async () => {
    assert.match(await at(page, 'announcements').textContent(), /By keyboard/);
  });
  assert.ok(['polite', 'status'].includes(await at(page, 'announcements').getAttribute('aria-live')));
  const nameless = page.locator('button:visible, input:visible, select:visible, textarea:visible');
  for (const control of await nameless.all()) {
    const { names } = await control.evaluate((element) => ({
      names: [element.getAttribute('aria-label'), element.textContent, element.labels?.[0]?.textContent, element.title],
    }));
    assert.ok(
      names.some((name) => name?.trim()),
      await control.evaluate((element) => element.outerHTML),
    );
  }
});

for (const width of [360, 1280])
  test(`demo: nothing is wider than a screen of ${width} px`, async (t) => {
    const { page } = await demo(t);
    await page.setViewportSize({ width, height: 740 });
    await create(
      page,
      `A${'long'.repeat(20)}`,
      'A description that is long enough to need several lines on a telephone. '.repeat(3),
    );
    await at(page, 'panel').locator('summary').click();
    const sizes = () =>
      page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    await eventually('no horizontal scrolling', async () => {
      const [scroll, client] = await sizes();
      assert.ok(scroll <= client, `${scroll} > ${client}`);
    });
    await at(page, 'new-button').click();
    const [scroll, client] = await sizes();
    assert.ok(scroll <= client, `with the form open: ${scroll} > ${client}`);
  });
