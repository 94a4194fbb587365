/**
 * The app's own adapter as a transport: the engine asks it what it would ask a server, and is answered in the same words.
 *
 * So retries, lanes, conflicts and pulls are decided in one place only. Everything an adapter gives back is checked and
 * copied; what is no result answers as a failure that counts (ADAPTER_RESULT), what throws as a server out of reach,
 * which does not. Loaded only where `sync.adapter` is set; the face's own helpers come as an argument.
 */

import type { checkId, isTemporary } from './ids.js';
import type { Log } from './log.js';
import type { isPlain, snapshotDocument, snapshotValue } from './snapshot.js';
import type { Adapter, AdapterContext, OutgoingChange } from './types-sync.js';

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
/** What takes the place of the network. */
export interface Transport {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Calls `pull` whenever the adapter has news, never twice at once; returns how to stop. */
  listen(pull: (collection: string | undefined) => Promise<unknown>): () => void;
}

type Plain = { [field: string]: unknown };
/** A change as the engine gives it: what the adapter gets, and whether the server makes the id. */
type Change = { -readonly [K in keyof OutgoingChange]: OutgoingChange[K] } & { temporary?: boolean };
interface Answer {
  mutationId: string;
  status: number;
  id?: string;
  revision?: string;
  doc?: object;
  problem?: object;
  retryAfter?: number;
}

const NO_RESULT = { type: '/problems/adapter-result' };
const STATUS: { [code: string]: number } = {
  __proto__: null as never,
  AUTH_REQUIRED: 401,
  FORBIDDEN: 403,
  TOO_LARGE: 413,
  VALIDATION: 422,
  UPGRADE_REQUIRED: 426,
};
/** Refused, for a reason the engine has no word of its own for. */
const REFUSED = 405;
const SCAN = 1000;

/** What an adapter gave is no result: where, and what was wanted. */
class NoResult extends Error {}

