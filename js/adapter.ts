/**
 * The app's own adapter as a transport: the engine asks it what it would ask a server, and is answered in the same words.
 *
 * So retries, lanes, conflicts and pulls are decided in one place only. Everything an adapter gives back is checked and
 * copied; what is no result answers as a failure that counts (ADAPTER_RESULT), what throws as a server out of reach,
 * which does not. Loaded only where `sync.adapter` is set; the face's own helpers come as an argument.
 */

import { type Desk, NO_RESULT, NoResult, type Plain, type Tools } from './adapter-desk.js';
import { lookUp, pullPage } from './adapter-pull.js';
import { pushAll, pushInOrder } from './adapter-push.js';
import { one, reply } from './adapter-reply.js';
import type { Adapter, AdapterContext } from './types-adapter.js';

/** What takes the place of the network. */
export interface Transport {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Calls `pull` whenever the adapter has news, never twice at once; returns how to stop. */
  listen(pull: (collection: string | undefined) => Promise<unknown>): () => void;
}

/** Where a request goes that no collection and no other path takes. */
const UNKNOWN_PATH = 405;

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
    const stop: unknown = this.guarded('subscribe()', () => this.adapter.subscribe?.(notify, context));
    // An async function gives a promise: what comes of it is nobody's, least of all an error that nobody caught.
    if (stop instanceof Promise) stop.catch(() => undefined);
    if (stop !== undefined && typeof stop !== 'function')
      this.warn('subscribe() must give a function that ends it, at once; it is told by its signal only');
    return () => {
      controller.abort();
      if (typeof stop === 'function') this.guarded('the end of subscribe()', () => stop());
    };
  }

  private readonly warn = (message: string): void => this.tools.log('warn', 'adapter', message);

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
    const { adapter, tools, warn } = this;
    const desk: Desk = { adapter, tools, warn, context };
    const { pathname, searchParams } = new URL(url);
    const path = pathname.slice(1);
    const body = init.body == null ? undefined : JSON.parse(init.body as string);
    if (path === '_batch') {
      const changes = body.changes as Plain[];
      return reply(200, { results: await (body.atomic ? pushInOrder(desk, changes) : pushAll(desk, changes)) });
    }
    if (path === '_change') return one((await pushAll(desk, [body]))[0]);
    const { collections } = tools;
    const collection = collections.get(path);
    if (collection === undefined) {
      const cut = path.lastIndexOf('/');
      const of = collections.get(path.slice(0, Math.max(cut, 0)));
      if (of === undefined) return reply(UNKNOWN_PATH);
      const found = await lookUp(desk, of, decodeURIComponent(path.slice(cut + 1)));
      return found?.doc === undefined ? reply(404) : reply(200, found.doc, { etag: found.revision });
    }
    const since = searchParams.get('since');
    const limit = Number(searchParams.get('limit'));
    const page = await pullPage(desk, collection, since === null ? undefined : JSON.parse(since), limit);
    return page.resync ? reply(410) : reply(200, page);
  }
}
