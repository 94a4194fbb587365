/**
 * The public types of the report that diagnose() gives.
 *
 * Types only: nothing here exists at run time. Times are milliseconds since the Unix epoch, durations milliseconds.
 */

import type { NetworkState, SyncStatus } from './types-sync.js';
import type { ErrorInfo, MetricsSnapshot, SyncStats } from './types-told.js';

/** A report on one open database, for whoever looks for the cause of a fault. */
export interface Diagnosis {
  /** When it was made. */
  at: number;
  /** Of this package. */
  version: string;
  /** Identity of the build: script and compiled module. */
  build: string;
  /** What this place offers of what the package uses, by name: see docs/troubleshooting.md. */
  capabilities: { [name: string]: boolean };
  /** Where data is kept. */
  storage: DiagnosedStorage;
  /** How sync stands: the status and the network, without texts of the app. */
  sync: DiagnosedSync;
  /** What waits, and the numbers of sync and of this page. */
  counters: DiagnosedCounters;
  /**
   * What this tab was told lately, newest first, at most 50; the same error stands once, as of its last time. Without `fields`, and
   * with "…" in place of ids and of paths into documents.
   */
  lastErrors: ErrorInfo[];
  /** Which database. `storeId` is random and the same in all tabs; a store that was wiped or deleted and made anew has another. */
  database: { name: string; schemaVersion: number; storeId: string };
}
/** Where data is kept, and whether it can be. */
export interface DiagnosedStorage {
  /** As given to open(). */
  kind: 'indexeddb' | 'memory';
  /** As given to open(). */
  durability: 'strict' | 'relaxed';
  /** Whether the store answered just now. */
  answers: boolean;
  /** Bytes of the whole origin, as the browser estimates them. */
  usage?: number;
  /** Bytes the origin may use, as the browser estimates them. */
  quota?: number;
  /** Whether the browser has promised not to evict it. */
  persisted?: boolean;
}
/** How sync stands: NetworkState and SyncStatus but for its counts, `error` and `progress`. */
export interface DiagnosedSync
  extends Omit<NetworkState, 'online' | 'reachable'>,
    Omit<SyncStatus, 'pending' | 'parked' | 'conflicts' | 'holds' | 'error' | 'progress'> {
  /** Whether the server answers; absent until it was asked. */
  reachable?: boolean;
  /** As given to open(). */
  auto: boolean;
  /** How many holds stand. */
  holds: number;
  /** How far the server's clock is ahead of this device's, in milliseconds; 0 before the server was heard. */
  clockOffset: number;
}
/** What waits, and what was done. */
export interface DiagnosedCounters {
  /** Changes that wait or are being sent. */
  pending: number;
  /** Changes that need a person. */
  parked: number;
  /** Conflicts that need one. */
  conflicts: number;
  /** When the oldest pending change was made. */
  oldest?: number;
  /** sync.stats(); left out where the store does not answer. */
  stats?: SyncStats;
  /** metrics.snapshot() without what the app measured under names of its own. */
  metrics: Omit<MetricsSnapshot, 'measured'>;
}
