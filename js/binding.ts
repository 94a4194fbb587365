/**
 * What the compiled module gives to the face, and what the face gives to it.
 *
 * These are the only types that cross the border between TypeScript and wasm. Everything here is plain: objects of
 * JSON values, numbers in milliseconds, documents by reference. The module never looks at a document the face has not
 * already copied and checked, and never calls the app's own functions: it calls `Hooks`, always from a fresh task.
 * Nothing here is exported to users.
 */

import type { Progress, SyncStats, SyncTriggers } from './types-sync.js';

/** The generated wasm-bindgen module (`--target web`). */
export interface WasmModule {
  /** Identity of this build: the face refuses a module of another build (BUILD_MISMATCH). */
  buildId(): string;
  openClient(config: ClientConfig, hooks: Hooks): Promise<Client>;
  /** Rejects PENDING_EXIST while unsent changes exist, unless told to discard them. */
  destroyDatabase(name: string, discardPending: boolean): Promise<void>;
}

/** Checked and filled with defaults by the face; the module trusts it. */
export interface ClientConfig {
  /** Database name, with the user's digest already appended. */
  name: string;
  user?: string;
  version: number;
  /** Which writer this code is: databases that a higher one has opened are closed to it. */
  writer: number;
  storage: 'indexeddb' | 'memory';
  durability: 'strict' | 'relaxed';
  persist: boolean;
  collections: CollectionConfig[];
  sync?: SyncConfig;
}
export interface CollectionConfig {
  name: string;
  /** Path of the collection under sync.url. */
  path: string;
  indexes: { path: string[]; unique: boolean; multi: boolean }[];
  references: { field: string; collection: string }[];
  rejected: 'park' | 'rollback';
  local: boolean;
  conflict: 'fields' | 'merge' | 'latest' | 'server' | 'client' | 'manual' | 'function';
  fieldGroups: string[][];
}
export interface SyncConfig {
  url: string;
  /** The app's adapter answers there. */
  adapter?: boolean;
  /** Whether there is anything to pull from (default true). */
  pulls?: boolean;
  interval: number;
  pullInterval: number;
  startDelay: number;
  maxAttempts: number;
  backoff: { base: number; factor: number; max: number; jitter: boolean };
  requestRetries: number;
  /** Where a failed attempt waits: 'backoff' (its own pause) or 'interval' (the next period). */
  retry: 'backoff' | 'interval';
  concurrency: number;
  delayBetween: number;
  batchSize: number;
  timeout: number;
  /** Absent: none. */
  breaker?: { failures: number; cooldown: number };
  maxPending: number;
  auto: boolean;
  /** Paths under `url` of the parts of the profile that the server has. */
  rest: { batch?: string; events?: string; health?: string };
  /** What happens by itself on a slow or metered connection. */
  onSlowNetwork: 'all' | 'push-only' | 'none';
}

export interface Hooks {
  /** The app's fetch, or the global one bound to its realm. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** The text of a response's body, null when it is longer than `most` bytes, undefined when it is nested too deep. */
  text(response: Response, most: number): Promise<string | null | undefined>;
  /** Tells a response's body as it comes, until `take` gives it up. */
  pieces(response: Response, take: (text: string) => boolean): Promise<boolean>;
  /** Asks for the lock of a database; returns how to give it up. */
  lock(name: string, granted: () => void): () => void;
  /** The app's auth(), or undefined. */
  auth?: () => unknown;
  /** Everything that happened since the last call, in order. Called from a fresh task, never re-entrantly. */
  events(batch: EngineEvent[]): void;
  /** The module has panicked and will do nothing more: called from the panic hook, once for each open client. */
  crashed?(text: string): void;
}

/** One operation. All operations of one write() are one atomic step. */
export interface WriteOp {
  kind: 'put' | 'add' | 'patch' | 'remove';
  collection: string;
  /** Empty for a document without an id: the engine mints `pending-{timestamp}-{random}` and sets it in the document. */
  id: string;
  /** put, add: the face's own copy; the engine keeps it. Without `id` when the id is empty. */
  doc?: object;
  /** patch: fields to set, to remove, and to increase. */
  set?: object;
  unset?: string[];
  inc?: { [field: string]: number };
  priority: 'high' | 'user' | 'background';
  /** Save without sending. */
  local: boolean;
  /** The id is a temporary one that the face has just made: nothing can stand there. */
  fresh?: boolean;
}
/** What a transaction read: TX_CONFLICT when any of it is different by the time of the write. */
export interface Expected {
  docs: { collection: string; id: string; doc?: object | undefined }[];
  answers: { collection: string; query: QueryOut; docs: object[] }[];
}
export interface WriteOutcome {
  id: string;
  key: string;
  /** Undefined when nothing will be sent. */
  mutationId?: string;
  /** The optimistic document as stored; shared, never to be changed. Undefined after remove. */
  doc?: object;
}

/** A stored document with what a list needs to know about it. `doc` is the caller's own. */
export interface RowOut {
  id: string;
  key: string;
  doc: object;
  state: 'synced' | 'pending' | 'sending' | 'parked' | 'conflict' | 'local';
}
export interface MetaOut {
  id: string;
  key: string;
  state: RowOut['state'];
  revision?: string;
  updatedAt: number;
  syncedAt?: number;
  attempts: number;
  lastError?: ErrorOut;
}

