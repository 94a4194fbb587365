/**
 * Where log lines go: nowhere, the console, or the app's own function.
 *
 * Adds the time; drops what is below the level. A log that throws stops nothing.
 */

import type { Checked } from './config.js';
import type { LogEntry } from './types.js';

/** Writes one line. */
export type Log = (level: LogEntry['level'], scope: string, message: string, detail?: object) => void;

const LEVELS = ['error', 'warn', 'info', 'debug'];

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
