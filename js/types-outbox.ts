/**
 * The public types of the outbox and of conflicts: what users see in their editor.
 *
 * Types only: nothing here exists at run time. Times are milliseconds since the Unix epoch.
 */

import type { Unsubscribe } from './types.js';
import type { ErrorInfo } from './types-told.js';

/**
 * What happens when the same document was changed here and on the server (docs/conflict-resolution.md):
 * 'fields' takes each field from the side that changed it, from the later one where both did; 'merge' goes down to the leaves and
 * leaves what cannot be merged open; 'latest', 'server' and 'client' take one side whole; 'manual' leaves all of it open. A
 * function gives the document, null to delete it, or 'manual'; it has 10 s, and whatever else it does leaves the conflict open.
 */
export type ConflictStrategy<T> =
  | 'fields'
  | 'merge'
  | 'latest'
  | 'server'
  | 'client'
  | 'manual'
  | ((conflict: ConflictInput<T>) => T | null | 'manual' | Promise<T | null | 'manual'>);
/** The sides of a conflict; undefined where there was, or is, no document. */
export interface ConflictInput<T> {
  /** Before both changed it. */
  base: T | undefined;
  /** As it is here. */
  local: T | undefined;
  /** As the server has it. */
  remote: T | undefined;
  /** Of the document. */
  collection: string;
  /** Of the document. */
  id: string;
  /** Fields that both changed, to different values. */
  fields: ConflictField[];
}
/** One field that both sides changed, to different values. */
export interface ConflictField {
  /** Names joined by dots; an item of a list by its `id`. */
  path: string;
  /** Before both changed it; undefined: it was not there. */
  base: unknown;
  /** Here. */
  local: unknown;
  /** On the server. */
  remote: unknown;
  /** When it was changed here, by the server's clock. */
  localAt?: number;
  /** When the document was changed there. */
  remoteAt?: number;
}
/** A conflict as it is recorded. */
export interface Conflict<T = object> extends ConflictInput<T> {
  /** Names it in `resolve`. */
  conflictId: string;
  /** The change in the outbox that met it. */
  mutationId: string;
  /** The first word is here, the second on the server. */
  type: 'edit-edit' | 'edit-delete' | 'delete-edit' | 'create-create';
  /** 'low': no field changed by both; 'medium': at least one; 'high': a removal, or two new documents. */
  severity: 'low' | 'medium' | 'high';
  /** When it was found. */
  detectedAt: number;
  /** Whether somebody still has to decide. */
  status: 'open' | 'resolved';
  /** Who decided: a strategy's name, 'function', 'person', 'edit' or 'discard'. */
  strategy?: string;
  /** When it ended. */
  resolvedAt?: number;
  /** What came out; null when the document is deleted. */
  result?: T | null;
}
/** The inbox of conflicts. Open ones stay until somebody decides; of the resolved ones the last 100 are kept. */
export interface Conflicts {
  /** Oldest first. */
  list(query?: { status?: 'open' | 'resolved'; collection?: string }): Promise<Conflict[]>;
  /** Ends an open conflict: by this side's document, the server's, or another one (null deletes it). Rejects NOT_FOUND. */
  resolve(conflictId: string, choice: 'local' | 'remote' | { doc: object | null }): Promise<void>;
  /** Calls the listener with the number of open conflicts, now and whenever it changes. */
  subscribe(listener: (open: number) => void): Unsubscribe;
  /** Counted since the database was made. */
  stats(): Promise<{
    total: number;
    open: number;
    byType: { [type: string]: number };
    byStrategy: { [strategy: string]: number };
  }>;
}
/** Changes that the server has not acknowledged yet. */
export interface Outbox {
  /** In the order they were made, after `after` (a `seq`); at most `limit`, 1-10,000 (default 1,000). */
  list(query?: { collection?: string; state?: PendingState; limit?: number; after?: number }): Promise<PendingChange[]>;
  /** How many, of one state or of all. */
  count(state?: PendingState): Promise<number>;
  /** Calls the listener with the current counts, and then whenever they change; `oldest` is when the oldest was made. */
  subscribe(listener: (summary: { pending: number; parked: number; oldest?: number }) => void): Unsubscribe;
  /** Makes parked or waiting changes due now (all, or one); how many. */
  retry(mutationId?: string): Promise<number>;
  /** Drops a change and restores what the server has; rejects IN_FLIGHT or MUTATION_UNKNOWN. */
  discard(mutationId: string): Promise<void>;
  /** Replaces the document of a parked, waiting or conflicting change; it is checked like one given to put(). Rejects MUTATION_UNKNOWN. */
  edit(mutationId: string, doc: object): Promise<void>;
}
/** Where a change stands. */
export type PendingState = 'waiting' | 'sending' | 'parked' | 'conflict';
/** Mirrors the pending-items record: tempId, data, createdAt, retryCount, lastError, and what the engine adds. */
export interface PendingChange {
  /** Its place: changes of one document go in this order. */
  seq: number;
  /** Its identity, as in `Write.mutationId`. */
  mutationId: string;
  /** The server executes this content under it at most once. */
  idempotencyKey: string;
  /** Of its document. */
  collection: string;
  /** Of its document, temporary until the server has made one. */
  id: string;
  /** The temporary id its document had, where it had one. */
  tempId?: string;
  /** What it does. */
  kind: 'create' | 'update' | 'delete';
  /** The document as this change leaves it; absent for a delete. */
  data?: object;
  /** When the person made it. */
  createdAt: number;
  /** Counted attempts so far. */
  retryCount: number;
  /** Why the last attempt failed, with the server's messages by field. */
  lastError?: ErrorInfo;
  /** Where it stands. */
  state: PendingState;
  /** When the next attempt is due, where it has a pause. */
  nextAttemptAt?: number;
  /** As given to the write. */
  priority: 'high' | 'user' | 'background';
  /** The transaction it belongs to: its changes go in order, or together. */
  group?: string;
  /** Mutation ids that have to be acknowledged before. */
  dependsOn: string[];
}
