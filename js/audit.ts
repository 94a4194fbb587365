/**
 * The public face of the audit ring: what became of which change, newest first.
 *
 * Reads what the engine wrote together with the changes themselves; adds nothing of its own and holds no document.
 */

import type { AuditOut } from './binding.js';
import { integer, plainOptions } from './check.js';
import type { Handle } from './handle.js';
import { checkId } from './ids.js';
import { checkCollection } from './sync.js';
import type { Audit, AuditEntry } from './types-told.js';

const LIST = ['collection', 'id', 'limit'];
const CAPACITY = 1000;

/** The `audit` of a database. */
export function auditOf(handle: Handle): Audit {
  return {
    async list(query) {
      handle.alive();
      const given = plainOptions(query, 'query', LIST, 'ARGUMENT_TYPE');
      const limit = integer(given.limit, 'limit', 1, CAPACITY, CAPACITY, 'QUERY_RANGE');
      const collection = given.collection as string | undefined;
      if (collection !== undefined) checkCollection(handle, collection);
      const id = given.id === undefined ? undefined : checkId(given.id);
      const all = await handle.run((client) => client.auditList());
      all.sort((a, b) => b.n - a.n);
      const ids = id === undefined ? undefined : namesOf(all, id);
      const wanted = (entry: AuditOut) =>
        (collection === undefined || entry.collection === collection) &&
        (ids === undefined || ids.has(entry.id) || ids.has(entry.tempId));
      return all.filter(wanted).slice(0, limit).map(publicEntry);
    },
  };
}

/** The id and the temporary ones it had, so that the whole story of a document is found by either. */
function namesOf(all: AuditOut[], id: string): Set<string | undefined> {
  const names = new Set<string | undefined>([id]);
  for (const entry of all) {
    if (entry.tempId !== undefined && (entry.id === id || entry.tempId === id)) names.add(entry.id).add(entry.tempId);
  }
  return names;
}

function publicEntry({ slot: _slot, n: _n, ...entry }: AuditOut): AuditEntry {
  return entry;
}
