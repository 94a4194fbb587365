/**
 * The snapshot of a value: copied and checked in one pass, at the moment it is given.
 *
 * Accepts plain JSON values only (also inside the reactive proxies of Vue, Svelte and MobX) and gives back plain
 * objects that share nothing with the original. Refuses everything that would not come back as it went in, with the
 * path of the offender and never its value. Symbol keys and non-enumerable properties are not data and are left out.
 * Sizes are estimates: one byte per UTF-16 unit of text and of keys, eight per number.
 */

import { type ErrorCode, isSeakeepError, refuse, thrownName } from './errors.js';
import { isWellFormed, loneSurrogate } from './text.js';

const MAX_DEPTH = 100;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_KEYS = 100_000;
const INCREMENT = 'value at % is an increment: only patch() takes one, as the value of a whole field';
/** Marks what increment() made. Data of the same look, which a server may have, is data. */
export const MADE: unique symbol = Symbol.for('seakeep.increment');

type Plain = { [key: string]: unknown };

/** A checked copy of a document; DOC_TYPE when it is not a plain object. */
export function snapshotDocument(value: unknown, root = '$'): Plain {
  if (!isPlain(value))
    throw refuse('DOC_TYPE', `${root === '$' ? 'the document' : root} must be a plain object`, { path: root });
  return snapshotValue(value, root) as Plain;
}

/** A checked copy of any JSON value. */
export function snapshotValue(value: unknown, root = '$'): unknown {
  const pass = new Pass(root);
  try {
    return pass.copy(value, 0);
  } catch (thrown) {
    throw isSeakeepError(thrown) ? thrown : pass.unreadable(thrown);
  }
}

/** A copy of a value that has already been checked. */
export function clone<V>(value: V): V {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(clone) as V;
  const out = { ...value } as Plain;
  for (const key in out) if (typeof out[key] === 'object') out[key] = clone(out[key]);
  return out as V;
}

/** Whether something is an object made by a literal, in any realm, or without a prototype. */
export function isPlain(value: unknown): value is Plain {
  if (typeof value !== 'object' || value === null) return false;
  try {
    if (Array.isArray(value)) return false;
    const prototype = Object.getPrototypeOf(value);
    return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
  } catch {
    return false;
  }
}

/** One pass over one value. A getter may start another, so nothing is kept outside. */
class Pass {
  /** Keys from the root to the value looked at, by depth. */
  private readonly trail: (string | number)[] = [];
  /** The objects from the root to it, to find cycles. */
  private readonly above: object[] = [];
  private bytes = 0;
  private keys = 0;

  constructor(private readonly root: string) {}

  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        this.weigh(value.length + 2, depth);
        if (!isWellFormed(value)) throw this.surrogate(value, depth);
        return value;
      case 'number':
        return this.number(value, depth);
      case 'boolean':
        this.bytes += 4;
        return value;
      case 'object':
        if (value !== null) return this.nested(value, depth);
        this.bytes += 4;
        return null;
      case 'undefined':
        throw this.fault('DOC_UNDEFINED', depth, 'value at % is undefined; use null or remove the key');
      default:
        throw this.unsupported(typeof value, depth);
    }
  }

  unreadable(thrown: unknown): Error {
    return this.fault('DOC_READ_FAILED', this.trail.length, `reading % threw ${thrownName(thrown)}`);
  }

  private nested(value: object, depth: number): unknown {
    this.trail.length = depth;
    if (depth >= MAX_DEPTH) throw this.fault('DOC_TOO_DEEP', depth, `nested deeper than ${MAX_DEPTH} at %`);
    for (let i = 0; i < depth; i++) {
      if (this.above[i] === value) throw this.fault('DOC_CYCLE', depth, `% refers back to ${this.path(i)}`);
    }
    this.above[depth] = value;
    if (Array.isArray(value)) return this.array(value, depth);
    if (!isPlain(value)) throw this.unsupported(className(value), depth);
    return this.object(value, depth);
  }

  private array(value: unknown[], depth: number): unknown[] {
    const out: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      this.trail[depth] = i;
      this.weigh(1, depth);
      out.push(this.copy(value[i], depth + 1));
    }
    this.trail.length = depth;
    return out;
  }

  /** The spread reads every getter once and keeps the object's hidden class; the checks run on the copy. */
  private object(value: Plain, depth: number): Plain {
    const out = this.shallow(value, depth);
    const keys = Object.keys(out);
    this.keys += keys.length;
    if (this.keys > MAX_KEYS) throw this.fault('DOC_TOO_MANY_KEYS', depth, `${this.keys} keys; limit ${MAX_KEYS}`);
    if (keys[0] === '$increment' && MADE in value) throw this.fault('DOC_UNSUPPORTED', depth, INCREMENT);
    for (const key of keys) {
      this.trail[depth] = key;
      this.weigh(key.length + 3, depth);
      this.checkKey(key, depth);
      const given = out[key];
      const kept = this.copy(given, depth + 1);
      if (kept !== given || kept === 0) out[key] = kept;
    }
    this.trail.length = depth;
    return out;
  }

  private shallow(value: Plain, depth: number): Plain {
    try {
      return { ...value };
    } catch (thrown) {
      for (const key of Object.keys(value)) {
        this.trail[depth] = key;
        void value[key];
      }
      this.trail.length = depth;
      throw thrown;
    }
  }

  private checkKey(key: string, depth: number): void {
    if (key === '__proto__') {
      throw this.fault('KEY_FORBIDDEN', depth, 'key "__proto__" at % is not allowed');
    }
    if (!isWellFormed(key)) throw this.surrogate(key, depth);
  }

  private number(value: number, depth: number): number {
    this.bytes += 8;
    if (!Number.isFinite(value)) throw this.fault('NUMBER_NOT_FINITE', depth, 'number at % is not finite');
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw this.fault('NUMBER_UNSAFE', depth, 'integer at % cannot be represented exactly; send it as a string');
    }
    return value === 0 ? 0 : value;
  }

  private weigh(bytes: number, depth: number): void {
    this.bytes += bytes;
    if (this.bytes > MAX_BYTES) throw this.fault('DOC_TOO_LARGE', Math.min(depth, 1), 'more than 16 MiB; limit 16 MiB');
  }

  private unsupported(kind: string, depth: number): Error {
    return this.fault('DOC_UNSUPPORTED', depth, `value at % is a ${kind}; documents hold JSON values only`);
  }

  private surrogate(text: string, depth: number): Error {
    const index = loneSurrogate(text);
    return this.fault('STRING_LONE_SURROGATE', depth, `text at % has an unpaired surrogate at index ${index}`);
  }

  private fault(code: ErrorCode, depth: number, message: string): Error {
    const path = this.path(depth);
    return refuse(
      code,
      message.replace('%', () => path),
      { path },
    );
  }

  private path(depth: number): string {
    const keys = this.trail.slice(0, depth);
    const path = this.root + keys.map(step).join('');
    return path.length > 200 ? `${path.slice(0, 197)}...` : path;
  }
}

function step(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`;
  if (/^[A-Za-z_$][\w$]*$/.test(key)) return `.${key}`;
  return `[${JSON.stringify(key.length > 60 ? `${key.slice(0, 57)}...` : key)}]`;
}

function className(value: object): string {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return tag === 'Object' || !/^[A-Z][A-Za-z]{0,40}$/.test(tag) ? 'class instance' : tag;
}
