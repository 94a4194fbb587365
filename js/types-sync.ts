/**
 * The public types of sending, pulling and the settings: what users see in their editor.
 *
 * Types only: nothing here exists at run time, and nothing here imports the compiled module's contract.
 * What the package does not do yet has no type. Times are milliseconds since the Unix epoch, durations are milliseconds.
 */

import type { ErrorCode, ErrorFamily } from './errors.js';
import type { Unsubscribe } from './types.js';
import type { Conflict } from './types-outbox.js';

/** How a database talks to its server. Values out of range reject CONFIG_RANGE. */
export interface SyncOptions {
  /** Base URL of a server speaking the REST profile: http(s) without user info, or relative to the page. */
  url?: string;
  /** Any other back end, instead of `url`: two functions. Collections are then called by their names. */
  adapter?: Adapter;
  /** Headers for each attempt (never stored). Called again once after a 401. */
  auth?: () => HeadersInit | null | Promise<HeadersInit | null>;
  /** Safety-net period, 1,000-86,400,000 (default 30 000). Events start a sync at once. */
  interval?: number;
  /** How often clean collections are pulled (default 60 000; 0: only on demand and on server push). */
  pullInterval?: number;
  /** Wait after open, 0-86,400,000 (default 5 000 for the first pull; pending changes go at once). */
  startDelay?: number;
  /** Counted attempts before a change is parked, 1-1,000 (default 5). Offline, 401 and 429 do not count. */
  maxAttempts?: number;
  /** After the n-th failure (n from 1): random(0..min(max, base * factor^(n-1))), at least 100; default base 1000, factor 2, max 60 000, jitter 'full'.
   *  The pauses of requestRetries are base * factor^(k-1) without jitter: 1 s, 2 s, 4 s. */
  backoff?: { base?: number; factor?: number; max?: number; jitter?: 'full' | 'none' };
  /** Requests within one attempt before it counts as failed, 1-10 (default 1; the assistant-sync preset uses 3). */
  requestRetries?: number;
  /** Where a failed change waits: its own `backoff` pause (default), or the next `interval` of the loop. */
  retry?: 'backoff' | 'interval';
  /** Requests in flight at once, 1-16 (default 4). */
  concurrency?: number;
  /** Pause between two sends, 0-3,600,000 (default 0). */
  delayBetween?: number;
  /** Changes in one batch request, 1-1,000 (default 50); batches are sent where `rest.batch` says that the server takes them. */
  batchSize?: number;
  /** For one request, 1 000-600 000 (default 30 000). */
  timeout?: number;
  /** Failures of the server in a row, at different changes, that open it, 1-100 (default 5), and how long it stays open, 1,000-3,600,000 (default 30 000). */
  breaker?: { failures?: number; cooldown?: number } | false;
  /** Refuse new writes with OUTBOX_FULL past this many pending changes, 1-10,000,000 (default 100 000). */
  maxPending?: number;
  /** Which optional parts of the REST profile the server has. */
  rest?: RestOptions;
  /** The function that sends requests; default: the global fetch at the time of the request. */
  fetch?: typeof fetch;
  /** Start on open (default true). */
  auto?: boolean;
  /** What happens by itself on a slow or metered connection: everything, only sending (default; collections that were
   *  never caught up are pulled all the same), or nothing. What is asked for with now() or refresh() happens in any case. */
  onSlowNetwork?: 'all' | 'push-only' | 'none';
}

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
  /** Calls notify() whenever the server has news; returns how to stop. Called in every tab while sync runs. */
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
  readonly collection: string;
  /** Temporary (`pending-…`) where the server is to make the id: the result then names the real one. */
  readonly id: string;
  readonly kind: 'create' | 'update' | 'delete';
  /** create: the document, without a temporary id; update: the whole document where `changes` cannot say it. */
  readonly doc?: object;
  /** update: a merge patch (RFC 7396): fields set, or null to remove. */
  readonly changes?: object;
  /** Of the server's document that this change was made on; a conflict when it is another one by now. */
  readonly revision?: string;
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
  docs: { id: string; revision?: string; deleted?: boolean; doc?: object; updatedAt?: number }[];
  checkpoint: unknown;
  hasMore: boolean;
  /** The checkpoint is not known any more: everything is pulled again, pending changes are kept. */
  resync?: boolean;
}

