/**
 * A server in memory that speaks the REST profile, and fails when it is told to.
 *
 * For the app's own tests: give its `fetch` to `sync.fetch` and its `url` to `sync.url`. Idempotency keys, revisions, the
 * change log with checkpoints, tombstones and epochs, batches, server-sent events and the health probe are as the profile
 * wants them. Keeps everything in this object and listens on no port.
 */

import {
  type Answer,
  current,
  type Doc,
  item,
  lost,
  member,
  merged,
  pause,
  problem,
  type Request,
  response,
  type Stored,
} from './testing-answers.js';
import { News } from './testing-news.js';

/** A request as the server saw it. */
export interface SeenRequest {
  method: string;
  /** Path and query below the base URL: `notes/a?limit=2`. */
  path: string;
  /** The idempotency key, when there was one. */
  key: string | undefined;
  body: unknown;
  /** Its answer; undefined when it was dropped. */
  status: number | undefined;
}
/** What goes wrong with requests. */
export interface Fault {
  /** Which requests; default all. */
  match?: (request: SeenRequest) => boolean;
  /** How many of them (default 1). */
  times?: number;
  /** The connection is lost before the request is executed, or after. */
  drop?: 'before' | 'after';
  /** Answered so much later, in milliseconds. */
  delay?: number;
  /** This answer instead of an own one, with these headers and this body. */
  status?: number;
  headers?: { [name: string]: string };
  body?: unknown;
  /** Somebody else changes the document a moment before, so that the revision does not fit any more. */
  conflict?: boolean;
}
/** A server for tests. */
export class FakeServer {
  readonly url = 'https://fake.test/api';
  /** Every request so far, oldest first. */
  readonly requests: SeenRequest[] = [];
  private epoch = 1;
  private made = 0;
  private tables = new Map<string, Map<string, Stored>>();
  private log: { collection: string; id: string }[] = [];
  private results = new Map<string, { print: string; answer: Answer }>();
  private faults: (Fault & { left: number })[] = [];
  private readonly news = new News();
  private away = false;

  /** While true nothing gets through. */
  get offline(): boolean {
    return this.away;
  }
  set offline(away: boolean) {
    this.away = away;
    if (away) this.news.cut();
  }

  /** For `sync.fetch`: it needs no `this`. */
  readonly fetch = (async (input: string | URL | { url: string }, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(typeof input === 'object' && 'url' in input ? input.url : input);
    const headers = new Headers(init.headers);
    const base = new URL(this.url).pathname;
    const seen: SeenRequest = {
      method: init.method ?? 'GET',
      path: url.pathname.slice(base.length + 1) + url.search,
      key: headers.get('idempotency-key')?.replaceAll('"', ''),
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      status: undefined,
    };
    this.requests.push(seen);
    const fault = this.fault(seen);
    if (fault?.delay !== undefined) await pause(fault.delay, init.signal ?? undefined);
    if (this.offline || fault?.drop === 'before') throw lost();
    if (seen.path === '_events' && fault?.status === undefined)
      return this.listen(seen, headers, init.signal ?? undefined);
    const answer = fault?.status === undefined ? this.execute(seen, url, headers, fault) : (fault as Answer);
    if (this.offline || fault?.drop === 'after') throw lost();
    seen.status = answer.status;
    return response(answer);
  }) as typeof fetch;

  /** The documents of a collection as they are now. */
  docs<T = Doc>(collection: string): T[] {
    const all = [...(this.tables.get(collection)?.values() ?? [])];
    return all.flatMap(({ doc }) => (doc === undefined ? [] : [structuredClone(doc) as T]));
  }

  /** What another client does: makes or replaces a document; gives its id. */
  put(collection: string, doc: object): string {
    const { id = `s${++this.made}` } = doc as { id?: string };
    this.store(collection, id, { ...structuredClone(doc), id });
    return id;
  }

  /** What another client does: changes fields. */
  patch(collection: string, id: string, changes: object): void {
    this.store(collection, id, { ...this.find(collection, id)?.doc, ...structuredClone(changes), id });
  }

  /** What another client does: removes a document. */
  remove(collection: string, id: string): void {
    this.store(collection, id, undefined);
  }

  /** Orders faults: each request takes the first that fits. */
  fail(...faults: Fault[]): void {
    this.faults.push(...faults.map((fault) => ({ ...fault, left: fault.times ?? 1 })));
  }

  /** Ends all faults. */
  heal(): void {
    this.faults = [];
    this.offline = false;
  }

  /** The history is another one from now on, as after a restored backup: checkpoints are not known any more. */
  forget(): void {
    this.epoch += 1;
  }

  private listen(seen: SeenRequest, headers: Headers, signal: AbortSignal | undefined): Response {
    seen.status = 200;
    const stream = this.news.stream(headers.get('last-event-id') ?? undefined, signal);
    return new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
  }

  private fault(seen: SeenRequest): Fault | undefined {
    const fault = this.faults.find((one) => one.left > 0 && (one.match?.(seen) ?? true));
    if (fault !== undefined) fault.left -= 1;
    return fault;
  }

