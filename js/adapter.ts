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

interface Page {
  items: Plain[];
  checkpoint: string | null;
  hasMore: boolean;
  resync: boolean;
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
  const bridge = new Bridge(adapter, tools);
  return { fetch: (url, init) => bridge.fetch(url, init), listen: (pull) => bridge.listen(pull) };
}

class Bridge {
  constructor(
    private readonly adapter: Adapter,
    private readonly tools: Tools,
  ) {}

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const { state, context } = this.context(init.signal as AbortSignal);
    try {
      return await this.dispatch(url, init, context);
    } catch (thrown) {
      if (state.denied) return reply(401);
      const mine = thrown instanceof NoResult;
      this.warn(mine ? thrown.message : `it threw ${this.tools.thrownName(thrown)}`);
      if (mine) return reply(500, NO_RESULT);
      throw thrown;
    }
  }

  listen(pull: (collection: string | undefined) => Promise<unknown>): () => void {
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
      const known = collection === undefined || [...this.tools.collections.values()].includes(collection);
      if (!known) this.warn('notify() was told a collection that there is not; all are pulled');
      wanted.add(known ? collection : undefined);
      if (!running && !controller.signal.aborted) void run();
    };
    const { context } = this.context(controller.signal);
    const stop = this.guarded('subscribe()', () => this.adapter.subscribe?.(notify, context));
    return () => {
      controller.abort();
      if (typeof stop === 'function') this.guarded('the end of subscribe()', stop);
    };
  }

  private warn(message: string): void {
    this.tools.log('warn', 'adapter', message);
  }

  private guarded<R>(what: string, work: () => R): R | undefined {
    try {
      return work();
    } catch (thrown) {
      this.warn(`${what} threw ${this.tools.thrownName(thrown)}`);
      return undefined;
    }
  }

  /** What one call of the adapter works with, and whether auth() failed in it. */
  private context(signal: AbortSignal): { state: { denied: boolean }; context: AdapterContext } {
    const { auth, fetch } = this.tools;
    const state = { denied: false };
    const headers = async () => {
      try {
        return new Headers(((await auth?.()) ?? undefined) as HeadersInit | undefined);
      } catch (thrown) {
        state.denied = true;
        throw thrown;
      }
    };
    return { state, context: { signal, fetch, headers } };
  }

  private async dispatch(url: string, init: RequestInit, context: AdapterContext): Promise<Response> {
    const { pathname, searchParams } = new URL(url);
    const path = pathname.slice(1);
    const body = init.body == null ? undefined : JSON.parse(init.body as string);
    if (path === '_batch') return reply(200, { results: await this.batch(body.changes, body.atomic, context) });
    if (path === '_change') return one((await this.push([body], context))[0]);
    const { collections } = this.tools;
    const collection = collections.get(path);
    if (collection === undefined) {
      const cut = path.lastIndexOf('/');
      const of = collections.get(path.slice(0, Math.max(cut, 0)));
      return of === undefined ? reply(REFUSED) : this.single(of, decodeURIComponent(path.slice(cut + 1)), context);
    }
    const since = searchParams.get('since');
    const limit = Number(searchParams.get('limit'));
    const page = await this.pull(collection, since === null ? undefined : JSON.parse(since), limit, context);
    return page.resync ? reply(410) : reply(200, page);
  }

  private async push(records: Plain[], context: AdapterContext): Promise<Answer[]> {
    const { isPlain, collections } = this.tools;
    const changes = records.map((record) => {
      const path = record.collection as string;
      return { ...record, collection: collections.get(path) ?? path } as unknown as Change;
    });
    const told = changes.map(({ temporary, ...change }) => change);
    const given: unknown = await this.adapter.push(told, context);
    if (!Array.isArray(given)) throw new NoResult('push() must give an array of results');
    const ids = new Set(changes.map((change) => change.mutationId));
    const strange = given.filter((result) => !isPlain(result) || !ids.has(result.mutationId as string)).length;
    if (strange > 0) this.warn(`push() gave ${strange} result(s) for no change of its own; ignored`);
    return changes.flatMap((change) => {
      const at = given.findIndex((result) => isPlain(result) && result.mutationId === change.mutationId);
      if (at >= 0) return [this.checked(change, given[at], `results[${at}]`)];
      this.warn('push() gave no result for one of its changes');
      return [];
    });
  }

  /** The changes of a transaction go one after the other, up to the first that is not executed. */
  private async batch(records: Plain[], atomic: boolean, context: AdapterContext): Promise<Answer[]> {
    if (!atomic) return this.push(records, context);
    const answers: Answer[] = [];
    let whole = true;
    for (const record of records) {
      const mutationId = record.mutationId as string;
      const given: Answer[] = whole ? await this.push([record], context) : [{ mutationId, status: 424 }];
      whole = whole && (given[0]?.status ?? 0) < 300 && given.length === 1;
      answers.push(...given);
    }
    return answers;
  }

  private checked(change: Change, result: Plain, where: string): Answer {
    try {
      return this.answer(change, result, where);
    } catch (thrown) {
      if (!(thrown instanceof NoResult)) throw thrown;
      this.warn(thrown.message);
      return { mutationId: change.mutationId, status: 500, problem: NO_RESULT };
    }
  }

  private answer(change: Change, result: Plain, where: string): Answer {
    const { mutationId, kind } = change;
    switch (result.status) {
      case 'ok':
        return this.accepted(change, result, where);
      case 'conflict': {
        if (result.doc === null && kind !== 'create') return { mutationId, status: 404 };
        const doc = this.document(result.doc, change.id, `${where}.doc`);
        return { mutationId, status: 412, id: change.id, ...revisionOf(result.revision, where), doc };
      }
      case 'rejected': {
        const fields = this.tools.isPlain(result.fields) ? Object.entries(result.fields) : [];
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
  }

  private accepted(change: Change, result: Plain, where: string): Answer {
    const { mutationId, kind } = change;
    const makes = change.temporary === true;
    const doc = result.doc as Plain | undefined;
    const named = result.id ?? (this.tools.isPlain(doc) ? doc.id : undefined);
    const id = named === undefined && !makes ? change.id : this.id(named, where);
    if (!makes && id !== change.id) throw new NoResult(`${where}.id is that of another document`);
    const revision = revisionOf(result.revision, where);
    if (kind === 'delete') return { mutationId, status: 204 };
    if (doc !== undefined)
      return { mutationId, status: 200, id, ...revision, doc: this.document(doc, id, `${where}.doc`) };
    if (!makes) return { mutationId, status: 204, id, ...revision };
    return { mutationId, status: 201, id, ...revision, doc: { ...change.doc, id } };
  }

  private async pull(collection: string, checkpoint: unknown, limit: number, context: AdapterContext): Promise<Page> {
    const page: unknown = await this.adapter.pull?.({ collection, checkpoint, limit }, context);
    if (!this.tools.isPlain(page) || !Array.isArray(page.docs))
      throw new NoResult('pull() must give { docs, checkpoint, hasMore }');
    const resync = page.resync === true;
    if (resync && checkpoint === undefined)
      throw new NoResult('pull() asked for a resync where it was asked for everything');
    if (typeof page.hasMore !== 'boolean' && !resync) throw new NoResult('pull().hasMore must be true or false');
    const items = page.docs.map((item: unknown, i) => this.item(item, `docs[${i}]`));
    return { items, checkpoint: this.position(page.checkpoint), hasMore: page.hasMore === true, resync };
  }

  private item(item: unknown, where: string): Plain {
    if (!this.tools.isPlain(item)) throw new NoResult(`${where} must be an object`);
    const id = this.id(item.id, where);
    const at = typeof item.updatedAt === 'number' && item.updatedAt >= 0 ? { updatedAt: item.updatedAt } : {};
    const rest = item.deleted === true ? { deleted: true } : { doc: this.document(item.doc, id, `${where}.doc`) };
    return { id, ...revisionOf(item.revision, where), ...at, ...rest };
  }

  /** One document by itself: what the whole list says of it last. */
  private async single(collection: string, id: string, context: AdapterContext): Promise<Response> {
    let found: Plain | undefined;
    let since: string | undefined;
    for (;;) {
      const from = since === undefined ? undefined : JSON.parse(since);
      const page = await this.pull(collection, from, SCAN, context);
      for (const item of page.items) if (item.id === id) found = item;
      if (!page.hasMore) break;
      if (page.resync || page.checkpoint === null || page.checkpoint === since || context.signal.aborted)
        throw new NoResult('pull() does not come to an end');
      since = page.checkpoint;
    }
    return found?.doc === undefined ? reply(404) : reply(200, found.doc, { etag: found.revision });
  }

  /** A checkpoint as text, whatever it is; null where there is none. */
  private position(checkpoint: unknown): string | null {
    if (checkpoint === undefined || checkpoint === null) return null;
    return JSON.stringify(this.plain(() => this.tools.snapshotValue(checkpoint), 'pull().checkpoint: '));
  }

  private document(value: unknown, id: string, where: string): object {
    return { ...this.plain(() => this.tools.snapshotDocument(value, where)), id };
  }

  /** A checked copy; what is wrong with it is no result. */
  private plain<V>(copy: () => V, prefix = ''): V {
    try {
      return copy();
    } catch (thrown) {
      throw new NoResult(prefix + (thrown as Error).message);
    }
  }

  private id(value: unknown, where: string): string {
    const id = this.plain(() => this.tools.checkId(typeof value === 'number' ? String(value) : value), `${where}: `);
    if (!this.tools.isTemporary(id)) return id;
    throw new NoResult(`${where}.id must be an id of the server`);
  }
}

/** A revision goes into a header, so it must fit into one. */
function revisionOf(value: unknown, where: string): { revision?: string } {
  if (value === undefined || value === null) return {};
  const revision = typeof value === 'number' ? String(value) : value;
  if (typeof revision === 'string' && /^[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?$/.test(revision))
    return { revision };
  throw new NoResult(`${where}.revision must be printable ASCII of at most 1,000 characters`);
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
