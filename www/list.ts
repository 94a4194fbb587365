// The list of assistants: one live query, opened again whenever search, category or length change.
//
// Rows are matched by `key` and moved only when they must be. What the list says when it is empty depends
// on what is known: "nothing here yet" is said only when the server's list has been seen to its end.

import type { Live, LiveResult, Query, Row } from 'seakeep';
import type { Assistants } from './db.js';
import { byId, setText, whenQuiet } from './dom.js';
import { type Assistant, categories, matches } from './model.js';
import type { OutboxView } from './outbox.js';
import { createRow, type RowCallbacks, type RowView } from './row.js';
import { readable } from './undo.js';

export interface ListDeps {
  assistants: Assistants;
  outbox: OutboxView;
  isOffline(): boolean;
  on: RowCallbacks;
}

export interface List {
  /** Says the same again in other words when the connection came or went. */
  refresh(): void;
}

const pageLength = 100;

export function createList({ assistants, outbox, isOffline, on }: ListDeps): List {
  const search = byId('search', HTMLInputElement);
  const category = byId('category-filter', HTMLSelectElement);
  const list = byId('rows', HTMLUListElement);
  const more = byId('more', HTMLButtonElement);
  const views = new Map<string, RowView>();
  let shown = pageLength;
  let live: Live<Assistant> | undefined;

  for (const { value, label } of categories) category.append(new Option(label, value));

  function open(): void {
    live?.close();
    live = assistants.live(queryFor(search.value.trim(), category.value, shown + 1));
    live.subscribe(render);
    render();
  }

  function render(): void {
    if (!live) return;
    const result = live.current;
    const filtered = search.value.trim() !== '' || category.value !== '';
    list.setAttribute('aria-busy', String(!result.loaded));
    sayStatus(result, filtered, isOffline());
    if (!result.loaded) return; // The rows of the filter before stay until the new ones are known.
    more.hidden = result.rows.length <= shown;
    const rows = result.rows.slice(0, shown);
    setText(byId('row-count', HTMLElement), countText(rows.length, !more.hidden, result.complete));
    reconcile(list, views, rows, (row) => createRow(row, outbox, on));
  }

  const reopen = whenQuiet(120, () => {
    shown = pageLength;
    open();
  });
  search.addEventListener('input', reopen);
  category.addEventListener('change', reopen);
  more.addEventListener('click', () => {
    shown += pageLength;
    open();
  });
  outbox.subscribe(render);
  open();
  return { refresh: render };
}

/** No number is better than a wrong one: an empty list that is not complete has no count. */
function countText(count: number, more: boolean, complete: boolean): string {
  if (complete || more) return `${count}${more ? '+' : ''}`;
  return count === 0 ? '' : `${count} known here`;
}

function queryFor(search: string, category: string, limit: number): Query<Assistant> {
  return {
    orderBy: 'name',
    limit,
    ...(category === '' ? {} : { where: { category } }),
    ...(search === '' ? {} : { filter: (doc: Assistant) => matches(doc, search) }),
  };
}

function sayStatus(result: LiveResult<Assistant>, filtered: boolean, offline: boolean): void {
  const status = byId('list-status', HTMLElement);
  const [kind, title, text] = statusOf(result, filtered, offline);
  status.dataset.kind = kind;
  status.hidden = title === '';
  status.classList.toggle('small', result.rows.length > 0);
  setText(byId('list-status-title', HTMLElement), title);
  setText(byId('list-status-text', HTMLElement), text);
}

/** The only place that decides what an empty or partial list may claim. */
function statusOf(
  { loaded, complete, error, rows }: LiveResult<Assistant>,
  filtered: boolean,
  offline: boolean,
): [kind: string, title: string, text: string] {
  if (error) return ['error', 'The list cannot be read', readable(error)];
  if (!loaded) return ['loading', 'Loading…', ''];
  if (rows.length > 0 && complete) return ['rows', '', ''];
  if (rows.length > 0 && offline)
    return [
      'partial',
      'There may be more',
      'This is what is on this device; the server’s list is not known yet (offline).',
    ];
  if (rows.length > 0)
    return ['partial', 'There may be more', 'The server’s list has not been fetched to its end yet.'];
  if (complete && filtered) return ['nothing-matches', 'Nothing matches', 'Try other words or another category.'];
  if (complete) return ['empty', 'Nothing here yet', 'Create the first assistant: it works without a connection, too.'];
  if (offline)
    return [
      'unknown',
      'Not known yet (offline)',
      'This device has not fetched the server’s list. What you create here is kept and sent later.',
    ];
  return ['unknown', 'Not known yet', 'Fetching the server’s list for the first time…'];
}

/** Makes the list's children those of `rows`, keeping elements by key and the focus near its place. */
function reconcile(
  list: HTMLElement,
  views: Map<string, RowView>,
  rows: readonly Row<Assistant>[],
  create: (row: Row<Assistant>) => RowView,
): void {
  const focused = document.activeElement;
  const focusedAt = [...list.children].findIndex((child) => child.contains(focused));
  const wanted = new Set(rows.map((row) => row.key));
  for (const [key, view] of views) {
    if (wanted.has(key)) continue;
    view.element.remove();
    views.delete(key);
  }
  rows.forEach((row, index) => {
    let view = views.get(row.key);
    if (view) view.update(row);
    else {
      view = create(row);
      views.set(row.key, view);
    }
    const there = list.children[index];
    if (there !== view.element) list.insertBefore(view.element, there ?? null);
  });
  if (focusedAt >= 0) keepFocus(list, focused, focusedAt);
}

function keepFocus(list: HTMLElement, focused: Element | null, index: number): void {
  if (focused instanceof HTMLElement && focused.isConnected && !focused.hidden) {
    if (document.activeElement !== focused) focused.focus({ preventScroll: true });
    return;
  }
  const neighbour = list.children[Math.min(index, list.children.length - 1)];
  const target = neighbour?.querySelector<HTMLElement>('[data-testid=edit]:not([hidden])');
  (target ?? byId('new-button', HTMLElement)).focus({ preventScroll: true });
}
