// The documents of all benchmarks: about 300 bytes as JSON, with ids in random order, the same in every run.
// One in a hundred has a given category, so a query for one brings 100 of 10,000. The change that goes with a document
// has what a hand-written outbox needs to send it exactly once: an identity, a key, a copy of the document, a count.

export const CATEGORIES = 100;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
const TEXT =
  'Answers questions about tides, winds and harbours along the coast, keeps the log of every crossing, ' +
  'and warns early when the weather turns against the crew.';

/** Numbers from 0 to 1 that are the same for the same seed. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` documents; another seed gives others. */
export function documents(count, seed) {
  const next = random(seed);
  return Array.from({ length: count }, (_, at) => document(at, next));
}

function document(at, next) {
  const id = Array.from({ length: 21 }, () => LETTERS[Math.floor(next() * LETTERS.length)]).join('');
  return {
    id,
    name: `Assistant ${at}`,
    category: `category-${at % CATEGORIES}`,
    text: TEXT,
    price: Math.floor(next() * 10_000) / 100,
    rating: Math.floor(next() * 5) + 1,
    active: next() > 0.5,
    updatedAt: 1_700_000_000_000 + Math.floor(next() * 1e9),
  };
}

/** The change row of raw IndexedDB and Dexie. */
export function changeOf(doc) {
  return {
    mutationId: crypto.randomUUID(),
    idempotencyKey: crypto.randomUUID(),
    collection: 'documents',
    id: doc.id,
    kind: 'create',
    data: doc,
    createdAt: Date.now(),
    retryCount: 0,
    state: 'waiting',
  };
}

/** `count` of the given things, chosen by a seed; one may come twice. */
export function some(things, count, seed) {
  const next = random(seed);
  return Array.from({ length: count }, () => things[Math.floor(next() * things.length)]);
}
