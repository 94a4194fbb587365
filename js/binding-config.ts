/**
 * The border's options: what the face has checked and filled with defaults before the module is asked to open.
 *
 * Types only. Times and durations are milliseconds. Nothing here is exported to users.
 */

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

/** One collection. */
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

/** How to sync; absent for a database that does not. */
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
  /** What happens by itself on a slow connection or with save-data. */
  onSlowNetwork: 'all' | 'push-only' | 'none';
}
