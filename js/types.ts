/**
 * The public types of databases, collections, queries and writes: what users see in their editor.
 *
 * Types only: nothing here exists at run time, and nothing here imports the compiled module's contract.
 * What the package does not do yet has no type. Times are milliseconds since the Unix epoch, durations are
 * milliseconds, sizes are bytes.
 */

import type { SeakeepError } from './errors.js';
import type { Diagnosis } from './types-diagnosis.js';
import type { ConflictStrategy, Conflicts, Outbox } from './types-outbox.js';
import type { Settings, Sync, SyncReport } from './types-sync.js';
import type { SyncOptions } from './types-sync-options.js';
import type { Audit, ErrorInfo, Metrics } from './types-told.js';

/** The shape of a database: its collections by name, each with the type of its documents. */
export type Schema<S> = { [K in keyof S]: object };
/** The schema of a database opened without types. */
// biome-ignore lint/suspicious/noExplicitAny: documents of an untyped database can hold anything.
export type AnySchema = { [collection: string]: Record<string, any> };
/** What put() takes: the document, its id optional (then the library makes `pending-{timestamp}-{random}` and the server's id replaces it). */
export type Draft<T> = T extends { id: string } ? Omit<T, 'id'> & { id?: string } : T & { id?: string };
/** Stops what it was returned for; calling it again does nothing. */
export type Unsubscribe = () => void;
/** A path to a field (`'category'`, `'owner.id'`) or several for a compound index. */
export type IndexPath = string | string[];

/** Opens a database: see `open`. */
export interface OpenFunction {
  (name: string, options: OpenOptions<AnySchema>): Promise<Database<AnySchema>>;
  <S extends Schema<S>>(name: string, options: OpenOptions<S>): Promise<Database<S>>;
}
/** Deletes a database: see `destroy`. */
export type DestroyFunction = (name: string, options?: { user?: string; discardPending?: boolean }) => Promise<void>;

/** How a database is opened. An option that does not exist rejects CONFIG_UNKNOWN_KEY, one out of range CONFIG_RANGE. */
export interface OpenOptions<S extends Schema<S>> {
  /** Schema version, an integer >= 1 (default 1). Raise it whenever `collections` changes. */
  version?: number;
  /** The collections by name, 1-200. Names starting with `_` and the library's own stores reject NAME_RESERVED. */
  collections: { [K in keyof S]: CollectionOptions<S[K]> };
  /** Isolates data per person on a shared device: another user's handle can neither read nor send these rows. */
  user?: string;
  /** Omit for a local-only database. */
  sync?: SyncOptions;
  /** 'strict' (default): an acknowledged write survives power loss. 'relaxed': it survives a crashed tab or browser, not power loss. */
  durability?: 'strict' | 'relaxed';
  /** Memory tier: least-recently-used documents (default 100 items per collection, 5 minutes). false turns it off. */
  cache?: { items?: number; ttl?: number } | false;
  /** Asks the browser once to exempt this origin from eviction (navigator.storage.persist), at the first pending write. Default true. */
  persist?: boolean;
  /** 'memory': nothing is kept; for the app's own tests (works in Node too) and as a chosen fallback. Default 'indexeddb'. */
  storage?: 'indexeddb' | 'memory';
  /** Where the compiled module comes from when the bundler cannot find it. The first open() of a page decides. */
  wasm?: URL | string | BufferSource | WebAssembly.Module | Response | Promise<Response>;
  /** Log entries from this level up go to the console, or all of them to a function. Default 'off'. */
  log?: 'off' | 'error' | 'warn' | 'info' | 'debug' | ((entry: LogEntry) => void);
}

