/**
 * The app's own validators: run on a copy of what would be stored, before anything is stored.
 *
 * Refuses with VALIDATION and the messages by field. A validator that throws or answers later has not said "valid", so
 * the write is refused too; of what it threw only the name is told.
 */

import type { Validate } from './config.js';
import { refuse, thrownName } from './errors.js';
import { clone } from './snapshot.js';

/** Throws VALIDATION unless the validator accepts the document. */
export function validate(validator: Validate, doc: object): void {
  const verdict = ask(validator, clone(doc));
  if (typeof verdict !== 'object' || verdict === null) return;
  if (typeof (verdict as PromiseLike<unknown>).then === 'function') {
    throw refuse('VALIDATION', 'validate must answer at once; it returned a promise');
  }
  const messages = Object.entries(verdict).filter(([, message]) => message !== undefined);
  if (messages.length === 0) return;
  const fields = Object.fromEntries(messages.map(([field, message]) => [field, String(message)]));
  throw refuse('VALIDATION', `the document is not valid: ${messages.length} field(s) were refused`, { fields });
}

function ask(validator: Validate, doc: object): unknown {
  try {
    return validator(doc);
  } catch (thrown) {
    throw refuse('VALIDATION', `validate threw ${thrownName(thrown)}`);
  }
}
