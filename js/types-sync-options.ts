/**
 * The public types of how a database is told to sync.
 *
 * Types only: nothing here exists at run time. Durations are milliseconds.
 */

import type { Adapter } from './types-adapter.js';

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
  /** Wait after open, 0-86,400,000 (default 5 000 for the first pull; pending changes go at once). With full jitter the first pull comes at a
   *  moment of its last 5 s, and changes that failed before or have waited for a minute begin within 5 s of it. */
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
  /** What happens by itself on a connection that is slow (`slow-2g`, `2g`) or that the person wants little of (save-data):
   *  everything, only sending (default; collections that were never caught up are pulled all the same), or nothing. What is asked for with now() or refresh() happens in any case. */
  onSlowNetwork?: 'all' | 'push-only' | 'none';
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