/** Optional parts of the REST profile: true, or a path under `url`. */
export interface RestOptions {
  /** Several changes in one request (default false; true is `_batch`). */
  batch?: boolean | string;
  /** News from the server (default false; true is `_events`). */
  events?: boolean | string;
  /** Asked instead of risking a change while the server could not be reached (default true, which is `_health`). */
  health?: boolean | string;
}

/** Sending and pulling. */
export interface Sync {
  /** How sync stands now; the object changes only when something in it does. */
  readonly status: SyncStatus;
  /** Calls the listener with the current status, and then with every new one. */
  subscribe(listener: (status: SyncStatus) => void): Unsubscribe;
  /** Sends and pulls now; calls made meanwhile share the running pass. */
  now(options?: { collection?: string; push?: boolean; pull?: boolean; full?: boolean }): Promise<SyncReport>;
  /** Starts the loop (open() does unless `auto` is false). */
  start(): void;
  /** Stops the loop; now() still runs one pass. */
  stop(): void;
  /** Holds are named and counted: sync runs when none is left. Returns how to release this one. */
  hold(reason: string): () => void;
  /**
   * Runs a pass at a time; one that is over already is now. Returns how to cancel it. Any number may wait; they end with
   * the page. While sync is held it waits for the last release; while it is stopped it runs one pass, like now().
   * Rejects ARGUMENT_TYPE for what is no time.
   */
  schedule(at: number | Date): () => void;
  /** Why the running pass runs, and what waits for the next: triggers of one key are one entry, however often they came. */
  triggers(): SyncTriggers;
  /** What sync has done in all tabs and since earlier visits; what a leader counted in the last seconds may be missing in other tabs. */
  stats(): Promise<SyncStats>;
  /** Counts anew from now on. */
  resetStats(): Promise<void>;
  /** Calls the listener at each event, always from a fresh task. */
  on<E extends keyof SyncEvents>(event: E, listener: (detail: SyncEvents[E]) => void): Unsubscribe;
  /** What is known about the network. */
  readonly network: NetworkState;
}
/** Triggers of passes. */
export interface SyncTriggers {
  /** Those the running pass began with; empty when none runs. */
  running: SyncTrigger[];
  /** Those that came since, or that cannot run now (offline, held, waiting for a pause to end). */
  waiting: SyncTrigger[];
}
/** A reason for a pass. */
export interface SyncTrigger {
  /**
   * 'now' (`now:<collection>`), 'change', 'retry' (a pause of a change is over), 'interval', 'pull:<collection>', 'schedule', 'online',
   * 'visible', or 'tab' (another tab asked).
   */
  key: string;
  /** When it came first. */
  at: number;
  /** How often it came meanwhile. */
  count: number;
}
/** What sync has done since its numbers were last reset. They are kept across reloads; a crash loses those of the last 5 seconds. */
export interface SyncStats {
  /** Passes that ended. */
  passes: number;
  /** Changes the server acknowledged. */
  pushed: number;
  /** Documents that came or went by pulling. */
  pulled: number;
  /** Attempts that failed and were to be repeated. */
  retried: number;
  /** Changes that were parked. */
  parked: number;
  /** Conflicts met. */
  conflicts: number;
  /** Attempts that the server did not acknowledge, for whatever reason. */
  failures: number;
  /** Bodies of requests: the length of their JSON text. */
  bytesSent: number;
  /** Bodies of answers: their Content-Length where the server gives one, otherwise the length of their text. */
  bytesReceived: number;
  /** pushed / (pushed + failures); 1 before anything was tried. */
  successRate: number;
  /** How long answered requests took, in milliseconds; percentiles are right within an eighth. */
  requestMs: Histogram;
  /** When counting began. */
  since: number;
  /** By collection. */
  byCollection: { [collection: string]: { pushed: number; pulled: number; failed: number } };
}
/** A distribution of durations in milliseconds; all 0 while `count` is. */
export interface Histogram {
  count: number;
  min: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}