/** Scalars only; the face has checked the shape. */
export type ScalarOut = string | number | boolean | null;
export interface QueryOut {
  /** Conditions, all of which must hold. `in` has at least one value. */
  where: {
    path: string;
    op: 'eq' | 'in' | 'gt' | 'gte' | 'lt' | 'lte' | 'startsWith';
    value: ScalarOut | ScalarOut[];
  }[];
  orderBy: string[];
  descending: boolean;
  /** Undefined: all, at most 10 000 (QUERY_TOO_LARGE beyond). */
  limit?: number;
}

/** How the module rejects: the face makes a SeakeepError of it. */
export interface ErrorOut {
  code: string;
  message: string;
  retryable: boolean;
  at: number;
  status?: number;
  path?: string;
  hint?: string;
  fields?: { [field: string]: string };
  parked?: boolean;
}

export interface PendingOut {
  seq: number;
  mutationId: string;
  idempotencyKey: string;
  collection: string;
  id: string;
  tempId?: string;
  kind: 'create' | 'update' | 'delete';
  data?: object;
  createdAt: number;
  retryCount: number;
  lastError?: ErrorOut;
  state: 'waiting' | 'sending' | 'parked' | 'conflict';
  nextAttemptAt?: number;
  priority: 'high' | 'user' | 'background';
  group?: string;
  dependsOn: string[];
}

/** A conflict as it is stored. */
export interface ConflictOut {
  conflictId: string;
  collection: string;
  id: string;
  seq: number;
  mutationId: string;
  type: 'edit-edit' | 'edit-delete' | 'delete-edit' | 'create-create';
  severity: 'low' | 'medium' | 'high';
  base?: object;
  local?: object;
  remote?: object;
  fields: { path: string; base?: unknown; local?: unknown; remote?: unknown; localAt?: number; remoteAt?: number }[];
  detectedAt: number;
  status: 'open' | 'resolved';
  strategy?: string;
  resolvedAt?: number;
  result?: object | null;
}
/** A choice: a side, a document (none deletes it), or that a person has to choose, with the reason where it failed. */
export interface VerdictOut {
  kind: 'local' | 'remote' | 'doc' | 'person';
  doc?: object;
  code?: string;
  message?: string;
}

export interface ReportOut {
  skipped?: string;
  pushed: number;
  pulled: number;
  conflicts: number;
  parked: number;
  failed: number;
  durationMs: number;
  results: {
    success: boolean;
    mutationId: string;
    collection: string;
    tempId?: string;
    id?: string;
    error?: ErrorOut;
    attempts: number;
  }[];
}

/** One open database. Every method may be called at any time until close() has settled; afterwards all reject CLOSED. */
export interface Client {
  /** With `expected` it is a transaction: its changes are sent as one unit, and it may be empty. */
  write(ops: WriteOp[], expected?: Expected): Promise<WriteOutcome[]>;
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

  /** A number that moves whenever any tab commits anything: memory older than it is not trusted (at most 1 s, design section 15). */
  mark(): Promise<string>;
  close(): Promise<void>;
}

/** One record of the audit ring: its place, its number, and what it says. */
export interface AuditOut {
  slot: number;
  n: number;
  at: number;
  user?: string;
  action: string;
  collection?: string;
  id?: string;
  tempId?: string;
  mutationId?: string;
  outcome: string;
  code?: string;
}

/** What the engine tells the face, tagged by `type`. */
export type EngineEvent =
  | { type: 'status'; status: StatusOut; network: NetworkOut; oldest?: number; triggers: SyncTriggers }
  /** Committed changes made in this tab (`own`) or applied from the server by this tab. `doc` undefined: gone. Shared, not to be changed. */
  | {
      type: 'changes';
      own: boolean;
      changes: { collection: string; id: string; key: string; previousId?: string; doc?: object }[];
    }
  /** Another tab committed something; collections whose rows or row states may have moved. */
  | { type: 'stale'; collections: string[] }
  /** Row states of these collections moved (sending, parked, ...) without their documents changing. */
  | { type: 'states'; collections: string[] }
  /** The first pull of a collection has finished. */
  | { type: 'complete'; collection: string }
  /** A change has reached its end; for changes watched since write() in this tab. `ok` carries what the server has. */
  | { type: 'settled'; mutationId: string; ok?: { id: string; doc?: object; revision?: string }; error?: ErrorOut }
  /** The collection's function is asked about a conflict; its answer goes to `verdict`. */
  | { type: 'question'; conflict: ConflictOut }
  /** SyncEvents of the public surface, by name. */
  | { type: 'sync'; name: string; detail: object }
  /** DatabaseEvents of the public surface, by name. */
  | { type: 'database'; name: string; detail: object }
  | { type: 'setting'; key: string }
  | { type: 'log'; level: 'error' | 'warn' | 'info' | 'debug'; scope: string; message: string; detail?: object };

export interface StatusOut {
  state:
    | 'disabled'
    | 'idle'
    | 'syncing'
    | 'offline'
    | 'waiting'
    | 'held'
    | 'needs-auth'
    | 'needs-update'
    | 'rate-limited'
    | 'breaker-open'
    | 'error';
  phase: 'idle' | 'pushing' | 'pulling';
  online: boolean;
  leader: boolean;
  pending: number;
  parked: number;
  conflicts: number;
  lastSyncedAt?: number;
  nextAttemptAt?: number;
  holds: string[];
  error?: ErrorOut;
  progress?: Progress;
}
export interface NetworkOut {
  online: boolean;
  reachable?: boolean;
  type?: string;
  effectiveType?: string;
  saveData: boolean;
  good: boolean;
}
