// The demo's entry: opens the market, connects the parts of the page, and says so when it cannot.
//
// A small app as its users would write it, on the public surface of the package and nothing else. Each part
// lives in its own file; this one only introduces them to each other.

import { isSeakeepError, type Row, version } from 'seakeep';
import { type Actions, createActions } from './actions.js';
import { type Announcer, createAnnouncer } from './announce.js';
import { createBanner } from './banner.js';
import { type ConflictDialog, createConflictDialog } from './conflict.js';
import { type MarketDatabase, openMarket } from './db.js';
import { byId, setText } from './dom.js';
import { createEventLog } from './events.js';
import { createForm, type Form } from './form.js';
import { createHeader, isOffline } from './header.js';
import { createList } from './list.js';
import { type Assistant, fieldsOf } from './model.js';
import { needsHelp, type OutboxView, watchOutbox } from './outbox.js';
import { createPanel } from './panel.js';
import { createProgress } from './progress.js';
import { createSession } from './session.js';
import { createTimings } from './timings.js';
import { createTransport, type Transport } from './transport.js';
import { createToasts, readable, type Toasts } from './undo.js';

start().catch(showFailure);

async function start(): Promise<void> {
  const transport = createTransport();
  const session = createSession();
  const db = await openMarket(transport.fetch, session);
  setText(byId('version', HTMLElement), version);
  const announcer = createAnnouncer();
  const toasts = createToasts();
  const outbox = watchOutbox(db);
  const measure = createTimings();
  const wrote = (ms: number) => measure('write', ms);
  const actions = createActions({ db, outbox, announcer, toasts, wrote });
  transport.onRequest(({ ms }) => measure('request', ms));
  db.sync.on('completed', ({ durationMs, skipped }) => {
    if (!skipped) measure('pass', durationMs);
  });
  createEventLog(db.sync);
  announceParked(outbox, announcer);
  createBanner(db, session, announcer);
  createProgress(db);
  const conflicts = createConflictDialog(db, (name) => announcer.say(`${name} is decided.`));
  connect({ db, transport, announcer, toasts, outbox, actions, conflicts });
  document.documentElement.dataset.ready = 'true';
}

interface Parts {
  db: MarketDatabase;
  transport: Transport;
  announcer: Announcer;
  toasts: Toasts;
  outbox: OutboxView;
  actions: Actions;
  conflicts: ConflictDialog;
}

function connect({ db, transport, announcer, toasts, outbox, actions, conflicts }: Parts): void {
  const form = createForm();
  const quietly =
    <A>(act: (subject: A) => Promise<void>) =>
    (subject: A) => {
      act(subject).catch(toasts.problem);
    };
  const stuck = { retry: quietly(actions.retry), discard: quietly(actions.discard) };
  const list = createList({
    assistants: db.collection('assistants'),
    outbox,
    isOffline: () => isOffline(db, transport),
    on: {
      ...stuck,
      remove: quietly(actions.remove),
      edit: (row) => edit(form, outbox, actions, row),
      resolve: quietly((row) => conflicts.openFor(row.id, row.doc.name)),
    },
  });
  createHeader({ db, transport, announcer, connectionChanged: list.refresh });
  createPanel(db, outbox, { ...stuck, resolve: (id, name) => conflicts.openFor(id, name).catch(toasts.problem) });
  const newButton = byId('new-button', HTMLButtonElement);
  newButton.disabled = false;
  newButton.addEventListener('click', () => form.openNew(actions.create));
}

function edit(form: Form, outbox: OutboxView, actions: Actions, { id, doc }: Row<Assistant>): void {
  const change = outbox.forDocument(id);
  const stuck = change && needsHelp(change) ? change : undefined;
  const before = fieldsOf(doc);
  form.open({
    title: `Edit ${doc.name}`,
    fields: before,
    reason: stuck?.lastError?.userMessage,
    refused: stuck && outbox.refusedFields(stuck),
    save: unlessGone((after) => actions.save(id, before, after), actions.create),
  });
}

/** What was typed is not lost when the assistant was deleted meanwhile: the second save creates it anew. */
function unlessGone<A>(save: (after: A) => Promise<void>, create: (after: A) => Promise<void>) {
  let gone = false;
  return async (after: A): Promise<void> => {
    if (gone) return create(after);
    try {
      await save(after);
    } catch (error) {
      gone = isSeakeepError(error, 'NOT_FOUND');
      if (!gone) throw error;
      const userMessage = 'It was deleted meanwhile. Save again to create it anew.';
      throw Object.assign(new Error(userMessage), { userMessage });
    }
  };
}

/** Says once for each change, whichever tab tried to send it, that it is parked and why. */
function announceParked(outbox: OutboxView, announcer: Announcer): void {
  let known: Set<string> | undefined;
  outbox.subscribe(() => {
    const parked = outbox.changes.filter((change) => change.state === 'parked');
    for (const { mutationId, lastError } of parked) {
      if (known && !known.has(mutationId))
        announcer.say(`A change is parked: ${lastError?.userMessage ?? 'it needs your help'}`);
    }
    known = new Set(parked.map((change) => change.mutationId));
  });
}

function showFailure(error: unknown): void {
  console.error(error);
  const status = byId('list-status', HTMLElement);
  status.dataset.kind = 'error';
  setText(byId('list-status-title', HTMLElement), 'The market cannot open');
  setText(byId('list-status-text', HTMLElement), readable(error));
}
