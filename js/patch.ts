/**
 * Patches: the changes of named fields, split into what to set, what to remove and what to increase.
 *
 * Works on top-level fields only; a value replaces the whole field. Refuses changes that are not a plain object, an
 * amount that is not a finite number, and any attempt at the id or the prototype.
 */

import { mustBe } from './check.js';
import { refuse } from './errors.js';
import { idMismatch } from './ids.js';
import { isPlain, MADE, snapshotValue } from './snapshot.js';
import type { Increment } from './types.js';

/** A patch, ready for the engine. */
export interface SplitPatch {
  set: { [field: string]: unknown };
  unset: string[];
  inc: { [field: string]: number };
}

/**
 * In patch(), as the value of a whole field: adds to the number that is there (to 0 when there is none), also to the one that
 * the server turns out to have. Anywhere else it is refused: DOC_UNSUPPORTED, with its path; data of a server that only looks like
 * it is data, and goes back by put().
 */
export function increment(by: number): Increment {
  return Object.defineProperty({ $increment: by }, MADE, { value: true });
}

/** Splits and checks; PATCH_INVALID for what cannot be a patch, the codes of documents for what it sets. */
export function splitPatch(id: string, changes: unknown): SplitPatch {
  if (!isPlain(changes)) throw mustBe('PATCH_INVALID', 'changes', 'a plain object', changes);
  const rest: { [field: string]: unknown } = {};
  const split: SplitPatch = { set: {}, unset: [], inc: {} };
  for (const [field, value] of read(changes)) {
    if (field === '__proto__') throw invalid('field "__proto__" cannot be changed');
    if (field === 'id') checkSameId(id, value);
    else if (value === undefined) split.unset.push(field);
    else if (isIncrement(value)) split.inc[field] = amount(field, value.$increment);
    else rest[field] = value;
  }
  split.set = snapshotValue(rest) as SplitPatch['set'];
  if (!Object.keys({ ...split.set, ...split.inc }).length && !split.unset.length)
    throw invalid('changes name no field');
  return split;
}

/** The document as the patch would leave it; PATCH_TYPE when a number to increase is not one. */
export function applyPatch(doc: object, patch: SplitPatch): object {
  const out = { ...doc, ...patch.set } as { [field: string]: unknown };
  for (const field of patch.unset) delete out[field];
  for (const [field, by] of Object.entries(patch.inc)) {
    const before = out[field] === undefined ? 0 : out[field];
    if (typeof before !== 'number') {
      throw refuse('PATCH_TYPE', `$.${field} is a ${typeof before}, increment needs a number`, { path: `$.${field}` });
    }
    out[field] = before + by;
  }
  return out;
}

/** Reads every field once; a getter that throws is named. */
function read(changes: { [field: string]: unknown }): [string, unknown][] {
  return Object.keys(changes).map((field) => {
    try {
      return [field, changes[field]];
    } catch {
      throw refuse('DOC_READ_FAILED', `reading $.${field} threw`, { path: `$.${field}` });
    }
  });
}

function checkSameId(id: string, value: unknown): void {
  if (value !== id) throw idMismatch();
}

function isIncrement(value: unknown): value is Increment {
  return isPlain(value) && Object.hasOwn(value, '$increment') && Object.keys(value).length === 1;
}

function amount(field: string, by: unknown): number {
  if (typeof by === 'number' && Number.isFinite(by)) return by;
  throw mustBe('PATCH_INVALID', `$.${field}`, 'increased by a finite number', by);
}

function invalid(message: string): Error {
  return refuse('PATCH_INVALID', message, { path: '$' });
}