/** How one collection behaves. */
export interface CollectionOptions<T> {
  /** Single or compound index paths: 'category', 'owner.id', ['accountId', 'timestamp']; { path, unique, multi }. */
  indexes?: (IndexPath | { path: IndexPath; unique?: boolean; multi?: boolean })[];
  /** Fields holding ids of other collections: their changes wait for those, and temporary ids in them are rewritten. */
  references?: { [field: string]: string };
  /**
   * Returns nothing when valid, or messages by field. An invalid write rejects VALIDATION at once and is never queued.
   * It gets a copy of the whole resulting document (for patch: of the stored one with the changes applied), without
   * `id` when the library will make one. It must answer at once: a promise counts as invalid.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a validator without a return statement is a valid one.
  validate?: (doc: T) => void | undefined | { [field: string]: string };
  /** What happens when the same document was changed here and on the server. Default 'fields'. */
  conflict?: ConflictStrategy<T>;
  /** Groups of fields that must win together under 'fields' (for example start and end of one interval). */
  fieldGroups?: string[][];
  /**
   * What happens to the local document when the server refuses a change for good. 'park' (default): it stays as it is here, and the
   * change waits in the outbox for a person. 'rollback': the change is dropped, the document is again what the server has, and the event
   * `rejected` says why. A change of a transaction parks in any case, and the others of it wait with it: without it they
   * would be half of a transaction. `Write.synced` rejects with the cause, and says `parked` where it is.
   */
  rejected?: 'park' | 'rollback';
  /** Never synced. */
  local?: boolean;
  /** Path of the collection under sync.url; default its name. */
  path?: string;
}

/** An open database. After close() every method rejects CLOSED. */
export interface Database<S extends Schema<S> = AnySchema> {
  /** The name given to open(). */
  readonly name: string;
  /** The user given to open(). */
  readonly user: string | undefined;
  /** The collection of that name; throws STORE_UNKNOWN for one that was not declared. */
  collection<K extends keyof S & string>(name: K): Collection<S[K]>;
  /**
   * All or nothing over several collections, as if nobody else wrote meanwhile; sent in order, and as one atomic batch where the
   * server offers it. `body` works on what `tx` gives: reads see its own writes. When something it read was changed by
   * somebody else before it could be written, `body` is run again, so it must do nothing else than work on `tx`; after
   * 20 runs it rejects TX_CONFLICT (retryable). When `body` throws, nothing is written. After its end `tx` rejects TX_ENDED.
   */
  transaction<R>(collections: (keyof S & string)[], body: (tx: Transaction<S>) => R | Promise<R>): Promise<R>;
  /** Sending and pulling. */
  readonly sync: Sync;
  /** Changes that the server has not acknowledged yet. */
  readonly outbox: Outbox;
  /** What was changed here and on the server at once: the inbox of what nobody has decided, and what was decided. */
  readonly conflicts: Conflicts;
  /** Small key-value settings (preferences, tokens): same durability and isolation, never synced. */
  readonly settings: Settings;
  /** How the database performs on this page. */
  readonly metrics: Metrics;
  /** What became of which change. */
  readonly audit: Audit;
  /**
   * Environment, capabilities, versions, counters, last errors: what to send along with a report. Holds no content or id of a document,
   * no user, no header and no address. It answers when things fail: what does not answer within two seconds is left out,
   * and a handle that has crashed or was taken over by newer code still says what it knows.
   */
  diagnose(): Promise<Diagnosis>;
  /** Releases everything this handle holds; a second call resolves too. Unsent changes stay stored. */
  close(): Promise<void>;
  /** Calls the listener at each event, always from a fresh task. */
  on<E extends keyof DatabaseEvents>(event: E, listener: (detail: DatabaseEvents[E]) => void): Unsubscribe;
}

/** Events of Database.on and what they carry. */
export interface DatabaseEvents {
  /** The browser or the user has deleted the stored data. */
  'storage-lost': { pendingLost: number };
  /** Another tab holds an older version open. */
  'upgrade-blocked': object;
  /** This handle was closed because another tab upgrades the database. */
  'closed-for-upgrade': object;
  /** A listener of the app threw; the other listeners were called all the same. */
  'listener-error': ErrorInfo;
}

