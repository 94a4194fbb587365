// The demo for everybody: how far a pass is and which tab sends, said in words; the keyboard alone; both colour schemes; a
// telephone. The rules that are checked by themselves (`faultsOf`) are few and simple: names, ids, headings, contrast, size.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, create, demo, row, state } from './support/demo.mjs';
import { eventually, until } from './support/wait.mjs';

const SOON = 20_000;
const text = async (page, id) => (await at(page, id).textContent()).trim();

test('demo: a long pass says how far it is, and nothing once it is over', async (t) => {
  const { page, server } = await demo(t);
  await until('the first pull', async () => (await text(page, 'last-sync')) !== 'never', SOON);
  await server.fill('assistants', 1500, (n) => ({ id: `a${n}`, name: `Assistant ${n}` }));
  await server.order({ match: { method: 'GET', path: 'assistants?' }, times: 0, fault: { delay: 500 } });
  await at(page, 'sync-now').click();
  await at(page, 'progress').waitFor({ timeout: SOON });
  await until('words', async () => /^\d+( of \d+)? fetched/.test(await text(page, 'progress-text')), SOON);
  await server.heal();
  await at(page, 'progress').waitFor({ state: 'hidden', timeout: SOON });
});

test('demo: sending says how many of how many are sent', async (t) => {
  const { page, server } = await demo(t);
  await at(page, 'offline-switch').click();
  for (const name of ['One', 'Two', 'Three', 'Four', 'Five', 'Six']) await create(page, name);
  await server.order({ match: { method: 'POST' }, times: 0, fault: { delay: 900 } });
  await at(page, 'offline-switch').click();
  await until('words', async () => /^\d of 6 sent/.test(await text(page, 'progress-text')), SOON);
  const bar = page.getByRole('progressbar', { name: /sent/ });
  assert.equal(await bar.getAttribute('max'), '6');
  await state(page, 'Six', 'synced', SOON);
  await at(page, 'progress').waitFor({ state: 'hidden', timeout: SOON });
});

test('demo: of two tabs one says that it sends, and the other one takes over when it is closed', async (t) => {
  const { page, tab, server } = await demo(t);
  await create(page, 'Pilot');
  await state(page, 'Pilot', 'synced');
  const other = await tab();
  const says = async () => [await text(page, 'leader'), await text(other, 'leader')];
  await eventually('one of both', async () =>
    assert.deepEqual(await says(), ['This tab sends', 'This tab does not send now']),
  );
  await page.close();
  await create(other, 'Heir');
  await state(other, 'Heir', 'synced', 40_000);
  assert.equal(await text(other, 'leader'), 'This tab sends');
  assert.equal((await server.documents()).length, 2);
});

test('demo: a network that wants a sign-in of its own is told from a server that does', async (t) => {
  const { page, server } = await demo(t);
  await server.order({ times: 0, fault: { html: true } });
  await create(page, 'Guest');
  const banner = at(page, 'banner');
  await eventually('the banner', async () => assert.equal(await banner.getAttribute('data-kind'), 'portal'), SOON);
  await eventually('the words for who does not see it', async () =>
    assert.match(await text(page, 'announcements'), /network wants you to sign in/),
  );
  await server.heal();
  await at(page, 'sync-now').click();
  await state(page, 'Guest', 'synced', 40_000);
  await banner.waitFor({ state: 'hidden' });
});

/** A document with two versions, one that is parked and one that is synced. */
async function inTrouble(t, options) {
  const world = await demo(t);
  const { page, server } = world;
  if (options) await page.emulateMedia(options);
  await create(page, 'Pilot', 'Knows the harbour');
  await state(page, 'Pilot', 'synced');
  const errors = { description: 'Not in this harbour' };
  const refusal = { status: 422, body: { type: '/problems/no', status: 422, errors } };
  await server.order({ match: { bodyIncludes: 'Smuggler' }, times: 0, fault: refusal });
  await create(page, 'Smuggler');
  await state(page, 'Smuggler', 'parked');
  const [doc] = await server.documents();
  await at(page, 'offline-switch').click();
  await row(page, 'Pilot').getByTestId('edit').click();
  await at(page, 'field-name').fill('Pilot of mine');
  await at(page, 'save').click();
  await server.update(doc.id, { name: 'Pilot of theirs' });
  await at(page, 'offline-switch').click();
  await state(page, 'Pilot of mine', 'conflict', SOON);
  return { ...world, id: doc.id };
}

test('demo: two versions are decided with the keyboard alone, and the focus comes back', async (t) => {
  const { page, server, id } = await inTrouble(t);
  const resolve = row(page, 'Pilot of mine').getByTestId('resolve');
  await resolve.focus();
  await page.keyboard.press('Enter');
  await at(page, 'conflict-form').waitFor();
  await page.keyboard.press('Escape');
  await at(page, 'conflict-form').waitFor({ state: 'hidden' });
  assert.equal(await resolve.evaluate((button) => button === document.activeElement), true, 'back where it was');
  await page.keyboard.press('Enter');
  await at(page, 'conflict-form').waitFor();
  await at(page, 'choice-name-remote').locator('input').focus();
  await page.keyboard.press('ArrowLeft');
  assert.equal(await at(page, 'choice-name-local').locator('input').isChecked(), true);
  await page.keyboard.press('Enter');
  await state(page, 'Pilot of mine', 'synced', SOON);
  await until('the server', async () => (await server.document(id)).name === 'Pilot of mine');
});

