/**
 * Writes that are durable here: what put(), add(), patch() and remove() give back, and when the server has them.
 *
 * `synced` never becomes an unhandled rejection, and the documents handed out are the caller's own. Knows nothing of
 * how a change is sent.
 */

import type { WriteOutcome } from './binding.js';
import { fromOut, refuse, SeakeepError } from './errors.js';
import type { Handle } from './handle.js';
import { clone } from './snapshot.js';
import type { BulkWrite, Write } from './types.js';
import type { Settle } from './watches.js';

type Synced<T> = Awaited<Write<T>['synced']>;

/** The public face of one outcome. */
export function writeOf<T>(handle: Handle, outcome: WriteOutcome): Write<T> {
  const { id, mutationId } = outcome;
  let own: T | undefined;
  let discarded: () => void = () => undefined;
  const synced = new Promise<Synced<T>>((resolve, reject) => {
    if (mutationId === undefined) return resolve({ id, doc: clone(outcome.doc) as T | undefined, revision: undefined });
    discarded = () => reject(refuse('DISCARDED', 'the change was taken back before it was sent'));
    handle.watches.add(mutationId, (settled) => {
      if (settled instanceof SeakeepError) reject(settled);
      else if (settled.error !== undefined) reject(fromOut(settled.error));
      else
        resolve({
          id: settled.ok?.id ?? id,
          doc: clone(settled.ok?.doc) as T | undefined,
          revision: settled.ok?.revision,
        });
    });
  });
  synced.catch(() => undefined);
  return {
    id,
    mutationId,
    synced,
    get doc() {
      own ??= clone(outcome.doc) as T | undefined;
      return own;
    },
    async cancel() {
      handle.alive();
      if (mutationId === undefined) return false;
      const done = (await handle.run((client) => client.cancel(mutationId))) > 0;
      if (done) discarded();
      return done;
    },
  };
}

/** The public face of many outcomes: one promise for all. */
export function bulkWriteOf(handle: Handle, outcomes: WriteOutcome[]): BulkWrite {
  const sent = outcomes.flatMap((outcome) => outcome.mutationId ?? []);
  const synced = new Promise<void>((resolve, reject) => {
    let open = sent.length;
    const settle: Settle = (settled) => {
      if (settled instanceof SeakeepError) reject(settled);
      else if (settled.error !== undefined) reject(fromOut(settled.error));
      else if (--open === 0) resolve();
    };
    if (open === 0) resolve();
    for (const mutationId of sent) handle.watches.add(mutationId, settle);
  });
  synced.catch(() => undefined);
  return { ids: outcomes.map((outcome) => outcome.id), synced };
}
