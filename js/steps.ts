/**
 * Filtered reading of more than one answer may hold: by id, in steps of bounded size, keeping only what passes.
 *
 * What a filter lets through is known only after reading, so a bound on rows would refuse small answers out of large
 * collections. Steps are transactions of their own: they are read again when anything was committed between the first
 * and the last of them. Knows nothing about who asks.
 */

import type { QueryOut } from './binding.js';
import { isSeakeepError, refuse } from './errors.js';
import type { Handle } from './handle.js';
import { type CheckedQuery, sift } from './query.js';

/** Rows of one step. */
const STEP = 2_500;
/** What one answer may hold. */
const MOST = 10_000;
/** Readings of one answer: the last one counts, whatever is committed meanwhile. */
const READINGS = 3;

type Doc = { [field: string]: unknown };

/**
 * Answers a query as often as it is called, in steps where one answer does not hold what has to be read; what was too
 * large once is read in steps until it is small again. Rejects QUERY_TOO_LARGE where more than 10,000 are left over,
 * FILTER_FAILED when the filter throws. A query that nothing can match is not for it.
 */
export function reader<V, T>(
  handle: Handle,
  collection: string,
  query: CheckedQuery<T>,
  ask: (out: QueryOut) => Promise<V[]>,
  docOf: (one: V) => unknown,
): () => Promise<V[]> {
  const { out, filter, limit } = query;
  const passing = { filter, limit: undefined };
  const bounded = limit === undefined ? out : { ...out, limit };
  const inOrderOfIds = out.orderBy.length === 0 && !out.descending;
  let large = false;

  const ordered = (kept: V[]): V[] => {
    const byDoc = new Map(kept.map((one) => [docOf(one) as object, one]));
    const docs = handle.runNow((client) => client.sift(collection, bounded, [...byDoc.keys()]));
    return docs.map((doc) => byDoc.get(doc) as V);
  };
  const step = (after: string | undefined) => {
    const beyond = after === undefined ? [] : [{ path: 'id', op: 'gt' as const, value: after }];
    return ask({ where: [...out.where, ...beyond], orderBy: [], descending: false, limit: STEP });
  };
  const inSteps = async (): Promise<V[]> => {
    let kept: V[] = [];
    let read = 0;
    for (let after: string | undefined, full = true; full; ) {
      const found = await step(after);
      read += found.length;
      full = found.length === STEP;
      after = full ? ((docOf(found.at(-1) as V) as Doc).id as string) : undefined;
      for (const one of sift(found, passing, (one) => docOf(one) as T)) kept.push(one);
      if (limit !== undefined && inOrderOfIds && kept.length >= limit) return kept.slice(0, limit);
      if (limit !== undefined && kept.length > STEP + limit) kept = ordered(kept);
      if (limit === undefined && kept.length > MOST)
        throw refuse('QUERY_TOO_LARGE', 'more than 10,000 documents pass the filter; narrow the query or set a limit');
    }
    large = read > MOST;
    return ordered(kept);
  };
  const undisturbed = async (): Promise<V[]> => {
    const mark = () => handle.run((client) => client.mark());
    for (let left = READINGS - 1; ; left--) {
      const before = await mark();
      const kept = await inSteps();
      if (left === 0 || (await mark()) === before) return kept;
    }
  };

  return async () => {
    if (large) return undisturbed();
    try {
      return sift(await ask(out), query, (one) => docOf(one) as T);
    } catch (thrown) {
      if (filter === undefined || !isSeakeepError(thrown, 'QUERY_TOO_LARGE')) throw thrown;
      large = true;
      return undisturbed();
    }
  };
}
