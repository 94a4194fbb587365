/**
 * Pages and single documents through the app's adapter, checked and copied.
 *
 * One document by itself is asked for by `get`; an adapter without it is asked for its whole list, which is right and
 * slow. Nothing is kept from one look to the next: an answer about one document is of now.
 */

import { type Desk, documentOf, idOf, NoResult, type Plain, plainOf, revisionOf } from './adapter-desk.js';

/** A page in the words of the REST profile. */
export interface Page {
  items: Plain[];
  checkpoint: string | null;
  hasMore: boolean;
  resync: boolean;
}

/** Documents asked for at once where one is looked for in all. */
const SCAN = 1000;

/** The documents after a checkpoint; undefined is the beginning. */
export async function pullPage(desk: Desk, collection: string, checkpoint: unknown, limit: number): Promise<Page> {
  const page: unknown = await desk.adapter.pull?.({ collection, checkpoint, limit }, desk.context);
  if (!desk.tools.isPlain(page) || !Array.isArray(page.docs))
    throw new NoResult('pull() must give { docs, checkpoint, hasMore }');
  const resync = page.resync === true;
  if (resync && checkpoint === undefined)
    throw new NoResult('pull() asked for a resync where it was asked for everything');
  if (typeof page.hasMore !== 'boolean' && !resync) throw new NoResult('pull().hasMore must be true or false');
  if (page.docs.length > limit)
    desk.warn(`pull() gave ${page.docs.length} documents where ${limit} were asked for; taken`);
  const items = page.docs.map((item: unknown, i) => itemOf(desk, item, `docs[${i}]`));
  return { items, checkpoint: positionOf(desk, page.checkpoint), hasMore: page.hasMore === true, resync };
}

/** One document as the server has it; undefined when it has none. */
export async function lookUp(desk: Desk, collection: string, id: string): Promise<Plain | undefined> {
  if (desk.adapter.get === undefined) return searchAll(desk, collection, id);
  const given: unknown = await desk.adapter.get({ collection, id }, desk.context);
  if (given === null) return undefined;
  const item = itemOf(desk, given, 'get()');
  if (item.id !== id) throw new NoResult('get() gave another document');
  return fit(item);
}

/** What the whole list says of it last. */
async function searchAll(desk: Desk, collection: string, id: string): Promise<Plain | undefined> {
  let found: Plain | undefined;
  let since: string | undefined;
  for (;;) {
    const page = await pullPage(desk, collection, since === undefined ? undefined : JSON.parse(since), SCAN);
    for (const item of page.items) if (item.id === id) found = item;
    if (!page.hasMore) return found && fit(found);
    if (page.resync || page.checkpoint === null || page.checkpoint === since || desk.context.signal.aborted)
      throw new NoResult('pull() does not come to an end');
    since = page.checkpoint;
  }
}

function itemOf(desk: Desk, item: unknown, where: string): Plain {
  if (!desk.tools.isPlain(item)) throw new NoResult(`${where} must be an object`);
  const id = idOf(desk, item.id, where);
  const at = typeof item.updatedAt === 'number' && item.updatedAt >= 0 ? { updatedAt: item.updatedAt } : {};
  const rest = item.deleted === true ? { deleted: true } : contentOf(desk, item.doc, id, `${where}.doc`);
  return { id, ...revisionOf(item.revision, where), ...at, ...rest };
}

/** A document, or the mark of one that cannot be kept: it holds nothing up but itself, as in a server's page (`body.ts`). */
function contentOf(desk: Desk, doc: unknown, id: string, where: string): Plain {
  try {
    return { doc: documentOf(desk, doc, id, where) };
  } catch (thrown) {
    if (!(thrown instanceof NoResult && desk.tools.isPlain(doc))) throw thrown;
    desk.warn(`${thrown.message}; it is left out and asked for by itself until it can be kept`);
    return { doc: null, unfit: true };
  }
}

/** A document asked for by itself is no answer as long as it cannot be kept. */
function fit(item: Plain): Plain {
  if (item.unfit === true) throw new NoResult('the document asked for cannot be kept');
  return item;
}

/** A checkpoint as text, whatever it is; null where there is none. */
function positionOf({ tools }: Desk, checkpoint: unknown): string | null {
  if (checkpoint === undefined || checkpoint === null) return null;
  return JSON.stringify(plainOf(() => tools.snapshotValue(checkpoint), 'pull().checkpoint: '));
}
