/**
 * The public face of conflicts: the inbox, and the app's own functions that are asked about them.
 *
 * Decides nothing: what a choice leads to is the engine's. Whatever an app's function throws, returns or forgets, the
 * conflict stays and waits for a person. Documents handed out are the caller's own copies.
 */

import type { ConflictOut, VerdictOut } from './binding.js';
import { mustBe, oneOf, plainOptions } from './check.js';
import { refuse, thrownName } from './errors.js';
import { listeners } from './events.js';
import type { Handle } from './handle.js';
import { checkId } from './ids.js';
import { clone, isPlain, snapshotDocument } from './snapshot.js';
import { checkCollection } from './sync.js';
import type { Conflict, Conflicts } from './types-outbox.js';
import { validate } from './validate.js';

const ARGUMENT = 'ARGUMENT_TYPE';

/** The `conflicts` of a database. */
export function conflictsOf(handle: Handle): Conflicts {
  const told = listeners<number>('conflicts.subscribe', handle.report);
  let open = handle.told.status.conflicts;
  handle.statusChanges.add(() => {
    const next = handle.told.status.conflicts;
    if (next === open) return;
    open = next;
    told.emit(next);
  });
  const all = async () => handle.run((client) => client.conflicts());
  return {
    async list(query) {
      handle.alive();
      const given = plainOptions(query, 'query', ['status', 'collection'], ARGUMENT);
      const status = oneOf(given.status, 'status', ['open', 'resolved'], undefined, ARGUMENT);
      if (given.collection !== undefined) checkCollection(handle, given.collection as string);
      const wanted = (one: ConflictOut) =>
        (status === undefined || one.status === status) &&
        (given.collection === undefined || one.collection === given.collection);
      const { conflicts } = await all();
      return conflicts
        .filter(wanted)
        .sort((a, b) => a.detectedAt - b.detectedAt)
        .map(publicConflict);
    },
    async resolve(conflictId, choice) {
      handle.alive();
      if (typeof conflictId !== 'string' || conflictId === '') {
        throw mustBe(ARGUMENT, 'conflictId', 'a non-empty string', conflictId);
      }
      const verdict = await checkChoice(handle, conflictId, choice, all);
      await handle.run((client) => client.resolve(conflictId, verdict));
    },
    subscribe(listener) {
      handle.alive();
      return told.addNow(listener, open);
    },
    async stats() {
      handle.alive();
      const { conflicts, byType, byStrategy } = await all();
      const total = Object.values(byType).reduce((sum, count) => sum + count, 0);
      return { total, open: conflicts.filter((one) => one.status === 'open').length, byType, byStrategy };
    },
  };
}

/** A stored conflict as the app sees it. */
export function publicConflict({ seq: _, ...conflict }: ConflictOut): Conflict {
  const { base, local, remote, fields, ...rest } = clone(conflict);
  return {
    ...rest,
    base,
    local,
    remote,
    fields: fields.map(({ path, base, local, remote, ...times }) => ({ path, base, local, remote, ...times })),
  };
}

/** Asks the app's function about a conflict and tells the engine what it said. */
export async function answerQuestion(handle: Handle, conflict: ConflictOut): Promise<void> {
  const verdict = await ask(handle, conflict);
  if (!handle.isEnded())
    await handle.run((client) => client.verdict(conflict.conflictId, verdict)).catch(() => undefined);
}

async function ask(handle: Handle, conflict: ConflictOut): Promise<VerdictOut> {
  const resolver = handle.checked.resolvers.get(conflict.collection);
  if (resolver === undefined) return { kind: 'person' };
  const { base, local, remote, collection, id, fields } = publicConflict(conflict);
  let answer: unknown;
  try {
    answer = await resolver({ base, local, remote, collection, id, fields } as never);
  } catch (thrown) {
    handle.report(`the conflict function of ${collection}`, thrown);
    const message = `conflict on ${collection}/${id} kept; its function threw ${thrownName(thrown)}`;
    return { kind: 'person', code: 'RESOLVER_FAILED', message };
  }
  if (answer === 'manual') return { kind: 'person' };
  if (answer === null) return { kind: 'doc' };
  const fault = (message: string): VerdictOut => ({ kind: 'person', code: 'RESOLVER_RESULT', message });
  if (!isPlain(answer)) return fault('a conflict function must return a document, null or "manual"');
  if (answer.id !== undefined && answer.id !== id) return fault('a conflict function changed the id');
  try {
    return { kind: 'doc', doc: checkedDocument(handle, collection, { ...answer, id }) };
  } catch {
    return fault('a conflict function returned a document that is not valid');
  }
}

async function checkChoice(
  handle: Handle,
  conflictId: string,
  choice: unknown,
  all: () => Promise<{ conflicts: ConflictOut[] }>,
): Promise<VerdictOut> {
  if (choice === 'local' || choice === 'remote') return { kind: choice };
  if (!isPlain(choice) || !Object.hasOwn(choice, 'doc')) {
    throw mustBe(ARGUMENT, 'choice', '"local", "remote" or { doc }', choice);
  }
  plainOptions(choice, 'choice', ['doc'], ARGUMENT);
  if (choice.doc === null) return { kind: 'doc' };
  const copy = snapshotDocument(choice.doc);
  const { conflicts } = await all();
  const conflict = conflicts.find((one) => one.conflictId === conflictId && one.status === 'open');
  if (conflict === undefined) throw refuse('NOT_FOUND', 'there is no open conflict with this id');
  if (copy.id !== undefined && checkId(copy.id, '$.id') !== conflict.id) {
    throw refuse('ID_INVALID', 'the document has another id than the conflict', { path: '$.id' });
  }
  return { kind: 'doc', doc: checkedDocument(handle, conflict.collection, { ...copy, id: conflict.id }) };
}

function checkedDocument(handle: Handle, collection: string, doc: object): object {
  const copy = snapshotDocument(doc);
  const validator = handle.checked.validators.get(collection);
  if (validator !== undefined) validate(validator, copy);
  return copy;
}
