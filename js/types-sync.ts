/**
 * The public types of sending, pulling and the settings: what users see in their editor.
 *
 * Types only: nothing here exists at run time, and nothing here imports the compiled module's contract.
 * What the package does not do yet has no type. Times are milliseconds since the Unix epoch, durations are milliseconds.
 */

import type { Unsubscribe } from './types.js';
import type { Conflict } from './types-outbox.js';
import type { ErrorInfo, SyncStats } from './types-told.js';

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
/** What a sync pass is doing. */
export type SyncPhase = 'idle' | 'pushing' | 'pulling';
/** How sync stands. `pending` counts waiting and sending changes; parked ones and conflicts count apart. */
export interface SyncStatus {
  /**
   * 'disabled': the database does not sync. 'held': stopped, or held by name. 'offline': the browser or the server's silence says so. 'waiting': something
   * waits for its time. 'needs-auth', 'needs-update', 'rate-limited', 'breaker-open': why nothing is sent. 'error': the last pass failed.
   */
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
  /** What the running pass does. */
  readonly phase: SyncPhase;
  /** Whether neither the browser nor the server's silence says otherwise. */
  readonly online: boolean;
  /** Whether this tab is the one that sends. */
  readonly leader: boolean;
  /** Changes that wait or are being sent. */
  readonly pending: number;
  /** Changes that wait for a person. */
  readonly parked: number;
  /** Open conflicts. */
  readonly conflicts: number;
  /** When the last pass ended with everything in step, kept across reloads. */
  readonly lastSyncedAt?: number;
  /** When the next attempt is due, where one waits. */
  readonly nextAttemptAt?: number;
  /** The names of the holds in force. */
  readonly holds: readonly string[];
  /** Why the last pass failed. */
  readonly error?: ErrorInfo;
  /** How far the running pass is. */
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
  /** Why nothing was done; absent when something was. */
  skipped?: string;
  /** Changes the server has taken. */
  pushed: number;
  /** Documents that came or went. */
  pulled: number;
  /** Conflicts that were found. */
  conflicts: number;
  /** Changes that now wait for a person. */
  parked: number;
  /** Attempts that failed and will be made again, and refusals that were rolled back. */
  failed: number;
  /** How long it took. */
  durationMs: number;
  /** What became of each change that was tried. */
  results: SyncResult[];
}
/** What became of one change. */
export interface SyncResult {
  /** Whether the server has it. */
  success: boolean;
  /** The change, as in `Write.mutationId`. */
  mutationId: string;
  /** Of its document. */
  collection: string;
  /** The temporary id its document had, where it had one. */
  tempId?: string;
  /** The id of its document: the server's, once there is one. */
  id?: string;
  /** Why not. */
  error?: ErrorInfo;
  /** Counted attempts, this one included. */
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
  /** The answer to a batch had so many results for changes that were not in it: the server is at fault. They are left alone. */
  'unknown-results': { count: number };
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
/**
 * What is known about the network. `reachable` is what the server's answers say (undefined: it has not been asked yet), `online` is false
 * when the browser says so or the server cannot be reached, as in the status. `good`: online, not slow
 * (`slow-2g`, `2g`), and no save-data. No browser says whether a connection is metered; `type` says nothing of that.
 */
export interface NetworkState {
  /** As in the status. */
  online: boolean;
  /** Whether the server answers; undefined until it was asked. */
  reachable: boolean | undefined;
  /** The browser's word for the connection ('wifi', 'cellular', …), where it says one. */
  type?: string;
  /** How fast it seems ('4g', '2g', …), where the browser says so. */
  effectiveType?: string;
  /** Whether the person asks to save data. */
  saveData: boolean;
  /** Whether it is neither slow nor to be saved. */
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
