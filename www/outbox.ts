// What this page knows of the outbox: the changes that are not on the server yet, looked up by document.
//
// It reads `outbox.list` again whenever anything may have moved, at most one read at a time, and tells
// its listeners. It never guesses: what it shows is what the store held at the last read, whichever tab
// wrote it.

import type { ErrorInfo, PendingChange } from 'seakeep';
import type { MarketDatabase } from './db.js';
import type { FieldErrors } from './model.js';

export interface OutboxView {
  /** Parked and conflicting changes first, then in the order they will be sent; at most 300. */
  readonly changes: readonly PendingChange[];
  /** The change that decides what the row of this document says. */
  forDocument(id: string): PendingChange | undefined;
  /** What the server refused, field by field, as far as this page was told. */
  refusedFields(change: PendingChange): FieldErrors | undefined;
  rememberRefusal(mutationId: string, fields: FieldErrors): void;
  refresh(): void;
  subscribe(listener: () => void): void;
}

const limit = 300;

export function watchOutbox(db: MarketDatabase): OutboxView {
  const refusals = new Map<string, FieldErrors>();
  const listeners: (() => void)[] = [];
  let changes: PendingChange[] = [];
  let byDocument = new Map<string, PendingChange>();
  let reading = false;
  let again = false;

  const tell = () => {
    for (const listener of listeners) listener();
  };

  async function refresh(): Promise<void> {
    again = true;
    if (reading) return;
    reading = true;
    try {
      while (again) {
        again = false;
        changes = await readChanges(db);
        byDocument = indexByDocument(changes);
        tell();
      }
    } catch (error) {
      console.error('The outbox could not be read', error);
    } finally {
      reading = false;
    }
  }

  db.outbox.subscribe(refresh);
  for (const event of ['started', 'acknowledged', 'retrying', 'parked', 'completed'] as const) {
    db.sync.on(event, refresh);
  }
  void refresh();

  return {
    get changes() {
      return changes;
    },
    forDocument: (id) => byDocument.get(id),
    refusedFields: (change) => refusals.get(change.mutationId) ?? storedFields(change.lastError),
    rememberRefusal(mutationId, fields) {
      refusals.set(mutationId, fields);
      tell();
    },
    refresh: () => void refresh(),
    subscribe: (listener) => listeners.push(listener),
  };
}

export function needsHelp(change: PendingChange): boolean {
  return change.state === 'parked' || change.state === 'conflict';
}

/** Why it waits for a person, in words for one. */
export function reasonOf(change: PendingChange): string {
  return change.lastError?.userMessage ?? 'This change cannot be sent as it is.';
}

/** Stuck changes are asked for by themselves, so that a long outbox cannot hide them. */
async function readChanges(db: MarketDatabase): Promise<PendingChange[]> {
  const collection = 'assistants';
  const lists = await Promise.all([
    db.outbox.list({ collection, state: 'parked', limit }),
    db.outbox.list({ collection, state: 'conflict', limit }),
    db.outbox.list({ collection, limit }),
  ]);
  const unique = new Map(lists.flat().map((change) => [change.mutationId, change]));
  const urgency = (change: PendingChange) => (needsHelp(change) ? 0 : 1);
  return [...unique.values()].sort((a, b) => urgency(a) - urgency(b) || a.seq - b.seq).slice(0, limit);
}

function indexByDocument(changes: PendingChange[]): Map<string, PendingChange> {
  const index = new Map<string, PendingChange>();
  for (const change of changes) {
    for (const id of [change.id, change.tempId]) {
      if (id !== undefined && !index.has(id)) index.set(id, change);
    }
  }
  return index;
}

/** Errors kept with the change may name the fields too; then a reloaded page still knows them. */
function storedFields(error: (ErrorInfo & { fields?: FieldErrors }) | undefined): FieldErrors | undefined {
  return error?.fields;
}