/** What a sync pass is doing. */
export type SyncPhase = 'idle' | 'pushing' | 'pulling';
/** How sync stands. `pending` counts waiting and sending changes; parked ones and conflicts count apart. */
export interface SyncStatus {
  readonly state:
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
  readonly phase: SyncPhase;
  readonly online: boolean;
  readonly leader: boolean;
  readonly pending: number;
  readonly parked: number;
  readonly conflicts: number;
  readonly lastSyncedAt?: number;
  readonly nextAttemptAt?: number;
  readonly holds: readonly string[];
  readonly error?: ErrorInfo;
  readonly progress?: Progress;
}
/** How far a longer piece of work is. */
export interface Progress {
  /** Items that are done: changes settled in this pass, documents pulled. */
  done: number;
  /** Of so many; absent when nobody can know (a server does not say how many documents will come). */
  total?: number;
  /** done / total. */
  fraction?: number;
  /** How long the rest will take at the pace of the last items; absent until there is one. */
  remainingMs?: number;
  /** The collection, when it is one. */
  collection?: string;
  /** 'pushing' or 'pulling'. */
  phase: string;
}
/** now() does not reject for network reasons: the report says what happened, `skipped` why nothing did ('offline', 'held', 'needs-auth', ...). */
export interface SyncReport {
  skipped?: string;
  pushed: number;
  pulled: number;
  conflicts: number;
  parked: number;
  failed: number;
  durationMs: number;
  results: SyncResult[];
}
/** What became of one change. */
export interface SyncResult {
  success: boolean;
  mutationId: string;
  collection: string;
  tempId?: string;
  id?: string;
  error?: ErrorInfo;
  attempts: number;
}
/** Events of Sync.on and what they carry. */
export interface SyncEvents {
  /** A pass has begun; `reason` is the key of its first trigger. */
  started: { reason: string };
  /** A pass moves on; at most ten times a second, and at its end. */
  progress: Progress;
  /** A pass has ended. */
  completed: SyncReport;
  /** A pass could not run. */
  failed: ErrorInfo;
  /** The server has a change. */
  acknowledged: SyncResult;
  /** An attempt failed and there will be another. */
  retrying: SyncResult & { nextAttemptAt: number };
  /** A change waits for a person. */
  parked: SyncResult;
  /** The server refused a change for good. */
  rejected: SyncResult;
  /** Both sides changed a document. */
  conflict: Conflict;
  /** A conflict has found its end. */
  resolved: Conflict;
  /** Documents came from the server. */
  pulled: { collection: string; changed: number; deleted: number };
  /** The network changed. */
  network: NetworkState;
  /** This tab became, or ceased to be, the one that sends. */
  leader: { leader: boolean; epoch: number };
  /** Sending to an endpoint was interrupted, or goes on. */
  breaker: { state: 'closed' | 'open' | 'half-open'; until?: number };
  /** The server wants to know who is asking. */
  'auth-required': object;
  /** The server wants a newer version of the app. */
  'update-required': object;
  /** A sign-in page answered instead of the server. */
  'captive-portal': object;
}
/** What is known about the network. `online` is the browser's hint, `reachable` what the server's answers say. */
export interface NetworkState {
  online: boolean;
  reachable: boolean | undefined;
  type?: string;
  effectiveType?: string;
  saveData: boolean;
  good: boolean;
}

/** Small key-value settings: any JSON value under a key of 1-1,024 characters. */
export interface Settings {
  /** The value, or undefined. */
  get<V>(key: string): Promise<V | undefined>;
  /** Resolves when durable. */
  set(key: string, value: unknown): Promise<void>;
  /** Resolves when durable, also when there was none. */
  remove(key: string): Promise<void>;
  /** Calls the listener with each new value (undefined: removed), from any tab. */
  subscribe(key: string, listener: (value: unknown) => void): Unsubscribe;
}

/** A SeakeepError as plain data. */
export interface ErrorInfo {
  code: ErrorCode;
  /** What kind of thing went wrong. */
  family: ErrorFamily;
  /** For developers. */
  message: string;
  /** For the person in front of the screen. */
  userMessage: string;
  /** Whether the same can succeed later without anybody changing anything. */
  retryable: boolean;
  /** The server's HTTP status. */
  status?: number;
  /** The server's messages by field. They stand in the outbox, so they survive a reload and are seen in every tab. */
  fields?: { [field: string]: string };
  at: number;
}
