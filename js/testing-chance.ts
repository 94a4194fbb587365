/**
 * Chance of a replay: numbers, ids and documents that come from a seed alone.
 *
 * Nothing here is good for secrets.
 */

// biome-ignore lint/suspicious/noExplicitAny: the documents are the app's own.
type Doc = { [field: string]: any };
/** A number from 0 up to (not including) 1, from the seed. */
export type Random = () => number;

const FIELDS = ['title', 'text', 'count', 'done'];

/** A new document where the app makes none. */
export function defaultDocument(random: Random): object {
  return Object.fromEntries(FIELDS.map((field) => [field, Math.floor(random() * 1e6)]));
}

/** Changes of one or two of its fields. */
export function defaultChange(_doc: Doc, random: Random): object {
  const field = () => FIELDS[Math.floor(random() * FIELDS.length)] as string;
  const changes: Doc = { [field()]: Math.floor(random() * 1e6) };
  if (random() < 0.3) changes[field()] = Math.floor(random() * 1e6);
  return changes;
}

/** A small generator (mulberry32): the same numbers for the same seed. */
export function generator(seed: number): Random {
  let state = Math.floor(seed * 2654435761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Ids come from the seed too; returns how to give the host's chance back. */
export function seedChance(random: Random): () => void {
  const value = <A extends ArrayBufferView>(array: A): A => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
    return array;
  };
  const own = Object.getOwnPropertyDescriptor(globalThis.crypto, 'getRandomValues');
  Object.defineProperty(globalThis.crypto, 'getRandomValues', { value, configurable: true, writable: true });
  return () => {
    if (own !== undefined) Object.defineProperty(globalThis.crypto, 'getRandomValues', own);
    else delete (globalThis.crypto as { getRandomValues?: unknown }).getRandomValues;
  };
}