/** The documents of one collection. Documents are plain JSON objects, copied and checked when they are given and again the caller's own when they come back. */
export interface Collection<T> {
  /** Its name. */
  readonly name: string;
  /** Memory may lag another tab by at most a second; `fresh` asks the store. A temporary id still answers after the server's replaced it. */
  get(id: string, options?: { fresh?: boolean }): Promise<T | undefined>;
  /** Like get for many, in the order of the ids. */
  getMany(ids: string[]): Promise<(T | undefined)[]>;
  /** From memory only, synchronously: undefined when it is not there, or is older than a second and not compared with the store since. */
  peek(id: string): T | undefined;
  /** Insert or replace. Resolves when durable locally; `write.synced` settles when the server has answered. */
  put(doc: Draft<T>, options?: WriteOptions): Promise<Write<T>>;
  /** Insert; rejects ALREADY_EXISTS. */
  add(doc: Draft<T>, options?: WriteOptions): Promise<Write<T>>;
  /** Changes named top-level fields (null sets null; undefined removes the field); rejects NOT_FOUND. */
  patch(id: string, changes: Patch<T>, options?: WriteOptions): Promise<Write<T>>;
  /** Deletes; rejects NOT_FOUND. */
  remove(id: string, options?: WriteOptions): Promise<Write<T>>;
  /** All or nothing, in one step; at most 10,000 (BULK_TOO_LARGE). */
  putMany(docs: Draft<T>[], options?: WriteOptions): Promise<BulkWrite>;
  /** All or nothing, in one step; at most 10,000 (BULK_TOO_LARGE). */
  removeMany(ids: string[], options?: WriteOptions): Promise<BulkWrite>;
  /** All matching documents: never silently cut. More than 10,000 without a limit reject QUERY_TOO_LARGE. */
  query(query?: Query<T>): Promise<T[]>;
  /** How many match (at most `limit`, when given). */
  count(query?: Query<T>): Promise<number>;
  /** A standing query: first answer from local data at once, then after every change from any tab or the server. */
  live(query?: Query<T>): Live<T>;
  /** What is known about one document besides its content. */
  meta(id: string): Promise<RecordMeta | undefined>;
  /** Pulls this collection now. */
  refresh(options?: { full?: boolean }): Promise<SyncReport>;
}

/** What a transaction works on. A write's `synced` settles after the whole has been written; `cancel()` takes no part of it back. */
export interface Transaction<S extends Schema<S>> {
  /**
   * One of the collections named for this transaction; throws STORE_UNKNOWN for any other. A query here reads at once what it will be
   * held to, so a `filter` over more than 10,000 rows rejects QUERY_TOO_LARGE: narrow it by `where`.
   */
  collection<K extends keyof S & string>(
    name: K,
  ): Pick<Collection<S[K]>, 'get' | 'put' | 'add' | 'patch' | 'remove' | 'query'>;
}

/** Changes of a document by top-level field. */
export type Patch<T> = { [K in keyof T]?: T[K] | Increment | null | undefined };
/**
 * An amount to add to a number, made by increment(). As the value of a whole field of a patch `{ $increment: n }` is always one; anywhere else
 * what increment() made is refused (DOC_UNSUPPORTED), and data that looks like it, which a server may have, is data.
 */
export interface Increment {
  /** The amount. */
  readonly $increment: number;
}

/** Which documents, in which order, how many. Wrong shapes reject QUERY_INVALID, wrong numbers QUERY_RANGE. */
export interface Query<T> {
  /** Conditions by field path, all of which must hold. */
  where?: { [K in keyof T & string]?: Condition<T[K]> } & { [path: string]: unknown };
  /** Field paths to sort by; default: the id. */
  orderBy?: string | string[];
  /** Default 'asc'. */
  direction?: 'asc' | 'desc';
  /** 1-10,000. */
  limit?: number;
  /**
   * Extra condition evaluated in memory on rows that an index already narrowed; `limit` counts after it. More than 10,000 such
   * rows are read in steps of bounded size, again when something was written meanwhile, three times at most. More than 10,000
   * documents that pass, without a limit, are QUERY_TOO_LARGE.
   */
  filter?: (doc: T) => boolean;
}
/** A value to equal, or operators that must all hold. */
export type Condition<V> = V | { eq?: V; in?: V[]; gt?: V; gte?: V; lt?: V; lte?: V; startsWith?: string };

