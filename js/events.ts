/**
 * Listeners of the app: a set of functions that are told something, each on its own.
 *
 * A listener that throws (or whose promise rejects) is reported, and the others are called all the same. Who emits does
 * so from a fresh task or from a promise's reaction, never while the engine is on the stack.
 */

import { mustBe, unknownWord } from './check.js';
import { refuse } from './errors.js';
import type { Unsubscribe } from './types.js';

/** Told which subscription's listener failed, and what it threw. */
export type Report = (what: string, thrown: unknown) => void;

/** The listeners of one subscription. */
export interface Listeners<T> {
  readonly size: number;
  /** Throws ARGUMENT_TYPE for what is not a function. */
  add(listener: (value: T) => void): Unsubscribe;
  /** Adds a listener and tells it the present value, and then only others: it may have been told before it is emitted. */
  addNow(listener: (value: T) => void, value: T): Unsubscribe;
  emit(value: T): void;
  clear(): void;
}

/** Listeners of what `what` names in messages: `sync.subscribe`. */
export function listeners<T>(what: string, report: Report): Listeners<T> {
  // Wrapped, so that the same function given twice is two listeners.
  const all = new Set<{ call: (value: T) => void; told?: T }>();
  const tell = (call: (value: T) => unknown, value: T) => {
    try {
      const result = call(value);
      if (result instanceof Promise) result.catch((thrown) => report(what, thrown));
    } catch (thrown) {
      report(what, thrown);
    }
  };
  const add = (call: (value: T) => void, told?: T) => {
    checkListener(what, call);
    const entry = told === undefined ? { call } : { call, told };
    all.add(entry);
    return () => void all.delete(entry);
  };
  return {
    get size() {
      return all.size;
    },
    add: (listener) => add(listener),
    addNow(listener, value) {
      const stop = add(listener, value);
      tell(listener, value);
      return stop;
    },
    emit(value) {
      for (const entry of [...all]) {
        if (!all.has(entry) || ('told' in entry && entry.told === value)) continue;
        if ('told' in entry) entry.told = value;
        tell(entry.call, value);
      }
    },
    clear: () => all.clear(),
  };
}

/** Listeners by event name. */
export interface Emitter {
  on(event: string, listener: (detail: never) => void): Unsubscribe;
  /** How many listen to it. */
  count(event: string): number;
  emit(event: string, detail: unknown): void;
  clear(): void;
}

/** An emitter of the named events; to listen to any other is a mistake that would never be noticed: ARGUMENT_TYPE. */
export function emitter(what: string, names: readonly string[], report: Report): Emitter {
  const by = new Map<string, Listeners<never>>();
  return {
    on(event, listener) {
      if (!names.includes(event)) {
        const message = `${what}: there is no event ${unknownWord(event, names)}`;
        throw refuse('ARGUMENT_TYPE', message, { path: 'event' });
      }
      const known = by.get(event) ?? listeners<never>(`${what}("${event}")`, report);
      by.set(event, known);
      return known.add(listener);
    },
    count: (event) => by.get(event)?.size ?? 0,
    emit: (event, detail) => by.get(event)?.emit(detail as never),
    clear: () => by.clear(),
  };
}

/** Throws ARGUMENT_TYPE for what is not a function. */
export function checkListener(what: string, listener: unknown): void {
  if (typeof listener === 'function') return;
  throw mustBe('ARGUMENT_TYPE', `${what}: listener`, 'a function', listener);
}
