/**
 * The checks of options, one function for each kind of value; config.ts and config-sync.ts say which option takes what.
 *
 * Each takes the option's name as the app wrote it and throws a CONFIG_ error; a message says what was wanted and the
 * type or length of what came, never its value.
 */

import { kindOf, refuse } from './errors.js';
import { isPlain } from './snapshot.js';
import { didYouMean, shown } from './text.js';

/** Options of any shape, known to be a plain object. */
export type Options = { [option: string]: unknown };

/** A plain object with none but known keys. An own key set to undefined is as good as absent. */
export function plainOptions(
  value: unknown,
  what: string,
  known: readonly string[],
  unsupported: readonly string[] = [],
): Options {
  if (!isPlain(value)) throw refuse('CONFIG_TYPE', `${what} must be a plain object; got ${kindOf(value)}`);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    if (unsupported.includes(key)) {
      throw refuse('CONFIG_UNSUPPORTED', `option "${key}" is not supported by this version`, {
        path: key,
        hint: 'leave it out',
      });
    }
    throw refuse('CONFIG_UNKNOWN_KEY', `unknown option "${shown(key)}" in ${what}${didYouMean(key, known)}`, {
      path: shown(key),
    });
  }
  return value;
}

/** An integer within bounds, or the default. */
export function integer(value: unknown, option: string, min: number, max: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw range(option, `an integer ${grouped(min)}-${grouped(max)}`, value);
}

/** A finite number within bounds, or the default. */
export function real(value: unknown, option: string, min: number, max: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw range(option, `a number ${grouped(min)}-${grouped(max)}`, value);
}

/** One of a few words, or the default. */
export function oneOf<W extends string>(value: unknown, option: string, words: readonly W[], fallback: W): W {
  if (value === undefined) return fallback;
  if (words.includes(value as W)) return value as W;
  throw refuse('CONFIG_ENUM', `${option} must be one of ${words.join(', ')}; got ${kindOf(value)}`, { path: option });
}

/** true or false, or the default. */
export function flag(value: unknown, option: string, fallback: boolean): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? fallback;
  throw wrongType(option, 'true or false', value);
}

/** A function, or undefined. */
export function optionalFunction<F>(value: unknown, option: string): F | undefined {
  if (value === undefined || typeof value === 'function') return value as F | undefined;
  throw wrongType(option, 'a function', value);
}

/** A CONFIG_TYPE error. */
export function wrongType(option: string, wanted: string, value: unknown): Error {
  return refuse('CONFIG_TYPE', `${option} must be ${wanted}; got ${kindOf(value)}`, { path: option });
}

/** A CONFIG_INVALID error. */
export function invalid(option: string, message: string): Error {
  return refuse('CONFIG_INVALID', message, { path: option });
}

function range(option: string, wanted: string, value: unknown): Error {
  return refuse('CONFIG_RANGE', `${option} must be ${wanted}; got ${kindOf(value)}`, { path: option });
}

/** 86400000 as 86,400,000, without a locale. */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}
