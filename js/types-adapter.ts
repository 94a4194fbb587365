/**
 * The public types of adapters: any back end instead of a server of the REST profile.
 *
 * Types only: nothing here exists at run time. Times are milliseconds since the Unix epoch, durations are milliseconds.
 */

import type { Unsubscribe } from './types.js';

/**
 * The escape hatch: any back end in two functions. Each must end by `sync.timeout`. A function that rejects is a server out of
 * reach: everything waits and nothing counts. What is no result counts as a failure (ADAPTER_RESULT); the log says what was wrong.
 */
export interface Adapter {
  /**
   * Executes changes, each at most once for its `idempotencyKey`: the same one comes again whenever its result was not seen.
   * Results are matched by `mutationId`; a change without one is unknown, and comes again.
   */
  push(changes: OutgoingChange[], context: AdapterContext): Promise<PushResult[]>;
  /** The next documents of a collection after a checkpoint (undefined: from the beginning), in the order they were changed. Without it nothing is pulled. */
  pull?(
    request: { collection: string; checkpoint: unknown; limit: number },
    context: AdapterContext,
  ): Promise<PullPage>;
  /**
   * One document by itself, as the newest state of the server has it; null when there is none. Asked for when a document that
   * came is not the last word (an answer that came late, a conflict without its document). Without it the whole list is gone through.
   */
  get?(request: { collection: string; id: string }, context: AdapterContext): Promise<PullPage['docs'][number] | null>;
  /**
   * Calls notify() whenever the server has news; returns how to stop, at once (a promise is no way to stop, and the log says so: then
   * `context.signal` is). Called in every tab while sync runs.
   */
  subscribe?(notify: (collection?: string) => void, context: AdapterContext): Unsubscribe;
}
/** What an adapter works with. */
export interface AdapterContext {
  /** Aborted when the result is not waited for any more. */
  readonly signal: AbortSignal;
  /** `sync.fetch`, or the global one. */
  readonly fetch: typeof fetch;
  /** The headers of `sync.auth`, asked for now. Where it throws, sync waits for a login. */
  headers(): Promise<Headers>;
}
/** A change on its way to the server. */
export interface OutgoingChange {
  /** Identity of the person's change. */
  readonly mutationId: string;
  /** Belongs to this very content; to be executed at most once. */
  readonly idempotencyKey: string;
  /** By its name. */
  readonly collection: string;
  /** Temporary (`pending-…`) where the server is to make the id: the result then names the real one. */
  readonly id: string;
  /** What it does. */
  readonly kind: 'create' | 'update' | 'delete';
  /** create: the document, without a temporary id; update: the whole document where `changes` cannot say it. */
  readonly doc?: object;
  /** update: a merge patch (RFC 7396): fields set, or null to remove. */
  readonly changes?: object;
  /** Of the server's document that this change was made on; a conflict when it is another one by now. */
  readonly revision?: string;
  /** When the person made it. */
  readonly createdAt: number;
  /** From 1. */
  readonly attempt: number;
}
/** What became of one change. */
export type PushResult =
  /** Executed. `doc` is the document as stored there, where that is not what was sent. */
  | { mutationId: string; status: 'ok'; id?: string; revision?: string; doc?: object }
  /** Not executed: the server's document is this one, or is gone (null). */
  | { mutationId: string; status: 'conflict'; doc: object | null; revision?: string }
  /** Refused for good: parked. `code` FORBIDDEN, VALIDATION, TOO_LARGE are kept, AUTH_REQUIRED pauses all for a login, others become CLIENT. */
  | { mutationId: string; status: 'rejected'; code: string; message?: string; fields?: { [field: string]: string } }
  /** Not now: counts as a failed attempt, unless `after` says when to come back (milliseconds). */
  | { mutationId: string; status: 'retry'; after?: number; message?: string };
/** News of a collection. `checkpoint` is any JSON and covers exactly these documents; null: each pull begins anew. */
export interface PullPage {
  /**
   * The documents in the order they were changed; `deleted` ones without `doc`. One that cannot be kept (a Date in it, nested too
   * deep) is named in the log, left out, and asked for by itself; the others are kept. More than `limit` are taken.
   */
  docs: { id: string; revision?: string; deleted?: boolean; doc?: object; updatedAt?: number }[];
  /** Where the next page begins; given back as it is. */
  checkpoint: unknown;
  /** Whether there is a next page now. */
  hasMore: boolean;
  /** The checkpoint is not known any more: everything is pulled again, pending changes are kept. */
  resync?: boolean;
}
