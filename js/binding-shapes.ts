/**
 * The border's values: operations, rows, queries, errors, records, as plain objects of JSON values.
 *
 * Types only. Times are milliseconds. Nothing here is exported to users.
 */

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

/** What one operation left. */
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

/** RecordMeta, with its error as the engine has it. */
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

/** A query: which rows, in which order, how many. */
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

/** One row of the outbox. */
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

/** What became of a pass. */
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
