// Everything a person can do to an assistant, each as one call on the package, measured and announced.
//
// Each call resolves when the change is durable on this device; the server comes later, and what it says
// arrives through `write.synced`. Errors pass to the caller unless nobody could act on them there.

import { isSeakeepError, type PendingChange, type Row, type Write } from 'seakeep';
import type { Announcer } from './announce.js';
import type { MarketDatabase } from './db.js';
import { type Assistant, type AssistantFields, changedFields, fieldsOf } from './model.js';
import { needsHelp, type OutboxView } from './outbox.js';
import type { Toasts } from './undo.js';

export interface Actions {
  create(fields: AssistantFields): Promise<void>;
  /** Changes what differs between `before` and `after`; a parked change is corrected and tried again. */
  save(id: string, before: AssistantFields, after: AssistantFields): Promise<void>;
  remove(row: Row<Assistant>): Promise<void>;
  retry(change: PendingChange): Promise<void>;
  discard(change: PendingChange): Promise<void>;
}

export interface ActionDeps {
  db: MarketDatabase;
  outbox: OutboxView;
  announcer: Announcer;
  toasts: Toasts;
  wrote(ms: number): void;
}

export function createActions({ db, outbox, announcer, toasts, wrote }: ActionDeps): Actions {
  const assistants = db.collection('assistants');

  async function timed<R>(work: Promise<R>): Promise<R> {
    const started = performance.now();
    const result = await work;
    wrote(performance.now() - started);
    return result;
  }

  /** Announces when the server has it; keeps the fields it refused. */
  function follow(write: Write<Assistant>, name: string): void {
    write.synced.then(
      () => announcer.synced(name),
      (error: unknown) => {
        const fields = isSeakeepError(error) ? error.fields : undefined;
        if (write.mutationId && fields) outbox.rememberRefusal(write.mutationId, fields);
      },
    );
  }

  async function create(fields: AssistantFields): Promise<void> {
    follow(await timed(assistants.put({ ...fields })), fields.name);
    announcer.say(`${fields.name} is saved on this device.`);
  }

  async function correct(change: PendingChange, fields: AssistantFields): Promise<void> {
    const stored = await assistants.get(change.id, { fresh: true });
    await timed(db.outbox.edit(change.mutationId, { ...stored, ...fields }));
    const [left] = (await db.outbox.list({ state: 'parked' })).filter((one) => one.id === change.id);
    if (left) await db.outbox.retry(left.mutationId);
  }

  async function takeBack(write: Write<Assistant>, doc: Assistant): Promise<void> {
    const undone = await write.cancel();
    // Sent already, or folded into nothing: then the assistant is created anew.
    if (!undone || !(await assistants.get(doc.id, { fresh: true }))) await create(fieldsOf(doc));
    announcer.say(`${doc.name} is back.`);
  }

  async function putBack(change: PendingChange, doc: Assistant | undefined): Promise<void> {
    if (change.kind === 'delete') follow(await timed(assistants.remove(change.id)), 'deletion');
    else if (change.kind === 'create' && doc) await create(fieldsOf(doc));
    else if (doc) follow(await timed(assistants.patch(change.id, { ...fieldsOf(doc) })), doc.name);
  }

  return {
    create,
    async save(id, before, after) {
      const change = outbox.forDocument(id);
      if (change && needsHelp(change) && change.kind !== 'delete') await correct(change, after);
      else {
        const changes = changedFields(before, after);
        if (Object.keys(changes).length === 0) return;
        follow(await timed(assistants.patch(id, changes)), after.name);
      }
      announcer.say(`${after.name} is saved on this device.`);
    },
    async remove(row) {
      const write = await timed(assistants.remove(row.id));
      follow(write, `deletion of ${row.doc.name}`);
      announcer.say(`${row.doc.name} is deleted. Undo is available for a few seconds.`);
      toasts.offerUndo(`Deleted “${row.doc.name}”`, () => takeBack(write, row.doc));
    },
    async retry(change) {
      await db.outbox.retry(change.mutationId);
      announcer.say('Trying again.');
    },
    async discard(change) {
      const doc = await assistants.get(change.id, { fresh: true });
      await db.outbox.discard(change.mutationId);
      announcer.say('The change is discarded.');
      toasts.offerUndo(`Discarded the change to “${doc?.name ?? 'an assistant'}”`, () => putBack(change, doc));
    },
  };
}
