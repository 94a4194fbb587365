/**
 * The public types of what a database tells about itself: errors, numbers, metrics, the audit ring.
 *
 * Types only: nothing here exists at run time. Times are milliseconds since the Unix epoch, durations milliseconds.
 */

import type { ErrorCode, ErrorFamily } from './errors.js';
import type { Unsubscribe } from './types.js';

/** Who did what to which document, and what became of it. */
export interface Audit {
  /**
   * The newest entries first; at most `limit`, 1-1,000 (default 1,000). An `id` also finds what was recorded under the
   * temporary id the document had. Rejects STORE_UNKNOWN, ID_TYPE, QUERY_RANGE.
   */
  list(query?: { collection?: string; id?: string; limit?: number }): Promise<AuditEntry[]>;
}
/**
 * One entry. It is written in the same transaction as what it records, and holds no content of a document. The newest
 * 1,000 are kept. Local writes have no entry of their own; what becomes of them has.
 */
export interface AuditEntry {
  /** When. */
  at: number;
  /** The `user` the database was opened with. */
  user?: string;
  /** What the change does: 'create', 'update' or 'delete'. */
  action: string;
  /** Of the document. */
  collection?: string;
  /** Of the document: the server's id once it was known. */
  id?: string;
  /** The temporary id the document was made with. */
  tempId?: string;
  /** The change, as in the outbox. */
  mutationId?: string;
  /**
   * 'acknowledged' (the server has it), 'parked', 'rejected' (refused and rolled back), 'retried', 'edited', 'discarded',
   * 'cancelled' (taken back by Write.cancel), 'conflict' (kept for a person) or 'resolved'.
   */
  outcome: string;
  /** Why, for 'parked' and 'rejected'. */
  code?: ErrorCode;
}

/** How the database performs on this page, since it was opened. */
export interface Metrics {
  /** Runs async work of the app and times it under a name; gives back what it gives, and rejects with what it rejects. */
  measure<R>(name: string, work: () => Promise<R>): Promise<R>;
  /** The numbers now. */
  snapshot(): MetricsSnapshot;
  /** Calls the listener with the numbers now, and at most once a second while they move. */
  subscribe(listener: (snapshot: MetricsSnapshot) => void): Unsubscribe;
  /**
   * Hands out spans and counters in the shapes of OpenTelemetry, in batches of at most 512, at most once a second and only
   * while something happens. Nothing is collected while nobody exports. No item holds content or ids of documents.
   */
  export(sink: (batch: MetricItem[]) => void): Unsubscribe;
}
/** The numbers of this page; those of sync over all visits are `sync.stats()`. */
export interface MetricsSnapshot {
  /** Reads answered by the memory tier, reads that went to the store, documents that had to make room. */
  cache: { hits: number; misses: number; evictions: number };
  /** From put(), add(), patch(), remove() and their bulk forms to durable. */
  writeMs: Histogram;
  /** get() and getMany() that went to the store. */
  readMs: Histogram;
  /** query(), count() and readings of live queries. */
  queryMs: Histogram;
  /** From a request to the head of its answer. */
  requestMs: Histogram;
  /** Changes acknowledged, parked or refused for good, and attempts that were to be repeated. */
  sync: { succeeded: number; failed: number; retried: number };
  /** What measure() timed, by name: the first 100 names. */
  measured: { [name: string]: Histogram };
  /** Memory of the compiled module, shared by all databases of the page. */
  wasmBytes: number;
  /** How long open() took. */
  openMs: number;
}
/** What export() hands out: attribute values are text, numbers or booleans. */
export type MetricItem = MetricSpan | MetricCounter;
/** A finished piece of work; times in nanoseconds as decimal text, as in OTLP/JSON. */
export interface MetricSpan {
  /** Tells spans from counters. */
  type: 'span';
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  /** What was timed. */
  name: string;
  /** When it began, as decimal text. */
  startTimeUnixNano: string;
  /** When it ended, as decimal text. */
  endTimeUnixNano: string;
  /** Counts, codes and names. */
  attributes: { [name: string]: string | number | boolean };
  /** 1: fine, 2: failed. */
  status: { code: 1 | 2; message?: string };
}
/** A counter since open(), cumulative and monotonic. */
export interface MetricCounter {
  /** Tells counters from spans. */
  type: 'sum';
  /** What is counted. */
  name: string;
  /** Of the value. */
  unit: string;
  /** When counting began, as decimal text. */
  startTimeUnixNano: string;
  /** When the value was read, as decimal text. */
  timeUnixNano: string;
  /** So many since then. */
  value: number;
  /** Names. */
  attributes: { [name: string]: string | number | boolean };
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
  /** How many. */
  count: number;
  /** The shortest. */
  min: number;
  /** Half of them were at most so long. */
  p50: number;
  /** 95 of 100 were at most so long. */
  p95: number;
  /** 99 of 100 were at most so long. */
  p99: number;
  /** The longest. */
  max: number;
}
/** A SeakeepError as plain data. */
export interface ErrorInfo {
  /** Stable; decide by it. */
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
  /** When. */
  at: number;
}
