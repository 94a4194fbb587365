/**
 * The public face of an open database: its collections, sync, outbox and settings over one handle.
 *
 * Holds no state of its own but the collections it has already made.
 */

import { auditOf } from './audit.js';
import { collectionOf } from './collection.js';
import { conflictsOf } from './conflicts.js';
import { diagnose } from './diagnose.js';
import type { Handle } from './handle.js';
import { outboxOf } from './outbox.js';
import { settingsOf } from './settings.js';
import { checkCollection, syncOf } from './sync.js';
import { transactionOf } from './transaction.js';
import type { AnySchema, Collection, Database } from './types.js';

/** How the test kit, which is a bundle of its own, has a database end as a page that dies. */
const ABANDON = Symbol.for('seakeep.abandon');

/** The database of a handle; `name` as the app gave it. */
export function databaseOf(handle: Handle, name: string): Database<AnySchema> {
  const made = new Map<string, Collection<AnySchema[string]>>();
  const database: Database<AnySchema> = {
    name,
    user: handle.checked.config.user,
    sync: syncOf(handle),
    outbox: outboxOf(handle),
    conflicts: conflictsOf(handle),
    settings: settingsOf(handle),
    collection(wanted) {
      handle.alive();
      const known = made.get(wanted);
      if (known !== undefined) return known;
      checkCollection(handle, wanted);
      const config = handle.checked.config.collections.find((one) => one.name === wanted);
      const collection = collectionOf(handle, config as NonNullable<typeof config>);
      made.set(wanted, collection);
      return collection;
    },
    transaction: transactionOf(handle),
    metrics: handle.meter.face(() => handle.alive()),
    audit: auditOf(handle),
    diagnose: () => diagnose(handle, name),
    on(event, listener) {
      handle.alive();
      return handle.events.on(event, listener);
    },
    close: () => handle.close(),
  };
  return Object.defineProperty(database, ABANDON, { value: () => handle.abandon() });
}
