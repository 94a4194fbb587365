/**
 * Where log lines go: nowhere, the console, or the app's own function.
 *
 * Adds the time; drops what is below the level. A log that throws stops nothing.
 */

import type { Checked } from './config.js';
import { thrownName } from './errors.js';
import type { DatabaseEvents, LogEntry } from './types.js';
import type { SyncEvents } from './types-sync.js';

/** Writes one line. */
export type Log = (level: LogEntry['level'], scope: string, message: string, detail?: object) => void;

/** A level for each event; the table has no other key. */
type Levels<Events> = { [E in keyof Events]: LogEntry['level'] } & { [event: string]: LogEntry['level'] };

const LEVELS = ['error', 'warn', 'info', 'debug'];

/** The events of sync, and how much each matters. */
export const SYNC_LEVELS: Levels<SyncEvents> = {
  __proto__: null as never,
  started: 'debug',
  progress: 'debug',
  acknowledged: 'debug',
  pulled: 'debug',
  completed: 'info',
  failed: 'warn',
  retrying: 'info',
  parked: 'warn',
  rejected: 'warn',
  conflict: 'info',
  resolved: 'info',
  network: 'info',
  leader: 'info',
  breaker: 'warn',
  'auth-required': 'warn',
  'update-required': 'error',
  'captive-portal': 'warn',
  'unknown-results': 'warn',
};
/** The events of the database, and how much each matters. */
export const STORE_LEVELS: Levels<DatabaseEvents> = {
  __proto__: null as never,
  'listener-error': 'warn',
  'storage-lost': 'error',
  'closed-for-upgrade': 'warn',
  'upgrade-blocked': 'warn',
};
/** What of an event's detail a line may hold: counts, codes and names the app itself declared. */
const SHOWN = (
  'reason collection mutationId attempts nextAttemptAt pushed pulled conflicts parked failed durationMs skipped ' +
  'changed deleted count online reachable leader epoch state until code status type strategy phase done total'
).split(' ');

/** A line about an event of sync. */
export function logSync(log: Log, name: string, detail: object): void {
  const given = detail as { [key: string]: unknown; error?: { code?: unknown } };
  const shown = Object.fromEntries(SHOWN.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]));
  if (given.error?.code !== undefined) shown.code = given.error.code;
  log(SYNC_LEVELS[name] ?? 'debug', 'sync', name, shown);
}

/** The code of an error, or the kind of what was thrown; never its text. */
export function causeName(failed: unknown): string {
  const code = (failed as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z_]{1,40}$/.test(code) ? code : thrownName(failed);
}

/** The log for the option `log`. */
export function logTo(sink: Checked['log']): Log {
  return (level, scope, message, detail) => {
    const extra = detail === undefined ? {} : { detail };
    try {
      if (typeof sink === 'function') sink({ at: Date.now(), level, scope, message, ...extra });
      else if (LEVELS.indexOf(level) <= LEVELS.indexOf(sink)) {
        console[level](`[seakeep] ${scope}: ${message}`, ...Object.values(extra));
      }
    } catch {
      // There is nowhere left to report this to.
    }
  };
}
