// One assistant in the list: its card, its state, and the buttons that make sense in that state.
//
// The element lives as long as its `key`, through edits and through the change of a temporary id into the
// server's, so focus and scroll position stay where they are. A row decides nothing: it shows what the
// live query and the outbox say, and passes clicks on.

import type { PendingChange, Row } from 'seakeep';
import { createChip, nextTry, showState } from './chip.js';
import { el, setAttribute, setText } from './dom.js';
import { type Assistant, categoryLabel, type FieldErrors } from './model.js';
import { needsHelp, type OutboxView, reasonOf } from './outbox.js';

export interface RowCallbacks {
  edit(row: Row<Assistant>): void;
  remove(row: Row<Assistant>): void;
  retry(change: PendingChange): void;
  discard(change: PendingChange): void;
  resolve(row: Row<Assistant>): void;
}

export interface RowView {
  readonly element: HTMLElement;
  update(row: Row<Assistant>): void;
}

export function createRow(first: Row<Assistant>, outbox: OutboxView, on: RowCallbacks): RowView {
  let row = first;
  const change = () => outbox.forDocument(row.id);
  const withChange = (act: (change: PendingChange) => void) => () => {
    const current = change();
    if (current) act(current);
  };

  const emoji = el('span', { class: 'row-emoji', 'aria-hidden': 'true' });
  const name = el('h3', { class: 'row-name', 'data-testid': 'row-name' });
  const category = el('span', { class: 'row-category' });
  const description = el('p', { class: 'row-description' });
  const tags = el('ul', { class: 'row-tags', 'aria-label': 'Tags' });
  const chip = createChip('row-state');
  const waiting = el('span', { class: 'row-waiting' });
  const trouble = el('div', { class: 'row-trouble', 'data-testid': 'row-trouble' });

  const retry = button('Retry', 'retry', withChange(on.retry));
  const resolve = button('Resolve', 'resolve', () => on.resolve(row));
  const edit = button('Edit', 'edit', () => on.edit(row));
  const discard = button('Discard', 'discard', withChange(on.discard));
  const remove = button('Delete', 'delete', () => on.remove(row));

  const element = el(
    'li',
    { class: 'row', 'data-testid': 'row' },
    emoji,
    el('div', { class: 'row-main' }, el('div', { class: 'row-title' }, name, category), description, tags),
    el('div', { class: 'row-standing' }, chip, waiting),
    trouble,
    el('div', { class: 'row-actions' }, resolve, retry, edit, discard, remove),
  );

  function update(next: Row<Assistant>): void {
    row = next;
    const { doc } = row;
    const current = change();
    const stuck = current !== undefined && needsHelp(current) && row.state !== 'synced';
    setAttribute(element, 'data-key', row.key);
    setAttribute(element, 'data-id', row.id);
    setAttribute(element, 'data-state', row.state);
    setText(emoji, doc.emoji ?? '🤖');
    setText(name, doc.name);
    setText(category, categoryLabel(doc.category));
    setText(description, doc.description ?? '');
    showTags(tags, doc.tags ?? []);
    showState(chip, row.state, current?.retryCount);
    waiting.replaceChildren(...[nextTry(current)].filter((one) => one !== undefined));
    showTrouble(trouble, stuck ? current : undefined, current && outbox.refusedFields(current));
    nameButtons(doc.name, [resolve, retry, edit, discard, remove]);
    const disputed = row.state === 'conflict';
    resolve.hidden = !disputed;
    retry.hidden = !stuck || disputed;
    discard.hidden = !stuck;
    edit.hidden = disputed || (stuck && current.kind === 'delete');
    remove.hidden = stuck;
  }

  update(first);
  return { element, update };
}

function button(label: string, testId: string, onclick: () => void): HTMLButtonElement {
  return el('button', { type: 'button', class: 'button quiet', 'data-testid': testId, onclick }, label);
}

/** "Edit Cook" for those who hear one button at a time; the visible word comes first. */
function nameButtons(name: string, buttons: HTMLButtonElement[]): void {
  for (const one of buttons) setAttribute(one, 'aria-label', `${one.textContent} ${name}`);
}

function showTags(list: HTMLElement, tags: string[]): void {
  list.hidden = tags.length === 0;
  if (list.dataset.tags === tags.join()) return;
  list.dataset.tags = tags.join();
  list.replaceChildren(...tags.map((tag) => el('li', {}, tag)));
}

function showTrouble(box: HTMLElement, change: PendingChange | undefined, fields: FieldErrors | undefined): void {
  const reason = change ? reasonOf(change) : '';
  const lines = change ? Object.entries(fields ?? {}).map(([field, text]) => `${field}: ${text}`) : [];
  const shown = [reason, ...lines].join('\n');
  box.hidden = change === undefined;
  if (box.dataset.shown === shown) return;
  box.dataset.shown = shown;
  box.replaceChildren(
    el('p', { 'data-testid': 'row-reason' }, reason),
    el(
      'ul',
      { hidden: lines.length === 0 },
      ...lines.map((line) => el('li', { 'data-testid': 'row-field-error' }, line)),
    ),
  );
}
