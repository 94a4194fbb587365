/**
 * Queries: from what the app writes to what the engine takes, checked.
 *
 * Refuses operators and values it does not know (QUERY_INVALID) and numbers out of range (QUERY_RANGE); conditions that
 * can never hold are answered without asking the store. The app's own `filter` runs here, on what the engine brings.
 */

import type { QueryOut, ScalarOut } from './binding.js';
import { integer, mustBe, oneOf, optionalFunction, plainOptions } from './check.js';
import { refuse, thrownName } from './errors.js';
import { isPlain } from './snapshot.js';
import { didYouMean, shown } from './text.js';
import type { Query } from './types.js';

/** A checked query. */
export interface CheckedQuery<T> {
  /** For the engine; without a limit when there is a filter, because the limit counts after it. */
  out: QueryOut;
  /** Nothing can match; `out` is then harmless and its answer is not to be used. */
  none: boolean;
  filter: ((doc: T) => boolean) | undefined;
  limit: number | undefined;
}

type Where = QueryOut['where'][number];
const KEYS = ['where', 'orderBy', 'direction', 'limit', 'filter'];
const OPERATORS = ['eq', 'in', 'gt', 'gte', 'lt', 'lte', 'startsWith'];

/** Checks a query; undefined means all. */
export function checkQuery<T>(query: Query<T> | undefined): CheckedQuery<T> {
  const given = plainOptions(query, 'query', KEYS, 'QUERY_INVALID');
  const filter = optionalFunction<(doc: T) => boolean>(given.filter, 'filter', 'QUERY_INVALID');
  const direction = oneOf(given.direction, 'direction', ['asc', 'desc'], 'asc', 'QUERY_INVALID');
  const limit = integer(given.limit, 'limit', 1, 10_000, undefined, 'QUERY_RANGE');
  const where = conditions(given.where);
  const out: QueryOut = { where, orderBy: order(given.orderBy), descending: direction === 'desc' };
  if (limit !== undefined && filter === undefined) out.limit = limit;
  const none = where.some((one) => isEmpty(one, where));
  return { out: none ? { ...out, where: [], limit: 1 } : out, none, filter, limit };
}

/** What of the engine's answer passes the filter, up to the limit. FILTER_FAILED when the filter throws. */
export function sift<V, T>(found: V[], query: Pick<CheckedQuery<T>, 'filter' | 'limit'>, doc: (one: V) => T): V[] {
  const { filter, limit } = query;
  if (filter === undefined) return found;
  const kept: V[] = [];
  for (const one of found) {
    if (kept.length === limit) break;
    if (passes(filter, doc(one))) kept.push(one);
  }
  return kept;
}

function passes<T>(filter: (doc: T) => boolean, doc: T): boolean {
  let verdict: unknown;
  try {
    verdict = filter(doc);
  } catch (thrown) {
    throw refuse('FILTER_FAILED', `the query's filter threw ${thrownName(thrown)}`);
  }
  // Any promise would pass.
  if (verdict instanceof Promise)
    throw refuse('FILTER_FAILED', "the query's filter must answer at once; it returned a promise");
  return Boolean(verdict);
}

function order(orderBy: unknown): string[] {
  if (orderBy === undefined) return [];
  const paths: unknown[] = Array.isArray(orderBy) ? orderBy : [orderBy];
  return paths.map((path) => fieldPath(path, 'orderBy'));
}

function conditions(where: unknown): Where[] {
  const given = plainOptions(where, 'where', undefined, 'QUERY_INVALID');
  return Object.keys(given).flatMap((key) => condition(fieldPath(key, 'where'), given[key]));
}

function condition(path: string, value: unknown): Where[] {
  if (!isPlain(value)) return [{ path, op: 'eq', value: scalar(value, path) }];
  const operators = Object.keys(value);
  if (operators.length === 0) throw invalid(`the condition on "${path}" has no operator`);
  return operators.map((op) => {
    if (!OPERATORS.includes(op)) throw invalid(`operator "${shown(op)}" is not supported${didYouMean(op, OPERATORS)}`);
    return { path, op: op as Where['op'], value: operand(op, value[op], path) };
  });
}

function operand(op: string, value: unknown, path: string): Where['value'] {
  if (op === 'in') {
    if (!Array.isArray(value) || value.length > 1000)
      throw invalid(`"in" on "${path}" takes an array of at most 1,000 values`);
    return value.map((one) => scalar(one, path));
  }
  if (op === 'startsWith' && typeof value !== 'string') throw invalid(`"startsWith" on "${path}" takes a string`);
  return scalar(value, path);
}

function scalar(value: unknown, path: string): ScalarOut {
  const kind = typeof value;
  if (value === null || kind === 'string' || kind === 'boolean') return value as ScalarOut;
  if (kind === 'number' && Number.isFinite(value)) return value as number;
  throw mustBe('QUERY_INVALID', `"${shown(path)}"`, 'compared with text, numbers, true, false or null', value);
}

function fieldPath(path: unknown, option: string): string {
  const fine =
    typeof path === 'string' && path.length <= 500 && !path.split('.').some((key) => key === '' || key === '__proto__');
  if (!fine) throw mustBe('QUERY_INVALID', `a path in ${option}`, 'names joined by "."', path);
  return path as string;
}

/** An empty choice, or a lower bound above an upper one on the same field. */
function isEmpty(one: Where, all: Where[]): boolean {
  if (one.op === 'in') return (one.value as unknown[]).length === 0;
  if (one.op !== 'gt' && one.op !== 'gte') return false;
  return all.some((other) => {
    if ((other.op !== 'lt' && other.op !== 'lte') || other.path !== one.path || typeof other.value !== typeof one.value)
      return false;
    const strict = one.op === 'gt' || other.op === 'lt';
    return strict ? (one.value as string) >= (other.value as string) : (one.value as string) > (other.value as string);
  });
}

function invalid(message: string): Error {
  return refuse('QUERY_INVALID', message);
}
