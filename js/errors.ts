/**
 * SeakeepError: what every rejection of this package is, and how the engine's plain errors become one.
 *
 * `message` is for developers (what, where, what to do), `userMessage` is fit to show to a person. Neither ever holds
 * document content: callers of this file pass kinds, lengths and field paths, never values.
 */

import type { ErrorOut } from './binding.js';
import type { ErrorInfo } from './types-sync.js';

/** Every code a SeakeepError can carry; the list grows, so treat an unknown one as a failure to report. */
export type ErrorCode =
  | 'NETWORK'
  | 'TIMEOUT'
  | 'SERVER'
  | 'CLIENT'
  | 'CONFLICT'
  | 'AUTH_REQUIRED'
  | 'FORBIDDEN'
  | 'VALIDATION'
  | 'RATE_LIMITED'
  | 'BREAKER_OPEN'
  | 'CAPTIVE_PORTAL'
  | 'BAD_RESPONSE'
  | 'QUOTA_EXCEEDED'
  | 'STORAGE_UNAVAILABLE'
  | 'INTEGRITY_FAILED'
  | 'ENGINE_CRASHED'
  | 'ENV_UNSUPPORTED'
  | 'OUTBOX_FULL'
  | 'DISCARDED'
  | 'UNIQUE_VIOLATION'
  | 'QUERY_TOO_LARGE'
  | 'NETWORK_BLOCKED'
  | 'ABORTED'
  | 'CLOSED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | (string & {});

/** What a SeakeepError may say besides its message. */
export interface ErrorFacts {
  code?: ErrorCode;
  retryable?: boolean;
  parked?: boolean | undefined;
  path?: string | undefined;
  status?: number | undefined;
  fields?: { [field: string]: string } | undefined;
  hint?: string | undefined;
}

/** Every rejection of this package is one of these. Decide by `code`, never by the text. */
export class SeakeepError extends Error {
  /** Always 'SeakeepError'. */
  override readonly name: 'SeakeepError' = 'SeakeepError';
  /** What went wrong, in one stable word. */
  readonly code: ErrorCode;
  /** What to tell the person in front of the screen. */
  readonly userMessage: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** true when the change is kept in the outbox and waits for a person. */
  declare readonly parked?: boolean;
  /** Where in the given value: `$.a[3].b`. */
  declare readonly path?: string;
  /** The server's HTTP status. */
  declare readonly status?: number;
  /** Messages by field, from the app's own validation or the server's. */
  declare readonly fields?: { [field: string]: string };
  /** What to do about it, for developers. */
  declare readonly hint?: string;

  constructor(message?: string, facts: ErrorFacts = {}) {
    super(message);
    this.code = facts.code ?? 'CLIENT';
    this.userMessage = userMessage(this.code);
    this.retryable = facts.retryable ?? false;
    for (const name of ['parked', 'path', 'status', 'fields', 'hint'] as const) {
      if (facts[name] !== undefined) Object.assign(this, { [name]: facts[name] });
    }
  }
}

/** Whether something caught is a SeakeepError, of the given code when one is given. Also true for another copy of this package. */
export function isSeakeepError(error: unknown, code?: ErrorCode): error is SeakeepError {
  if (!(error instanceof Error) || error.name !== 'SeakeepError') return false;
  return code === undefined || (error as SeakeepError).code === code;
}

/** Shorthand for the face's own refusals. */
export function refuse(code: ErrorCode, message: string, facts?: ErrorFacts): SeakeepError {
  return new SeakeepError(message, { ...facts, code });
}

/** An engine's error as the public class. */
export function fromOut(out: ErrorOut): SeakeepError {
  return new SeakeepError(out.message, out);
}

/** An engine's error as plain public data. */
export function toInfo(out: ErrorOut): ErrorInfo {
  const { code, message, retryable, at, status } = out;
  const info = { code, message, userMessage: userMessage(code), retryable, at };
  return status === undefined ? info : { ...info, status };
}

/** Whether a rejection of the module has the shape it promises; anything else is a crash. */
export function isErrorOut(thrown: unknown): thrown is ErrorOut {
  return typeof thrown === 'object' && thrown !== null && typeof (thrown as ErrorOut).code === 'string';
}

/** The name of something thrown by the app's own code, never its message: that could hold document content. */
export function thrownName(thrown: unknown): string {
  const name = thrown instanceof Error ? thrown.name : typeof thrown;
  return /^[A-Za-z]\w{0,40}$/.test(name) ? name : 'an error';
}

/** A value as a type or a length: the only things a message may say about it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (typeof value !== 'number') return value === undefined ? 'undefined' : `a value of type ${typeof value}`;
  if (!Number.isFinite(value)) return String(value);
  return Number.isInteger(value) ? 'an integer outside of it' : 'a fraction';
}

const PERSON: { [code: string]: string } = {
  __proto__: null as never,
  NETWORK: 'No connection right now. Your change is kept and sent later.',
  TIMEOUT: 'The server does not answer. It will be tried again.',
  SERVER: 'The server has a problem. It will be tried again.',
  SERVER_FULL: 'The server has no space left. It will be tried again.',
  BREAKER_OPEN: 'The server has a problem. It will be tried again.',
  CONFLICT: 'Someone else changed this at the same time.',
  AUTH_REQUIRED: 'Please sign in again to continue syncing.',
  FORBIDDEN: 'You are not allowed to make this change.',
  VALIDATION: 'Some entries need to be corrected.',
  RATE_LIMITED: 'The server is busy. It will be tried again.',
  CAPTIVE_PORTAL: 'This network wants you to sign in first. Open a web page to do so.',
  QUOTA_EXCEEDED: 'There is no space left on this device.',
  STORAGE_UNAVAILABLE: 'This browser does not allow data to be stored here.',
  INTEGRITY_FAILED: 'A stored entry is damaged.',
  ENGINE_CRASHED: 'Something went wrong. Please reload the page; what was saved is kept.',
  ENV_UNSUPPORTED: 'This does not work here.',
  OUTBOX_FULL: 'Too many changes are waiting to be sent.',
  DISCARDED: 'This change was discarded.',
  UNIQUE_VIOLATION: 'There is already an entry with this value.',
  ALREADY_EXISTS: 'This entry exists already.',
  NOT_FOUND: 'This entry no longer exists.',
  NETWORK_BLOCKED: 'Something in this network blocks this change.',
  ABORTED: 'The action was cancelled.',
  CLOSED: 'Please reload the page to continue.',
  DOC_TOO_LARGE: 'This entry is too large to be saved.',
  PENDING_EXIST: 'Some changes have not been sent yet.',
  WASM_FETCH_FAILED: 'A part of the app could not be loaded. Please reload the page.',
  BUILD_MISMATCH: 'The app was updated. Please reload the page.',
  DB_VERSION_NEWER: 'The app was updated. Please reload the page.',
};

function userMessage(code: string): string {
  return PERSON[code] ?? 'Something went wrong. Please try again.';
}
