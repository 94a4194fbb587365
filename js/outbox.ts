/**
 * The public face of the outbox: what is not acknowledged yet, and what a person may do about it.
 *
 * Checks what is given; an edited document passes the same snapshot and validator as one given to put().
 */

import type { PendingOut } from './binding.js';
import { integer, mustBe, oneOf, plainOptions } from './check.js';
import { snapshotDraft } from './collection.js';
import { refuse, toInfo } from './errors.js';
import { type Listeners, listeners } from './events.js';
import type { Handle } from './handle.js';
import { checkId } from './ids.js';
import { checkCollection } from './sync.js';
import type { Outbox, PendingChange, PendingState } from './types-outbox.js';
import { validate } from './validate.js';

type Summary = { pending: number; parked: number; oldest?: number };
const STATES = ['waiting', 'sending', 'parked', 'conflict'] as const;
const LIST = ['collection', 'state', 'limit', 'after'];

/** The `outbox` of a database. */
export function outboxOf(handle: Handle): Outbox {
  const told: Listeners<Summary> = listeners('outbox.subscribe', handle.report);
  let summary = summaryOf(handle);
  handle.statusChanges.add(() => {
    const next = summaryOf(handle);
    const same = next.pending === summary.pending && next.parked === summary.parked && next.oldest === summary.oldest;
    summary = next;
    if (!same) told.emit(next);
  });
  return {
    async list(query) {
      handle.alive();
      const checked = checkList(handle, query);
      const rows = await handle.run((client) => client.pendingList(checked));
      return rows.map(publicChange);
    },
    async count(state) {
      handle.alive();
      const checked = checkState(state);
      return handle.run((client) => client.pendingCount(checked));
    },
    subscribe(listener) {
      handle.alive();
      return told.addNow(listener, summary);
    },
    async retry(mutationId) {
      handle.alive();
      if (mutationId !== undefined) checkMutationId(mutationId);
      return handle.run((client) => client.retry(mutationId));
    },
    async discard(mutationId) {
      handle.alive();
      checkMutationId(mutationId);
      await handle.run((client) => client.discard(mutationId));
    },
    async edit(mutationId, doc) {
      handle.alive();
      checkMutationId(mutationId);
      const copy = snapshotDraft(doc);
      if (Object.hasOwn(copy, 'id')) checkId(copy.id, '$.id');
      await validateEdit(handle, mutationId, copy);
      await handle.run((client) => client.edit(mutationId, copy));
    },
  };
}

/** The validator belongs to the change's collection, which only its row knows. */
async function validateEdit(handle: Handle, mutationId: string, doc: object): Promise<void> {
  const { validators } = handle.checked;
  if (![...validators.values()].some((validator) => validator !== undefined)) return;
  const change = await findChange(handle, mutationId);
  if (change === undefined) throw refuse('MUTATION_UNKNOWN', 'there is no such change in the outbox');
  const validator = validators.get(change.collection);
  if (validator !== undefined) validate(validator, doc);
}

async function findChange(handle: Handle, mutationId: string): Promise<PendingOut | undefined> {
  for (let after = 0; ; ) {
    const page = await handle.run((client) => client.pendingList({ limit: 1000, after }));
    const found = page.find((change) => change.mutationId === mutationId);
    const last = page.at(-1);
    if (found !== undefined || last === undefined || page.length < 1000) return found;
    after = last.seq;
  }
}

function checkList(handle: Handle, query: unknown) {
  const given = plainOptions(query, 'query', LIST, 'ARGUMENT_TYPE');
  const limit = integer(given.limit, 'limit', 1, 10_000, 1000, 'QUERY_RANGE');
  const after = integer(given.after, 'after', 0, Number.MAX_SAFE_INTEGER, 0, 'QUERY_RANGE');
  const state = checkState(given.state);
  const collection = given.collection as string | undefined;
  if (collection !== undefined) checkCollection(handle, collection);
  return {
    limit,
    after,
    ...(collection === undefined ? {} : { collection }),
    ...(state === undefined ? {} : { state }),
  };
}

function checkState(state: unknown): PendingState | undefined {
  return oneOf(state, 'state', STATES, undefined, 'ARGUMENT_TYPE');
}

function checkMutationId(mutationId: unknown): void {
  if (typeof mutationId === 'string' && mutationId !== '') return;
  throw mustBe('ARGUMENT_TYPE', 'mutationId', 'a non-empty string', mutationId);
}

function summaryOf(handle: Handle): Summary {
  const { status, oldest } = handle.told;
  const counts = { pending: status.pending, parked: status.parked };
  return oldest === undefined ? counts : { ...counts, oldest };
}

function publicChange({ lastError, ...rest }: PendingOut): PendingChange {
  return lastError === undefined
    ? rest
    : { ...rest, lastError: toInfo(lastError, rest.state === 'parked' ? 'parked' : undefined) };
}
