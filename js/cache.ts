/**
 * The memory tier: documents of recent reads and writes, least recently used out first.
 *
 * An entry answers only while it is known to be less than a second behind the store: it was read or told of within the
 * last second, or the store's mark has not moved between then and a comparison within the last second. A mark that
 * moved, for whatever reason, ends that trust: what other tabs do may never have been told to this one. What is stored
 * is never given out, only copies. Times are of the page's own steady clock.
 */

import type { CacheCounts } from './metrics.js';
import { clone } from './snapshot.js';

/** How long an entry is trusted after it was last known to be current. */
const TRUST = 1000;

/** The memory of one collection. */
export interface CollectionCache {
  /** A copy of the document, when memory may answer for it. */
  get(id: string): object | undefined;
  /** Keeps a document (undefined: forgets it), and any reading begun before this moment is not kept any more. */
  set(id: string, doc: object | undefined): void;
  /** To be called before a store read; keeps a copy of what it brought unless something was set meanwhile. */
  reading(): (id: string, doc: object | undefined) => void;
  /** Forgets all. */
  drop(): void;
}
/** The memory of all collections of one handle. */
export interface MemoryTier {
  collection(name: string): CollectionCache;
  drop(): void;
}

interface Entry {
  doc: object;
  /** When it was known to be current. */
  at: number;
  /** When it is too old to answer, whatever the mark says. */
  ends: number;
}

/** A memory tier; `mark` asks the store for the number that moves with every commit of any tab. */
export function memoryTier(
  options: { items: number; ttl: number } | undefined,
  mark: () => Promise<string>,
  counts: CacheCounts = { hits: 0, misses: 0, evictions: 0 },
): MemoryTier {
  if (options === undefined) return { collection: () => NONE, drop: () => undefined };
  const freshness = compareMarks(mark);
  const caches = new Map<string, CollectionCache>();
  const collection = (name: string) => {
    let cache = caches.get(name);
    if (cache === undefined) {
      cache = collectionCache(options, freshness, counts);
      caches.set(name, cache);
    }
    return cache;
  };
  return { collection, drop: () => caches.forEach((cache) => void cache.drop()) };
}

interface Freshness {
  /** Whether something known to be current at `at` may still answer; if not, the mark is compared behind. */
  trusts(at: number, now: number): boolean;
}

/** Between `since` and `checked` the mark did not move: what was current at `since` or later still was at `checked`. */
function compareMarks(mark: () => Promise<string>): Freshness {
  let last: string | undefined;
  let since = Number.POSITIVE_INFINITY;
  let checked = Number.NEGATIVE_INFINITY;
  let running = false;
  const compare = () => {
    if (running) return;
    running = true;
    const asked = performance.now();
    const answered = (now: string | undefined) => {
      running = false;
      if (now === undefined || now !== last) since = now === undefined ? Number.POSITIVE_INFINITY : performance.now();
      else checked = asked;
      last = now;
    };
    mark().then(answered, () => answered(undefined));
  };
  return {
    trusts(at, now) {
      if (now - at < TRUST || (at >= since && now - checked < TRUST)) return true;
      compare();
      return false;
    },
  };
}

function collectionCache(
  { items, ttl }: { items: number; ttl: number },
  freshness: Freshness,
  counts: CacheCounts,
): CollectionCache {
  const entries = new Map<string, Entry>();
  let moves = 0;
  const keep = (id: string, doc: object, at: number) => {
    entries.delete(id);
    entries.set(id, { doc, at, ends: at + ttl });
    if (entries.size <= items) return;
    entries.delete(entries.keys().next().value as string);
    counts.evictions++;
  };
  return {
    get(id) {
      const entry = entries.get(id);
      const now = performance.now();
      if (entry === undefined || now >= entry.ends || !freshness.trusts(entry.at, now)) {
        counts.misses++;
        if (entry !== undefined && now >= entry.ends) entries.delete(id);
        return undefined;
      }
      counts.hits++;
      entries.delete(id);
      entries.set(id, entry);
      return clone(entry.doc);
    },
    set(id, doc) {
      moves++;
      if (doc === undefined) entries.delete(id);
      else keep(id, doc, performance.now());
    },
    reading() {
      const begun = moves;
      const at = performance.now();
      return (id, doc) => {
        if (begun === moves && doc !== undefined) keep(id, clone(doc), at);
      };
    },
    drop() {
      moves++;
      entries.clear();
    },
  };
}

const NONE: CollectionCache = {
  get: () => undefined,
  set: () => undefined,
  reading: () => () => undefined,
  drop: () => undefined,
};