/** Simple rules, and what of the page breaks them; runs in the page. */
function faultsOf({ size }) {
  const faults = [];
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const named = (element) => `${element.tagName.toLowerCase()} ${element.dataset.testid ?? element.id ?? ''}`;
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`the id ${id} stands twice`);
  for (const attribute of ['for', 'aria-labelledby', 'aria-describedby']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      const missing = element
        .getAttribute(attribute)
        .split(/\s+/)
        .filter((id) => !document.getElementById(id));
      if (missing.length > 0) faults.push(`${named(element)}: ${attribute} names ${missing}, which is not there`);
    }
  }
  if (document.querySelector('[tabindex]:not([tabindex="0"], [tabindex="-1"])')) faults.push('an order of its own');
  for (const picture of document.querySelectorAll('svg:not([aria-hidden=true], [aria-label]), img:not([alt])'))
    faults.push(`${named(picture)} has no words`);
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].filter(shown).map(({ tagName }) => +tagName[1]);
  levels.forEach((level, n) => {
    if (level > (levels[n - 1] ?? 0) + 1) faults.push(`a heading of level ${level} after ${levels[n - 1]}`);
  });

  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255);
  };
  /** Backgrounds below an element, the lowest first; undefined where a picture is among them. */
  const grounds = (element) => {
    const all = [];
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== 'none') return undefined;
      all.unshift(style.backgroundColor);
      // A dialog stands in the top layer: what is around it in the document is not beneath it.
      if (one.tagName === 'DIALOG') break;
    }
    return ['white', ...all];
  };
  let looked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(element) || element.closest('[disabled], .visually-hidden')) continue;
    const below = grounds(element);
    if (below === undefined) continue;
    looked += 1;
    const style = getComputedStyle(element);
    const pair = [light(over([...below, style.color])), light(over(below))].sort((one, other) => other - one);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    const large = Number.parseFloat(style.fontSize) >= 24;
    if (contrast < (large ? 3 : 4.5))
      faults.push(`${named(element)} "${walker.currentNode.data.trim()}": contrast ${contrast.toFixed(1)}`);
  }
  if (looked < 15) faults.push(`only ${looked} texts were looked at`);
  for (const control of document.querySelectorAll('button, select, input:not([type=radio]), summary')) {
    if (!shown(control)) continue;
    const { width, height } = control.getBoundingClientRect();
    if (width < size || height < size) faults.push(`${named(control)} is ${width} × ${height}`);
  }
  return faults;
}

test('demo: the rules of access notice what breaks them', async (t) => {
  const { page } = await inTrouble(t);
  await page.evaluate(() => {
    document.getElementById('row-count').style.color = 'rgb(200, 200, 200)';
    document.getElementById('search').id = 'category-filter';
    document.querySelector('h1').replaceWith(document.createElement('h4'));
    document.getElementById('sync-now').style.cssText = 'min-height: 0; padding: 0; height: 12px; line-height: 1';
    document.querySelector('.mark').removeAttribute('aria-hidden');
    document.getElementById('main').tabIndex = 3;
    document.getElementById('form-title').remove();
  });
  const faults = (await page.evaluate(faultsOf, { size: 24 })).join('\n');
  for (const rule of [/row-count.*contrast 1\.\d/, /category-filter stands twice/, /heading of level/, /sync-now is /])
    assert.match(faults, rule);
  for (const rule of [/svg .*has no words/, /an order of its own/, /labelledby names form-title/])
    assert.match(faults, rule);
});

for (const colorScheme of ['light', 'dark']) {
  test(`demo: the rules of access hold in the ${colorScheme} scheme, with trouble in sight, on a telephone too`, async (t) => {
    const { page } = await inTrouble(t, { colorScheme, reducedMotion: 'reduce' });
    if (!(await at(page, 'panel').evaluate((panel) => panel.open))) await at(page, 'panel').locator('summary').click();
    const looks = async (what) => {
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 740 });
        assert.deepEqual(await page.evaluate(faultsOf, { size: 24 }), [], `${what}, ${width} px`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${what}: ${wide} > ${width}`);
      }
    };
    await looks('the list');
    await row(page, 'Pilot of mine').getByTestId('resolve').click();
    await at(page, 'conflict-form').waitFor();
    await looks('two versions');
    await at(page, 'conflict-later').click();
    await at(page, 'new-button').click();
    await at(page, 'save').click();
    await eventually('the error', async () => assert.notEqual(await text(page, 'error-name'), ''));
    await looks('the form');
  });
}
