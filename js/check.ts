/**
 * The checks of options and arguments, one function for each kind of value; the callers say which option takes what.
 *
 * Each takes the option's name as the app wrote it, and the code to refuse with where it is not an option of open().
 * A message says what was wanted and the type or length of what came, never its value.
 */

import { type ErrorCode, kindOf, refuse } from './errors.js';
import { isPlain } from './snapshot.js';
import { didYouMean, shown } from './text.js';

/** Options of any shape, known to be a plain object. */
export type Options = { [option: string]: unknown };

/** How a message names a word that is none of the known ones: by itself when it is text, and by what was perhaps meant. */
export function unknownWord(word: unknown, known: readonly string[]): string {
  return typeof word === 'string' ? `"${shown(word)}"${didYouMean(word, known)}` : kindOf(word);
}

/** A plain object (nothing is an empty one) with none but known keys. An own key set to undefined is as good as absent. */
export function plainOptions(value: unknown, what: string, known?: readonly string[], code?: ErrorCode): Options {
  if (value === undefined) return {};
  if (!isPlain(value)) throw mustBe(code ?? 'CONFIG_TYPE', what, 'a plain object', value);
  for (const key of Object.keys(value)) {
    if (known?.includes(key) === false) {
      const message = `unknown option "${shown(key)}" in ${what}${didYouMean(key, known)}`;
      throw refuse(code ?? 'CONFIG_UNKNOWN_KEY', message, { path: shown(key) });
    }
  }
  return value;
}

/** Refuses options that have no behaviour yet: ignoring them would be a lie. */
export function refuseUnsupported(value: unknown, names: readonly string[]): void {
  const path = isPlain(value) ? Object.keys(value).find((key) => names.includes(key)) : undefined;
  if (path !== undefined) throw refuse('CONFIG_UNSUPPORTED', `"${path}" is not supported by this version`, { path });
}

/** An integer within bounds, or the default. */
export function integer<F>(
  value: unknown,
  option: string,
  min: number,
  max: number,
  fallback: F,
  code?: ErrorCode,
): number | F {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  throw mustBe(code ?? 'CONFIG_RANGE', option, `an integer ${grouped(min)}-${grouped(max)}`, value);
}

/** A number within bounds, or the default. */
export function real(value: unknown, option: string, min: number, max: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw mustBe('CONFIG_RANGE', option, `a number ${min}-${max}`, value);
}

/** One of a few words, or the default. */
export function oneOf<W extends string, F>(
  value: unknown,
  option: string,
  words: readonly W[],
  fallback: F,
  code?: ErrorCode,
): W | F {
  if (value === undefined) return fallback;
  if (words.includes(value as W)) return value as W;
  throw mustBe(code ?? 'CONFIG_ENUM', option, `one of ${words.join(', ')}`, value);
}

/** true or false, or the default. */
export function flag(value: unknown, option: string, fallback: boolean, code?: ErrorCode): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? fallback;
  throw mustBe(code ?? 'CONFIG_TYPE', option, 'true or false', value);
}

/** A function, or undefined. */
export function optionalFunction<F>(value: unknown, option: string, code?: ErrorCode): F | undefined {
  if (value === undefined || typeof value === 'function') return value as F | undefined;
  throw mustBe(code ?? 'CONFIG_TYPE', option, 'a function', value);
}

/** A path under a base URL. */
export function checkPath(value: unknown, at: string): string {
  if (typeof value !== 'string') throw mustBe('CONFIG_TYPE', at, 'a string', value);
  const segments = value.split('/');
  const fine = segments.every(
    (segment) => /^[\w~!$&'()*+,;=:@.%-]+$/.test(segment) && segment !== '.' && segment !== '..',
  );
  if (!fine || value.length > 500)
    throw invalid(at, `${at} must be path segments joined by "/", without a slash at either end`);
  return value;
}

/** The refusal of a value that is not what it must be. */
export function mustBe(code: ErrorCode, what: string, wanted: string, value: unknown): Error {
  return refuse(code, `${what} must be ${wanted}; got ${kindOf(value)}`, { path: what });
}

/** A CONFIG_INVALID error. */
export function invalid(option: string, message: string): Error {
  return refuse('CONFIG_INVALID', message, { path: option });
}

/** 86400000 as 86,400,000, without a locale. */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}
