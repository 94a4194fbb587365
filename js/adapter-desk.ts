/**
 * What the parts of the adapter's transport work with, and the checks of single values that an adapter gave.
 *
 * Whatever is no result is a NoResult that says where it stood and what was wanted, never what was there.
 */

import type { checkId, isTemporary } from './ids.js';
import type { Log } from './log.js';
import type { isPlain, snapshotDocument, snapshotValue } from './snapshot.js';
import type { Adapter, AdapterContext } from './types-adapter.js';

/** What of the face the transport works with. */
export interface Tools {
  isPlain: typeof isPlain;
  snapshotDocument: typeof snapshotDocument;
  snapshotValue: typeof snapshotValue;
  checkId: typeof checkId;
  isTemporary: typeof isTemporary;
  thrownName(thrown: unknown): string;
  log: Log;
  /** Collections by the path that requests have. */
  collections: Map<string, string>;
  auth: (() => unknown) | undefined;
  fetch: typeof fetch;
}
/** One request at the adapter. */
export interface Desk {
  adapter: Adapter;
  tools: Tools;
  context: AdapterContext;
  warn(message: string): void;
}
/** An object of any fields. */
export type Plain = { [field: string]: unknown };

/** The problem document of a result that is none. */
export const NO_RESULT = { type: 'https://adapter.invalid/problems/adapter-result' };

/** What an adapter gave is no result: where, and what was wanted. */
export class NoResult extends Error {}

/** A checked copy of a document, under the id that it has to have. */
export function documentOf({ tools }: Desk, value: unknown, id: string, where: string): object {
  return { ...plainOf(() => tools.snapshotDocument(value, where)), id };
}

/** A checked copy; what is wrong with it is no result. */
export function plainOf<V>(copy: () => V, prefix = ''): V {
  try {
    return copy();
  } catch (thrown) {
    throw new NoResult(prefix + (thrown as Error).message);
  }
}

/** An id of the server: text, or a number, which becomes its decimal text. */
export function idOf({ tools }: Desk, value: unknown, where: string): string {
  const id = plainOf(() => tools.checkId(typeof value === 'number' ? String(value) : value), `${where}: `);
  if (!tools.isTemporary(id)) return id;
  throw new NoResult(`${where}.id must be an id of the server`);
}

/** A revision goes into a header, so it must fit into one. */
export function revisionOf(value: unknown, where: string): { revision?: string } {
  if (value === undefined || value === null) return {};
  const revision = typeof value === 'number' ? String(value) : value;
  if (typeof revision === 'string' && /^[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?$/.test(revision))
    return { revision };
  throw new NoResult(`${where}.revision must be printable ASCII of at most 1,000 characters`);
}
