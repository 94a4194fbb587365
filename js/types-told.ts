/**
 * The public types of what a database tells about itself: metrics, the audit ring, log lines.
 *
 * Types only: nothing here exists at run time. Times are milliseconds since the Unix epoch, durations milliseconds.
 */

import type { ErrorCode } from './errors.js';
import type { Unsubscribe } from './types.js';
import type { Histogram } from './types-sync.js';

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
  collection?: string;
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
  type: 'span';
  traceId: string;
  spanId: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { [name: string]: string | number | boolean };
  /** 1: fine, 2: failed. */
  status: { code: 1 | 2; message?: string };
}
/** A counter since open(), cumulative and monotonic. */
export interface MetricCounter {
  type: 'sum';
  name: string;
  unit: string;
  startTimeUnixNano: string;
  timeUnixNano: string;
  value: number;
  attributes: { [name: string]: string | number | boolean };
}
