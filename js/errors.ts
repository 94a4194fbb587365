/**
 * SeakeepError: what every rejection of this package is, and how the engine's plain errors become one.
 *
 * `message` is for developers (what, where, what to do), `userMessage` is fit to show to a person. Neither ever holds
 * document content: callers of this file pass kinds, lengths and field paths, never values.
 */

import type { ErrorOut } from './binding.js';
import { type ErrorFamily, familyOf, isRetryable, type KnownCode, userMessage } from './error-table.js';
import type { ErrorInfo } from './types-told.js';

export type { ErrorFamily } from './error-table.js';

/** Every code a SeakeepError can carry; the list grows, so treat an unknown one as a failure to report. */
export type ErrorCode = KnownCode | (string & {});

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
  /** What kind of thing that is: 'network', 'timeout', 'server', 'validation' and so on. */
  readonly family: ErrorFamily;
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
    this.userMessage = userMessage(this.code, facts.parked ? 'parked' : undefined);
    this.family = familyOf(this.code);
    this.retryable = facts.retryable ?? isRetryable(this.code);
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

/** An engine's error as plain public data; `end`: what it was to its change, when that goes no further by itself. */
export function toInfo(
  out: ErrorOut,
  end: 'parked' | 'rejected' | undefined = out.parked ? 'parked' : undefined,
): ErrorInfo {
  const { code, message, retryable, at, status, fields } = out;
  const info: ErrorInfo = { code, message, family: familyOf(code), userMessage: userMessage(code, end), retryable, at };
  if (status !== undefined) info.status = status;
  if (fields !== undefined) info.fields = { ...fields };
  return info;
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
