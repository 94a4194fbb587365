/**
 * The public face of sending and pulling: status, holds, a pass by hand, and events.
 *
 * Decides nothing: the engine does. The status handed out is the same object until something in it changes.
 */

import type { StatusOut } from './binding.js';
import { mustBe, plainOptions, unknownWord } from './check.js';
import { refuse, toInfo } from './errors.js';
import { type Listeners, listeners } from './events.js';
import type { Handle } from './handle.js';
import type { Sync, SyncReport, SyncStatus } from './types-sync.js';

type NowOptions = { collection?: string; push?: boolean; pull?: boolean; full?: boolean };
const NOW = ['collection', 'push', 'pull', 'full'];

/** The `sync` of a database. */
export function syncOf(handle: Handle): Sync {
  const told: Listeners<SyncStatus> = listeners('sync.subscribe', handle.report);
  let out: StatusOut | undefined;
  let status: SyncStatus;
  let text = '';
  const current = () => {
    const next = handle.told.status;
    if (next === out) return status;
    out = next;
    const made = publicStatus(next);
    const madeText = JSON.stringify(made);
    if (madeText !== text) [status, text] = [made, madeText];
    return status;
  };
  /** What was emitted last. */
  let emitted = current();
  handle.statusChanges.add(() => {
    if (told.size === 0 || current() === emitted) return;
    emitted = status;
    told.emit(status);
  });
  return {
    get status() {
      return current();
    },
    get network() {
      return { reachable: undefined, ...handle.told.network };
    },
    subscribe(listener) {
      handle.alive();
      if (told.size === 0) emitted = current();
      return told.addNow(listener, current());
    },
    now: async (options) => syncNow(handle, options),
    start() {
      handle.runNow((client) => client.start());
      handle.hear(true);
    },
    stop() {
      handle.runNow((client) => client.stop());
      handle.hear(false);
    },
    hold: (reason) => hold(handle, reason),
    schedule: (at) => schedule(handle, at),
    triggers() {
      const { running, waiting } = handle.told.triggers;
      return { running: running.map((one) => ({ ...one })), waiting: waiting.map((one) => ({ ...one })) };
    },
    stats: () => handle.run((client) => client.stats()),
    async resetStats() {
      await handle.run((client) => client.resetStats());
    },
    on(event, listener) {
      handle.alive();
      return handle.syncEvents.on(event, listener);
    },
  };
}

/** One pass. */
export async function syncNow(handle: Handle, options: NowOptions = {}): Promise<SyncReport> {
  handle.alive();
  checkNow(handle, options);
  const { collection, push = true, pull = true, full = false } = options;
  const pass = { push, pull, full, ...(collection === undefined ? {} : { collection }) };
  const report = await handle.run((client) => client.now(pass));
  const results = report.results.map(({ error, ...rest }) =>
    error === undefined ? rest : { ...rest, error: toInfo(error) },
  );
  return { ...report, results };
}

/** Throws STORE_UNKNOWN for a collection that was not declared. */
export function checkCollection(handle: Handle, name: string): void {
  const names = [...handle.checked.validators.keys()];
  if (names.includes(name)) return;
  throw refuse('STORE_UNKNOWN', `there is no collection ${unknownWord(name, names)}`, {
    hint: 'declare it in the collections of open()',
  });
}

function checkNow(handle: Handle, options: NowOptions): void {
  plainOptions(options, 'options', NOW, 'ARGUMENT_TYPE');
  if (options.collection !== undefined) checkCollection(handle, options.collection);
}

function hold(handle: Handle, reason: string): () => void {
  if (typeof reason !== 'string' || reason === '')
    throw mustBe('ARGUMENT_TYPE', 'reason', 'a non-empty string', reason);
  const number = handle.runNow((client) => client.hold(reason));
  let held = true;
  return () => {
    if (held && !handle.isEnded()) handle.runNow((client) => client.release(number));
    held = false;
  };
}

function schedule(handle: Handle, at: unknown): () => void {
  const time = at instanceof Date ? at.getTime() : at;
  if (typeof time !== 'number' || Number.isNaN(time)) throw mustBe('ARGUMENT_TYPE', 'at', 'a date or a time', at);
  const number = handle.runNow((client) => client.schedule(time));
  let stands = true;
  return () => {
    if (stands && !handle.isEnded()) handle.runNow((client) => client.unschedule(number));
    stands = false;
  };
}

function publicStatus({ error, progress, ...rest }: StatusOut): SyncStatus {
  const status = { ...rest, holds: [...rest.holds] } as { -readonly [K in keyof SyncStatus]: SyncStatus[K] };
  if (error !== undefined) status.error = toInfo(error);
  if (progress !== undefined) status.progress = progress;
  return Object.freeze(status);
}
