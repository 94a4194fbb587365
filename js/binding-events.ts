/**
 * The border's news: what the engine tells the face without being asked.
 *
 * Types only. Documents in it are shared and never to be changed. Nothing here is exported to users.
 */

import type { ConflictOut, ErrorOut } from './binding-shapes.js';
import type { Progress, SyncTriggers } from './types-sync.js';

/** What the engine tells the face, tagged by `type`. */
export type EngineEvent =
  | { type: 'status'; status: StatusOut; network: NetworkOut; oldest?: number; triggers: SyncTriggers }
  /** Committed changes made in this tab (`own`) or applied from the server by this tab. `doc` undefined: gone. Shared, not to be changed. */
  | {
      type: 'changes';
      own: boolean;
      changes: { collection: string; id: string; key: string; previousId?: string; doc?: object }[];
    }
  /** Another tab committed something; collections whose rows or row states may have moved. */
  | { type: 'stale'; collections: string[] }
  /** Row states of these collections moved (sending, parked, ...) without their documents changing. */
  | { type: 'states'; collections: string[] }
  /** The first pull of a collection has finished. */
  | { type: 'complete'; collection: string }
  /** A change has reached its end; for changes watched since write() in this tab. `ok` carries what the server has. */
  | { type: 'settled'; mutationId: string; ok?: { id: string; doc?: object; revision?: string }; error?: ErrorOut }
  /** The collection's function is asked about a conflict; its answer goes to `verdict`. */
  | { type: 'question'; conflict: ConflictOut }
  /** SyncEvents of the public surface, by name. */
  | { type: 'sync'; name: string; detail: object }
  /** DatabaseEvents of the public surface, by name. */
  | { type: 'database'; name: string; detail: object }
  | { type: 'setting'; key: string }
  | { type: 'log'; level: 'error' | 'warn' | 'info' | 'debug'; scope: string; message: string; detail?: object };

/** SyncStatus, with errors as the engine has them. */
export interface StatusOut {
  state:
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
  phase: 'idle' | 'pushing' | 'pulling';
  online: boolean;
  leader: boolean;
  pending: number;
  parked: number;
  conflicts: number;
  lastSyncedAt?: number;
  nextAttemptAt?: number;
  holds: string[];
  error?: ErrorOut;
  progress?: Progress;
}

/** NetworkState as the engine has it. */
export interface NetworkOut {
  online: boolean;
  reachable?: boolean;
  type?: string;
  effectiveType?: string;
  saveData: boolean;
  good: boolean;
}