/** Options of a single write. */
export interface WriteOptions {
  /** 'user' (default) goes before 'background'. */
  priority?: 'high' | 'user' | 'background';
  /** Aborted before the write has begun: rejects ABORTED and nothing is written. Later it has no effect. */
  signal?: AbortSignal;
  /** Save locally without sending (for data that came from elsewhere). */
  local?: boolean;
}
/** A write that is durable on this device. */
export interface Write<T> {
  /** The document's id, temporary when the server will make the real one. */
  readonly id: string;
  /** The document as stored here; undefined after remove. */
  readonly doc: T | undefined;
  /** Identifies the change in the outbox; undefined when nothing will be sent. */
  readonly mutationId: string | undefined;
  /** Resolves with what the server has in the end (doc undefined when it is deleted), also when this change was folded into a later
   *  one or sent by another tab. Rejects with the cause (its code, `parked: true`) when parked, DISCARDED when discarded, CLOSED when
   *  the database is closed first. Never an unhandled rejection. */
  readonly synced: Promise<{ id: string; doc: T | undefined; revision: string | undefined }>;
  /** Takes the change back if no attempt was made; says whether it could. */
  cancel(): Promise<boolean>;
}
/** A write of many documents. `synced` resolves when all are acknowledged and rejects with the first cause. */
export interface BulkWrite {
  /** In the order given. */
  readonly ids: string[];
  /** See Write.synced. */
  readonly synced: Promise<void>;
}

/** A standing query. Its methods need no `this`: they can be handed over as they are. */
export interface Live<T> {
  /** Stable between changes: fits React's useSyncExternalStore and Svelte stores as it is. */
  readonly current: LiveResult<T>;
  /** Calls the listener with the current result, and then with every new one. */
  subscribe(listener: (result: LiveResult<T>) => void): Unsubscribe;
  /** The current result once it is loaded, then the newest after every change. */
  [Symbol.asyncIterator](): AsyncIterator<LiveResult<T>>;
  /** Ends it; iterators finish. */
  close(): void;
}
/** One answer of a standing query. */
export interface LiveResult<T> {
  /** Shared between results and listeners: not to be changed. A row that did not change is the same object as before. */
  readonly rows: readonly Row<T>[];
  /** false until the first local read is done. */
  readonly loaded: boolean;
  /** false until the first pull of the collection has finished: an empty list may then just be unknown. */
  readonly complete: boolean;
  /** Why the last reading failed; the rows are then those before. */
  readonly error?: SeakeepError;
}
/** One document of a standing query, with what a list needs to know about it. */
export interface Row<T> {
  /** stays the same when a temporary id becomes the server's: use it as the list key */
  readonly key: string;
  /** The document's id at this moment. */
  readonly id: string;
  /** The document; shared, not to be changed. */
  readonly doc: T;
  /** Where it stands with the server. */
  readonly state: RecordState;
}
/** Where a document stands with the server. */
export type RecordState = 'synced' | 'pending' | 'sending' | 'parked' | 'conflict' | 'local';
/** What is known about a document besides its content. */
export interface RecordMeta {
  /** The id it has now: a temporary one until the server's has come. */
  id: string;
  /** Stays the same when the id changes. */
  key: string;
  /** Where it stands with the server. */
  state: RecordState;
  /** The server's revision last seen; absent where the server has none, or has not seen the document. */
  revision?: string;
  /** When it last changed here, by a write or a pull. */
  updatedAt: number;
  /** When an answer or a pull last brought the server's state. */
  syncedAt?: number;
  /** Counted attempts of the change that has failed most often. */
  attempts: number;
  /** Why its changes have not gone through. */
  lastError?: ErrorInfo;
}

/** One line of the log. It never holds document content. */
export interface LogEntry {
  /** When. */
  at: number;
  /** How much it matters. */
  level: 'error' | 'warn' | 'info' | 'debug';
  /** Which part speaks: 'sync', 'store', 'net', 'listener', 'adapter', 'face'. */
  scope: string;
  /** A sentence or the name of an event, for developers. */
  message: string;
  /** Counts, codes and names the app itself declared. */
  detail?: object;
}
