/**
 * What both entries export besides open() and destroy().
 *
 * A list and nothing else: a name that is not here is not public.
 */

export { assistantSync } from './config-sync.js';
export { type ErrorCode, type ErrorFamily, isSeakeepError, SeakeepError } from './errors.js';
/** The version of this package. */
export { version } from './load.js';
export { increment } from './patch.js';
export type * from './types.js';
export type * from './types-adapter.js';
export type * from './types-diagnosis.js';
export type * from './types-outbox.js';
export type * from './types-sync.js';
export type * from './types-sync-options.js';
export type * from './types-told.js';