  private execute(seen: SeenRequest, url: URL, headers: Headers, fault: Fault | undefined): Answer {
    const parts = seen.path.split('?')[0]?.split('/') ?? [];
    const id = parts.length > 1 ? decodeURIComponent(parts.pop() as string) : undefined;
    const collection = parts.map(decodeURIComponent).join('/');
    if (collection === '_health') return { status: 204 };
    if (collection === '_batch') return this.batch(seen.body as { changes: Doc[]; atomic?: boolean });
    if (seen.method === 'GET')
      return id === undefined ? this.page(collection, url, headers) : this.single(collection, id);
    const request: Request = {
      method: seen.method,
      collection,
      id,
      body: seen.body as Doc | undefined,
      patches: seen.method === 'PATCH',
      ifMatch: headers.get('if-match')?.replaceAll('"', ''),
      ifNoneMatch: headers.get('if-none-match') ?? undefined,
      key: seen.key,
    };
    if (fault?.conflict && id !== undefined) this.patch(collection, id, { touched: this.log.length });
    return this.once(request);
  }

  /** Executes a change at most once for its key. */
  private once(request: Request): Answer {
    const { key, ...rest } = request;
    const print = JSON.stringify([rest.method, rest.collection, rest.id, rest.body]);
    const known = key === undefined ? undefined : this.results.get(key);
    if (known !== undefined && known.print !== print) return problem(422, 'idempotency-key-reused');
    if (known !== undefined) return { ...known.answer, headers: { 'idempotency-replayed': 'true' } };
    const answer = this.change(request);
    if (key !== undefined && answer.status < 300) this.results.set(key, { print, answer });
    return answer;
  }

  private change({ method, collection, id, body, patches, ifMatch, ifNoneMatch }: Request): Answer {
    if (method === 'POST') return this.store(collection, `s${++this.made}`, body, 201);
    if (id === undefined) return problem(405, 'method');
    const before = this.find(collection, id);
    if (ifNoneMatch !== undefined) return before ? current(before, 412) : this.store(collection, id, body, 201);
    if (before === undefined)
      return method === 'PUT' && ifMatch === undefined ? this.store(collection, id, body, 201) : problem(404, 'gone');
    if (ifMatch !== undefined && ifMatch !== String(before.revision)) return current(before, 412);
    if (method === 'DELETE') return this.store(collection, id, undefined, 204);
    return this.store(collection, id, patches ? (merged(before.doc, body) as Doc) : body);
  }

  private store(collection: string, id: string, doc: Doc | undefined, status = 200): Answer {
    const table = this.tables.get(collection) ?? new Map<string, Stored>();
    const last = table.get(id);
    this.log.push({ collection, id });
    const before = Number((last?.doc as { updatedAt?: number } | undefined)?.updatedAt ?? 0);
    const stored: Stored = {
      doc: doc && { ...doc, id, updatedAt: Math.max(Date.now(), before + 1) },
      revision: (last?.revision ?? 0) + 1,
      at: this.log.length,
    };
    this.tables.set(collection, table.set(id, stored));
    this.news.tell(collection);
    return stored.doc === undefined ? { status } : current(stored, status);
  }

  private find(collection: string, id: string): Stored | undefined {
    const stored = this.tables.get(collection)?.get(id);
    return stored?.doc === undefined ? undefined : stored;
  }

  private single(collection: string, id: string): Answer {
    const stored = this.find(collection, id);
    return stored === undefined ? problem(404, 'not-found') : current(stored, 200);
  }

  private page(collection: string, url: URL, headers: Headers): Answer {
    const [epoch, place] = (url.searchParams.get('since') ?? `${this.epoch}:0`).split(':').map(Number);
    const limit = Math.max(1, Number(url.searchParams.get('limit') ?? 100));
    if (epoch !== this.epoch) return problem(410, 'checkpoint-unknown');
    const items: object[] = [];
    let at = place as number;
    while (at < this.log.length && items.length < limit) {
      const entry = this.log[at++] as { collection: string; id: string };
      const stored = this.tables.get(entry.collection)?.get(entry.id);
      if (entry.collection === collection && stored?.at === at) items.push(item(entry.id, stored));
    }
    const checkpoint = `${this.epoch}:${at}`;
    const etag = `"${checkpoint}.${items.length}"`;
    if (headers.get('if-none-match') === etag) return { status: 304, headers: { etag } };
    const body = { items, checkpoint, hasMore: at < this.log.length, epoch: String(this.epoch) };
    return { status: 200, body, headers: { etag } };
  }

  private batch({ changes, atomic }: { changes: Doc[]; atomic?: boolean }): Answer {
    const kept = structuredClone([this.tables, this.log, this.results, this.made] as const);
    const answers = changes.map((change) => this.once(member(change)));
    const refused = answers.some(({ status }) => status >= 300);
    if (atomic === true && refused) [this.tables, this.log, this.results, this.made] = kept;
    const results = changes.map(({ mutationId }, i) => {
      const answer = answers[i] as Answer;
      if (atomic === true && refused && answer.status < 300) return { mutationId, status: 424 };
      const { status, body, revision } = answer;
      const said = status < 300 || status === 412 ? { doc: body } : { problem: body };
      const id = (body as Doc | undefined)?.id;
      return { mutationId, status, ...said, ...(revision === undefined ? {} : { revision: String(revision), id }) };
    });
    return { status: 200, body: { results } };
  }
}
