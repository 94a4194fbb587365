/**
 * The errors that this tab was told lately, for a report that leaves the device.
 *
 * Holds what calls were rejected with, what events, the status and watched writes carried, and listeners that threw; the
 * same one again stands once, as of its last time. Neither paths nor ids of documents nor messages by field are kept:
 * they can be data. Decides nothing.
 */

import type { ErrorOut } from './binding.js';
import { toInfo } from './errors.js';
import type { ErrorInfo } from './types-told.js';

/** An error of the engine, or one that the face has refused something with. */
export type ErrorLike = Omit<ErrorOut, 'at'> & { at?: number; path?: string };

/** How many are kept: the oldest go. */
const MOST = 50;
/** What stands for a name that was taken out. */
const GONE = '…';

/** The last errors of one open database. */
export class LastErrors {
  /** Newest first. */
  private all: ErrorInfo[] = [];

  constructor(private readonly collections: readonly string[]) {}

  /** Keeps one more. */
  note(error: ErrorLike): void {
    const { fields: _, ...info } = toInfo({
      ...error,
      message: this.nameless(error),
      code: error.code,
      at: error.at || Date.now(),
    });
    const same = (one: ErrorInfo) =>
      one.code === info.code && one.status === info.status && one.message === info.message;
    if (this.all.some((one) => same(one) && one.at >= info.at)) return;
    this.all = [info, ...this.all.filter((one) => !same(one))].slice(0, MOST);
  }

  /** Newest first; the caller's own. */
  list(): ErrorInfo[] {
    return this.all.map((one) => ({ ...one }));
  }

  /** The message without the path into a document, and without its id. */
  private nameless({ message, path = '' }: ErrorLike): string {
    // A message may name a second path (of what a cycle refers back to); it stands at the end.
    const text = (path.length > 1 ? message.replaceAll(path, GONE) : message).replace(/\$[.[].*$/s, GONE);
    const ats = this.collections.map((name) => [text.indexOf(`${name}/`), name.length + 1] as const);
    const [at, length] = ats.find(([at]) => at >= 0) ?? [text.length, 0];
    return length === 0 ? text : text.slice(0, at + length) + GONE;
  }
}