/** The transport of an adapter. */
export function transportOf(adapter: Adapter, tools: Tools): Transport {
  const { isPlain, snapshotDocument, snapshotValue, log } = tools;

  const call = (signal: AbortSignal) => {
    const state = { denied: false };
    const context: AdapterContext = {
      signal,
      fetch: tools.fetch,
      async headers() {
        try {
          return new Headers(((await tools.auth?.()) ?? undefined) as HeadersInit | undefined);
        } catch (thrown) {
          state.denied = true;
          throw thrown;
        }
      },
    };
    return { state, context };
  };

  const document = (value: unknown, id: string, where: string) => {
    try {
      return { ...snapshotDocument(value, where), id };
    } catch (thrown) {
      throw new NoResult((thrown as Error).message);
    }
  };
  const revisionOf = (value: unknown, where: string): { revision?: string } => {
    if (value === undefined || value === null) return {};
    const revision = typeof value === 'number' ? String(value) : value;
    if (typeof revision === 'string' && /^[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?$/.test(revision))
      return { revision };
    throw new NoResult(`${where}.revision must be printable ASCII of at most 1,000 characters`);
  };
  const idOf = (value: unknown, where: string): string => {
    try {
      const id = tools.checkId(typeof value === 'number' ? String(value) : value);
      if (!tools.isTemporary(id)) return id;
    } catch {
      // Told below.
    }
    throw new NoResult(`${where}.id must be an id of the server`);
  };

  const accepted = (change: Change, result: Plain, where: string): Answer => {
    const { mutationId, kind } = change;
    const doc = result.doc as Plain | undefined;
    const named = result.id ?? (isPlain(doc) ? doc.id : undefined);
    const id = named === undefined && change.temporary !== true ? change.id : idOf(named, where);
    if (change.temporary !== true && id !== change.id) throw new NoResult(`${where}.id is that of another document`);
    const revision = revisionOf(result.revision, where);
    if (kind === 'delete') return { mutationId, status: 204 };
    if (doc !== undefined) return { mutationId, status: 200, id, ...revision, doc: document(doc, id, `${where}.doc`) };
    if (change.temporary !== true) return { mutationId, status: 204, id, ...revision };
    return { mutationId, status: 201, id, ...revision, doc: { ...change.doc, id } };
  };
  const answer = (change: Change, result: Plain, where: string): Answer => {
    const { mutationId, kind } = change;
    switch (result.status) {
      case 'ok':
        return accepted(change, result, where);
      case 'conflict': {
        if (result.doc === null && kind !== 'create') return { mutationId, status: 404 };
        const doc = document(result.doc, change.id, `${where}.doc`);
        return { mutationId, status: 412, id: change.id, ...revisionOf(result.revision, where), doc };
      }
      case 'rejected': {
        const fields = isPlain(result.fields) ? Object.entries(result.fields) : [];
        const errors = Object.fromEntries(fields.map(([field, text]) => [field, String(text)]));
        const status = STATUS[result.code as string] ?? (fields.length > 0 ? 422 : REFUSED);
        return { mutationId, status, problem: { errors } };
      }
      case 'retry': {
        const after = result.after;
        if (after === undefined) return { mutationId, status: 500 };
        if (typeof after !== 'number' || !(after >= 0)) throw new NoResult(`${where}.after must be milliseconds`);
        return { mutationId, status: 500, retryAfter: Math.ceil(Math.min(after, 86_400_000) / 1000) };
      }
      default:
        throw new NoResult(`${where}.status must be 'ok', 'conflict', 'rejected' or 'retry'`);
    }
  };
  const push = async (records: Plain[], context: AdapterContext): Promise<Answer[]> => {
    const changes = records.map((record) => {
      const path = record.collection as string;
      return { ...record, collection: tools.collections.get(path) ?? path } as unknown as Change;
    });
    const given: unknown = await adapter.push(
      changes.map(({ temporary, ...change }) => change),
      context,
    );
    if (!Array.isArray(given)) throw new NoResult('push() must give an array of results');
    const answers: Answer[] = [];
    for (const change of changes) {
      const at = given.findIndex((one) => isPlain(one) && one.mutationId === change.mutationId);
      try {
        if (at < 0) log('warn', 'adapter', 'push() gave no result for one of its changes');
        else answers.push(answer(change, given[at], `results[${at}]`));
      } catch (thrown) {
        if (!(thrown instanceof NoResult)) throw thrown;
        log('warn', 'adapter', thrown.message);
        answers.push({ mutationId: change.mutationId, status: 500, problem: NO_RESULT });
      }
    }
    const ids = new Set(changes.map((change) => change.mutationId));
    const strange = given.filter((one) => !isPlain(one) || !ids.has(one.mutationId as string)).length;
    if (strange > 0) log('warn', 'adapter', `push() gave ${strange} result(s) for no change of its own; ignored`);
    return answers;
  };

  /** The changes of a transaction go one after the other, up to the first that is not executed. */
  const batch = async (records: Plain[], atomic: boolean, context: AdapterContext): Promise<Answer[]> => {
    if (!atomic) return push(records, context);
    const answers: Answer[] = [];
    let whole = true;
    for (const record of records) {
      const given: Answer[] = whole
        ? await push([record], context)
        : [{ mutationId: record.mutationId as string, status: 424 }];
      whole = whole && (given[0]?.status ?? 0) < 300 && given.length === 1;
      answers.push(...given);
    }
    return answers;
  };

  const pull = async (collection: string, checkpoint: unknown, limit: number, context: AdapterContext) => {
    const page: unknown = await adapter.pull?.({ collection, checkpoint, limit }, context);
    if (!isPlain(page) || !Array.isArray(page.docs))
      throw new NoResult('pull() must give { docs, checkpoint, hasMore }');
    if (page.resync === true && checkpoint === undefined)
      throw new NoResult('pull() asked for a resync where it was asked for everything');
    if (typeof page.hasMore !== 'boolean' && page.resync !== true)
      throw new NoResult('pull().hasMore must be true or false');
    const items = page.docs.map((one: unknown, i) => {
      const where = `docs[${i}]`;
      if (!isPlain(one)) throw new NoResult(`${where} must be an object`);
      const id = idOf(one.id, where);
      const at = typeof one.updatedAt === 'number' && one.updatedAt >= 0 ? { updatedAt: one.updatedAt } : {};
      const rest = one.deleted === true ? { deleted: true } : { doc: document(one.doc, id, `${where}.doc`) };
      return { id, ...revisionOf(one.revision, where), ...at, ...rest };
    });
    return {
      items,
      checkpoint: position(page.checkpoint),
      hasMore: page.hasMore === true,
      resync: page.resync === true,
    };
  };
  /** A checkpoint as text, whatever it is; null where there is none. */
  const position = (checkpoint: unknown): string | null => {
    if (checkpoint === undefined || checkpoint === null) return null;
    try {
      return JSON.stringify(snapshotValue(checkpoint));
    } catch (thrown) {
      throw new NoResult(`pull().checkpoint: ${(thrown as Error).message}`);
    }
  };
  /** One document by itself: what the whole list says of it last. */
  const single = async (collection: string, id: string, context: AdapterContext): Promise<Response> => {
    let [found, since]: [Plain | undefined, string | null | undefined] = [undefined, undefined];
    for (;;) {
      const page = await pull(collection, since === undefined ? undefined : JSON.parse(since as string), SCAN, context);
      for (const item of page.items) if (item.id === id) found = item;
      if (!page.hasMore) break;
      if (page.resync || page.checkpoint === null || page.checkpoint === since || context.signal.aborted)
        throw new NoResult('pull() does not come to an end');
      since = page.checkpoint;
    }
    if (found?.doc === undefined) return reply(404);
    return reply(200, found.doc, { etag: found.revision });
  };

  const dispatch = async (url: string, init: RequestInit, context: AdapterContext): Promise<Response> => {
    const { pathname, searchParams } = new URL(url);
    const path = pathname.slice(1);
    const body = init.body == null ? undefined : JSON.parse(init.body as string);
    if (path === '_batch') return reply(200, { results: await batch(body.changes, body.atomic, context) });
    if (path === '_change') return one((await push([body], context))[0]);
    const collection = tools.collections.get(path);
    if (collection === undefined) {
      const cut = path.lastIndexOf('/');
      const of = tools.collections.get(path.slice(0, Math.max(cut, 0)));
      return of === undefined ? reply(REFUSED) : single(of, decodeURIComponent(path.slice(cut + 1)), context);
    }
    const since = searchParams.get('since');
    const limit = Number(searchParams.get('limit'));
    const page = await pull(collection, since === null ? undefined : JSON.parse(since), limit, context);
    return page.resync ? reply(410) : reply(200, page);
  };

  return {
    async fetch(url, init) {
      const { state, context } = call(init.signal as AbortSignal);
      try {
        return await dispatch(url, init, context);
      } catch (thrown) {
        if (state.denied) return reply(401);
        const mine = thrown instanceof NoResult;
        log('warn', 'adapter', mine ? thrown.message : `it threw ${tools.thrownName(thrown)}`);
        if (mine) return reply(500, NO_RESULT);
        throw thrown;
      }
    },
    listen(pull) {
      const controller = new AbortController();
      const wanted = new Set<string | undefined>();
      let running = false;
      const run = async () => {
        running = true;
        while (wanted.size > 0 && !controller.signal.aborted) {
          const [first] = wanted;
          const one = wanted.size === 1 ? first : undefined;
          wanted.clear();
          await pull(one);
        }
        running = false;
      };
      const notify = (collection?: string) => {
        const known = collection === undefined || [...tools.collections.values()].includes(collection);
        if (!known) log('warn', 'adapter', 'notify() was told a collection that there is not; all are pulled');
        wanted.add(known ? collection : undefined);
        if (!running && !controller.signal.aborted) void run();
      };
      const guarded = <R>(what: string, work: () => R): R | undefined => {
        try {
          return work();
        } catch (thrown) {
          log('warn', 'adapter', `${what} threw ${tools.thrownName(thrown)}`);
          return undefined;
        }
      };
      const stop = guarded('subscribe()', () => adapter.subscribe?.(notify, call(controller.signal).context));
      return () => {
        controller.abort();
        if (typeof stop === 'function') guarded('the end of subscribe()', stop);
      };
    },
  };
}

/** The answer to a change that went alone. */
function one(answer: Answer | undefined): Response {
  if (answer === undefined) return reply(500, NO_RESULT);
  const { status, revision, doc, problem, retryAfter } = answer;
  return reply(status, doc ?? problem, { etag: revision, 'retry-after': retryAfter });
}

function reply(status: number, body?: unknown, headers: { [name: string]: unknown } = {}): Response {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  const all = given.map(([name, value]): [string, string] => [name, name === 'etag' ? `"${value}"` : String(value)]);
  if (body === undefined) return new Response(null, { status: status === 200 ? 204 : status, headers: all });
  return new Response(JSON.stringify(body), { status, headers: [...all, ['content-type', 'application/json']] });
}
