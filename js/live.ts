/**
 * Standing queries: asked again after everything that may have changed their answer, told only when it did.
 *
 * One reading runs at a time; whatever happens meanwhile leads to exactly one more. Rows and documents that did not
 * change are the same objects as before, so that frameworks have nothing to redraw. Closures instead of methods: its
 * functions are handed to frameworks as they are.
 */

import type { QueryOut, RowOut } from './binding.js';
import type { SeakeepError } from './errors.js';
import { listeners } from './events.js';
import type { Handle, Wakeable } from './handle.js';
import type { CheckedQuery } from './query.js';
import { reader } from './steps.js';
import type { Live, LiveResult, Row } from './types.js';

/** Starts a standing query. */
export function liveOf<T>(handle: Handle, collection: string, query: CheckedQuery<T>): Live<T> {
  const told = listeners<LiveResult<T>>('live.subscribe', handle.report);
  const ends = new Set<() => void>();
  let current: LiveResult<T> = { rows: [], loaded: false, complete: false };
  let running = false;
  let dirty = false;
  let closed = false;

  const settle = (next: LiveResult<T>) => {
    if (closed || isSame(current, next)) return;
    current = next;
    told.emit(next);
  };
  let complete = false;
  const ask = async (out: QueryOut) => {
    const found = await handle.run((client) => client.rows(collection, out), 'query');
    complete = found.complete;
    return found.rows;
  };
  const rows = reader(handle, collection, query, ask, (row) => row.doc);
  const read = async () => {
    const found = await (query.none ? ask(query.out) : rows());
    settle({ rows: reuse(current.rows, query.none ? [] : found), loaded: true, complete });
  };
  const wake = async () => {
    dirty = true;
    if (running) return;
    running = true;
    while (dirty && !closed) {
      dirty = false;
      await read().catch((error: SeakeepError) => settle({ ...current, error }));
    }
    running = false;
  };
  const close = () => {
    closed = true;
    handle.lives.delete(wakeable);
    told.clear();
    for (const end of ends) end();
  };
  const wakeable: Wakeable = { collection, wake: () => void wake(), close };
  handle.lives.add(wakeable);
  void wake();
  return {
    get current() {
      return current;
    },
    subscribe: (listener) => told.addNow(listener, current),
    [Symbol.asyncIterator]: () => iterate(told, ends, () => ({ current, closed })),
    close,
  };
}

/** The rows found, each the former object where nothing in it changed. */
function reuse<T>(before: readonly Row<T>[], found: RowOut[]): readonly Row<T>[] {
  const former = new Map(before.map((row) => [row.key, row]));
  const rows = found.map((row) => {
    const old = former.get(row.key);
    if (old === undefined) return fresh<T>(row, row.doc);
    const doc = isEqual(old.doc, row.doc) ? old.doc : row.doc;
    return doc === old.doc && old.id === row.id && old.state === row.state ? old : fresh<T>(row, doc);
  });
  return rows.length === before.length && rows.every((row, i) => row === before[i]) ? before : rows;
}

function fresh<T>(row: RowOut, doc: unknown): Row<T> {
  return Object.freeze({ key: row.key, id: row.id, doc: doc as T, state: row.state });
}

function isSame<T>(a: LiveResult<T>, b: LiveResult<T>): boolean {
  const sameError = a.error?.code === b.error?.code && a.error?.message === b.error?.message;
  return a.rows === b.rows && a.loaded === b.loaded && a.complete === b.complete && sameError;
}

/** Equality of JSON values; the order of keys does not count. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key as never], b[key as never]));
}

/** The newest result each time one is asked for; results nobody asked for in time are passed over. */
function iterate<T>(
  told: ReturnType<typeof listeners<LiveResult<T>>>,
  ends: Set<() => void>,
  state: () => { current: LiveResult<T>; closed: boolean },
): AsyncIterator<LiveResult<T>> {
  let seen: LiveResult<T> | undefined;
  const waiting: (() => void)[] = [];
  const wake = () => {
    for (const resume of waiting.splice(0)) resume();
  };
  const stop = told.add(wake);
  ends.add(wake);
  let finished = false;
  const finish = async (): Promise<IteratorResult<LiveResult<T>>> => {
    finished = true;
    stop();
    ends.delete(wake);
    wake();
    return { done: true, value: undefined };
  };
  const next = async (): Promise<IteratorResult<LiveResult<T>>> => {
    for (;;) {
      const { current, closed } = state();
      if (finished || closed) return finish();
      if (current !== seen && (current.loaded || current.error !== undefined)) {
        seen = current;
        return { done: false, value: current };
      }
      await new Promise<void>((resume) => waiting.push(resume));
    }
  };
  return { next, return: finish };
}
