// The demo as tests drive it: on a server of its own, by the hooks that www/README.md names.

import assert from 'node:assert/strict';
import { eventually } from './wait.mjs';
import { demoFolder, world } from './world.mjs';

/** The demo on a server of its own; console errors are collected, but for the browser's own about refused requests. */
export async function demo(t) {
  const { server, context } = await world(t, { www: demoFolder });
  const problems = [];
  context.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text());
  });
  t.after(() => assert.deepEqual(problems, [], 'errors in the console'));
  const tab = async () => {
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    await page.goto(server.url);
    await page.locator('html[data-ready=true]').waitFor({ state: 'attached' });
    return page;
  };
  return { server, tab, page: await tab() };
}

/** The place with this test id. */
export const at = (page, id) => page.getByTestId(id);
/** The row of the assistant with this name. */
export const row = (page, name) =>
  at(page, 'row').filter({ has: page.getByTestId('row-name').getByText(name, { exact: true }) });

/** Creates an assistant by the form. */
export async function create(page, name, description = '') {
  await at(page, 'new-button').click();
  await at(page, 'field-name').fill(name);
  await at(page, 'field-description').fill(description);
  await at(page, 'save').click();
  await row(page, name).waitFor();
}

/** Waits until the row of this assistant says where it stands. */
export async function state(page, name, wanted, timeout) {
  await eventually(
    `${name} to be ${wanted}`,
    async () => assert.equal(await row(page, name).getAttribute('data-state'), wanted),
    timeout,
  );
}
