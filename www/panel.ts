// The engine room: the outbox as a table, and a fold that remembers whether it was open.
//
// It shows every change that has not reached the server, deletions too, which have no row in the list any
// more. Parked ones can be retried or discarded here, conflicts resolved. Events and timings stand beside it
// (events.ts, timings.ts).

import type { PendingChange } from 'seakeep';
import { createChip, nextTry, showState } from './chip.js';
import type { MarketDatabase } from './db.js';
import { byId, el } from './dom.js';
import { timeElement } from './format.js';
import { needsHelp, type OutboxView, reasonOf } from './outbox.js';

type NamedChange = PendingChange & { name: string };

export interface PanelCallbacks {
  retry(change: PendingChange): void;
  discard(change: PendingChange): void;
  /** Opens the choice between both versions of a document, which may have no row in the list any more. */
  resolve(id: string, name: string): void;
}

const verbs = { create: 'Create', update: 'Change', delete: 'Delete' } as const;
const settingsKey = 'engine-room-open';

export function createPanel(db: MarketDatabase, outbox: OutboxView, on: PanelCallbacks): void {
  const panel = byId('engine-room', HTMLDetailsElement);
  const body = byId('outbox-rows', HTMLTableSectionElement);
  const none = byId('outbox-none', HTMLElement);
  const table = byId('outbox-table', HTMLTableElement);
  let shown = '';

  function render(): void {
    const changes = outbox.changes.map((change) => ({ ...change, name: nameOf(db, change) }));
    none.hidden = changes.length > 0;
    table.hidden = changes.length === 0;
    const next = JSON.stringify(
      changes.map((c) => [c.mutationId, c.state, c.retryCount, c.nextAttemptAt, c.id, c.name]),
    );
    if (next === shown) return;
    shown = next;
    const focused = focusedChange(body);
    body.replaceChildren(...changes.map((change) => outboxRow(change, on)));
    if (focused) body.querySelector<HTMLElement>(focused)?.focus();
  }

  for (const link of document.querySelectorAll('a[href="#outbox"]')) {
    link.addEventListener('click', () => {
      panel.open = true;
    });
  }
  outbox.subscribe(render);
  render();
  void rememberFold(db, panel);
}

function outboxRow(change: NamedChange, on: PanelCallbacks): HTMLTableRowElement {
  const chip = createChip('outbox-state');
  showState(chip, change.state, change.retryCount);
  const act = (label: string, testId: string, onclick: () => void) =>
    el(
      'button',
      {
        type: 'button',
        class: 'button quiet small',
        'data-testid': testId,
        'data-mutation': change.mutationId,
        onclick,
        'aria-label': `${label} ${change.name}`,
      },
      label,
    );
  const reason = needsHelp(change) ? reasonOf(change) : undefined;
  return el(
    'tr',
    { 'data-testid': 'outbox-row', 'data-id': change.id, 'data-state': change.state },
    el(
      'th',
      { scope: 'row' },
      el('span', { class: 'outbox-verb' }, verbs[change.kind]),
      ' ',
      el('span', { class: 'outbox-name' }, change.name),
      el('span', { class: 'outbox-since' }, timeElement(change.createdAt)),
    ),
    el(
      'td',
      {},
      chip,
      nextTry(change),
      reason && el('span', { class: 'outbox-reason' }, reason),
      change.state === 'conflict' && act('Resolve', 'outbox-resolve', () => on.resolve(change.id, change.name)),
      change.state === 'parked' && act('Retry', 'outbox-retry', () => on.retry(change)),
      needsHelp(change) && act('Discard', 'outbox-discard', () => on.discard(change)),
    ),
  );
}

const lastNames = new Map<string, string>();

/** From the document if it is in memory, else from the change, else as it was called last; a deletion may leave only the id. */
function nameOf(db: MarketDatabase, change: PendingChange): string {
  const name =
    db.collection('assistants').peek(change.id)?.name ?? (change.data as { name?: unknown } | undefined)?.name;
  if (typeof name === 'string') lastNames.set(change.id, name);
  return lastNames.get(change.id) ?? change.id;
}

/** A selector for the focused button, so that a redrawn table gives the focus back. */
function focusedChange(body: HTMLElement): string | undefined {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || !body.contains(active)) return undefined;
  const { testid, mutation } = active.dataset;
  return `[data-testid=${testid}][data-mutation="${CSS.escape(mutation ?? '')}"]`;
}

async function rememberFold(db: MarketDatabase, panel: HTMLDetailsElement): Promise<void> {
  const stored = await db.settings.get<boolean>(settingsKey);
  panel.open = stored ?? matchMedia('(min-width: 70rem)').matches;
  panel.addEventListener('toggle', () => void db.settings.set(settingsKey, panel.open));
}
