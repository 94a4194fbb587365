/**
 * What the compiled module gives to the face, and what the face gives to it.
 *
 * These are the only types that cross the border between TypeScript and wasm. Everything here is plain: objects of
 * JSON values, numbers in milliseconds, documents by reference. The module never looks at a document the face has not
 * already copied and checked, and never calls the app's own functions: it calls `Hooks`, always from a fresh task.
 * Nothing here is exported to users.
 */

import type { ClientConfig } from './binding-config.js';
import type { EngineEvent } from './binding-events.js';
import type {
  AuditOut,
  ConflictOut,
  Expected,
  MetaOut,
  PendingOut,
  QueryOut,
  ReportOut,
  RowOut,
  VerdictOut,
  WriteOp,
  WriteOutcome,
} from './binding-shapes.js';
import type { SyncStats } from './types-told.js';

export type * from './binding-config.js';
export type * from './binding-events.js';
export type * from './binding-shapes.js';

/** The generated wasm-bindgen module (`--target web`). */
export interface WasmModule {
  /** Identity of this build: the face refuses a module of another build (BUILD_MISMATCH). */
  buildId(): string;
  openClient(config: ClientConfig, hooks: Hooks): Promise<Client>;
  /** Rejects PENDING_EXIST while unsent changes exist, unless told to discard them. */
  destroyDatabase(name: string, discardPending: boolean): Promise<void>;
}

/** What the face does for the module. */
export interface Hooks {
  /** The app's fetch, or the global one bound to its realm. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** The text of a response's body, null when it is longer than `most` bytes, undefined when it is nested too deep. */
  text(response: Response, most: number): Promise<string | null | undefined | false>;
  /** Tells a response's body as it comes, until `take` gives it up. */
  pieces(response: Response, take: (text: string) => boolean): Promise<boolean>;
  /** Asks for the lock of a database; returns how to give it up. */
  lock(name: string, granted: () => void): () => void;
  /** The app's auth(), or undefined. */
  auth?: () => unknown;
  /**
   * Everything that happened and was not told yet, in order: called from a fresh task, never re-entrantly. Without a
   * batch there is news that came with an answer: it is to be fetched (`news`) once whoever was answered has gone on.
   */
  events(batch?: EngineEvent[]): void;
  /** The module has panicked and will do nothing more: called from the panic hook, once for each open client. */
  crashed?(text: string): void;
}

/** One open database. Every method may be called at any time until close() has settled; afterwards all reject CLOSED. */
export interface Client {
  /** With `expected` it is a transaction: its changes are sent as one unit, and it may be empty. */
  write(ops: WriteOp[], expected?: Expected): Promise<WriteOutcome[]>;
  /** Everything that was not told yet, in order. */
  news(): EngineEvent[];
  /** Those of these documents that answer a query, in its order. */
  sift(collection: string, query: QueryOut, docs: object[]): object[];
  /** The document by id or by a temporary id; a fresh copy, or undefined. */
  get(collection: string, id: string): Promise<object | undefined>;
  getMany(collection: string, ids: string[]): Promise<(object | undefined)[]>;
  /** Documents only. */
  query(collection: string, query: QueryOut): Promise<object[]>;
  /** With key and state, for live queries; says whether the first pull of the collection has finished. */
  rows(collection: string, query: QueryOut): Promise<{ rows: RowOut[]; complete: boolean }>;
  count(collection: string, query: QueryOut): Promise<number>;
  meta(collection: string, id: string): Promise<MetaOut | undefined>;

  now(options: { collection?: string; push: boolean; pull: boolean; full: boolean }): Promise<ReportOut>;
  start(): void;
  stop(): void;
  /** Returns the number to release it with. */
  hold(reason: string): number;
  release(hold: number): void;
  /** A pass at a time; returns the number to forget it with. */
  schedule(at: number): number;
  unschedule(number: number): void;
  stats(): Promise<SyncStats>;
  resetStats(): Promise<SyncStats>;

  pendingList(query: { collection?: string; state?: string; limit: number; after: number }): Promise<PendingOut[]>;
  pendingCount(state?: string): Promise<number>;
  /** One change, or all. */
  retry(mutationId?: string): Promise<number>;
  discard(mutationId: string): Promise<unknown>;
  edit(mutationId: string, doc: object): Promise<unknown>;
  /** Takes a change back when no attempt was made; gives how many it took. */
  cancel(mutationId: string): Promise<number>;

  /** All stored conflicts, and how many there ever were. */
  conflicts(): Promise<{
    conflicts: ConflictOut[];
    byType: { [type: string]: number };
    byStrategy: { [strategy: string]: number };
  }>;
  /** A person's choice; rejects NOT_FOUND when it is not open. */
  resolve(conflictId: string, choice: VerdictOut): Promise<unknown>;
  /** What the app's function said; late, doubled and old answers are ignored. */
  verdict(conflictId: string, verdict: VerdictOut): Promise<unknown>;

  /** The audit ring, in no order. */
  auditList(): Promise<AuditOut[]>;

  settingGet(key: string): Promise<unknown>;
  settingSet(key: string, value: unknown): Promise<void>;
  settingRemove(key: string): Promise<void>;

  /** The random name of the store's life, and how far the server's clock is ahead; answers whatever the store does. */
  about(): { storeId: string; clockOffset: number };
  /** A number that moves whenever any tab commits anything: memory older than it is not trusted (at most 1 s, design section 15). */
  mark(): Promise<string>;
  close(): Promise<void>;
  /** Ends as a page that dies does: nothing is finished, nothing given back. For the test kit. */
  abandon(): void;
}
