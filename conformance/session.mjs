// One run against one server: requests, documents made on the way, and where the collection's log ends. Judges
// nothing: an answer is handed on as it came.

import { randomUUID } from 'node:crypto';
import { expect, expectSuccess, isObject, skip } from './expect.mjs';

const MERGE_PATCH = 'application/merge-patch+json';
const MOST_PAGES = 100_000;

/** The API of one server. */
export class Session {
  constructor(settings) {
    Object.assign(this, settings);
    this.made = new Set();
    this.end = undefined;
  }

  /** Ends the run where no check could say anything: nobody answers, or somebody else does. */
  async reach() {
    const { status, ok, body } = await this.request('GET', this.path()).catch((error) => {
      throw new Error(`${this.base} cannot be reached: ${error.message}`);
    });
    const collection = `GET ${this.base}${this.path()} was answered with ${status}`;
    if (status === 401 || status === 403) throw new Error(`${collection}: --header "Authorization: …" may help`);
    if (status === 404) throw new Error(`${collection}: is this the API's base, and is there such a --collection?`);
    if (ok && body === undefined) throw new Error(`${collection}, but not with JSON: is this the API's base?`);
  }

  /** The path of the collection or of one of its documents. */
  path(id) {
    const collection = `/${encodeURIComponent(this.collection)}`;
    return id === undefined ? collection : `${collection}/${encodeURIComponent(id)}`;
  }

  /**
   * Sends one request. `body` goes as JSON, `raw` as it is; `key` is the idempotency key, `match` a revision.
   * Rejects only when there is no answer.
   */
  async request(method, path, { body, raw, type, key, match, absent = false, headers = {} } = {}) {
    const sent = {
      ...this.headers,
      ...((body !== undefined || raw !== undefined) && { 'content-type': type ?? 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': `"${key}"` }),
      ...(match !== undefined && { 'if-match': `"${match}"` }),
      ...(absent && { 'if-none-match': '*' }),
      ...headers,
    };
    const asked = `${method} ${path.length > 80 ? `${path.slice(0, 77)}...` : path}`;
    const options = { method, headers: sent, redirect: 'manual', signal: AbortSignal.timeout(this.timeout) };
    try {
      const response = await fetch(this.base + path, { ...options, body: raw ?? JSON.stringify(body) });
      return await answerOf(asked, response);
    } catch (error) {
      throw new Error(`${asked}: no answer (${error.cause?.code ?? error.cause?.message ?? error.message})`);
    }
  }

  /** A document the server accepts, with a text nobody else has. */
  doc(extra = {}) {
    return { ...this.sample, [this.text]: `Conformance ${randomUUID()}`, ...extra };
  }

  /** The field that takes any JSON. */
  freeField() {
    return this.free ?? skip('needs a field that takes any JSON: --free FIELD');
  }

  async post(doc, { key = newKey(), ...rest } = {}) {
    return this.remember(await this.request('POST', this.path(), { body: doc, key, ...rest }));
  }

  async put(id, doc, { key = newKey(), ...rest } = {}) {
    return this.remember(await this.request('PUT', this.path(id), { body: doc, key, ...rest }), id);
  }

  patch(id, changes, { key = newKey(), ...rest } = {}) {
    return this.request('PATCH', this.path(id), { body: changes, type: MERGE_PATCH, key, ...rest });
  }

  delete(id, { key = newKey(), ...rest } = {}) {
    return this.request('DELETE', this.path(id), { key, ...rest });
  }

  get(id) {
    return this.request('GET', this.path(id));
  }

  /** A document that exists: `{ id, revision, doc }`. */
  async create(extra) {
    const answer = expectSuccess(await this.post(this.doc(extra)));
    expect(typeof answer.body?.id === 'string', `${answer.asked}: the stored document must carry its id`);
    return { id: answer.body.id, revision: answer.revision ?? (await this.current(answer.body.id)), doc: answer.body };
  }

  /** The revision of a document, as the server has it now. */
  async current(id) {
    return expectSuccess(await this.get(id)).revision;
  }

  batch(changes, { atomic, ...rest } = {}) {
    const body = { changes, ...(atomic !== undefined && { atomic }) };
    return this.request('POST', '/_batch', { body, ...rest });
  }

  /** What identifies one page. */
  page({ since, limit, etag } = {}) {
    const query = new URLSearchParams();
    if (since !== undefined) query.set('since', since);
    if (limit !== undefined) query.set('limit', String(limit));
    const path = query.size > 0 ? `${this.path()}?${query}` : this.path();
    return this.request('GET', path, { headers: etag === undefined ? {} : { 'if-none-match': etag } });
  }

  /** All pages from a checkpoint to the end, as bodies. */
  async pages(since, limit = 1000) {
    const pages = [];
    for (let from = since; pages.length < MOST_PAGES; ) {
      const { body, asked } = expectSuccess(await this.page({ since: from, limit }));
      const readable = isObject(body) && Array.isArray(body.items) && typeof body.checkpoint === 'string';
      expect(readable, `${asked}: a page has "items" (an array) and "checkpoint" (a text)`);
      pages.push(body);
      if (!body.hasMore) return pages;
      expect(body.checkpoint !== from, `${asked}: hasMore is true but the checkpoint does not move`);
      from = body.checkpoint;
    }
    throw new Error(`more than ${MOST_PAGES} pages`);
  }

  /** The checkpoint at the end of the collection's log. */
  async tail() {
    this.end = (await this.pages(this.end)).at(-1).checkpoint;
    return this.end;
  }

  /** All items after a checkpoint. */
  async news(since, limit) {
    return (await this.pages(since, limit)).flatMap(({ items }) => items);
  }

  remember(answer, id = answer.body?.id) {
    if (answer.ok && typeof id === 'string') this.made.add(id);
    return answer;
  }

  /** Deletes what was made; what is gone already is no matter. */
  async cleanUp() {
    for (const id of this.made) await this.drop(id).catch(() => {});
  }

  async drop(id) {
    const { status } = await this.delete(id);
    if (status === 428) await this.delete(id, { match: await this.current(id) });
  }
}

/** An idempotency key that was never used. */
export function newKey() {
  return randomUUID();
}

async function answerOf(asked, response) {
  const text = await response.text();
  const { status, ok, headers } = response;
  const etag = headers.get('etag') ?? undefined;
  return { asked, status, ok, headers, text, etag, body: parsed(text), revision: revisionOf(etag) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The revision in a strong entity tag; a weak one cannot guard a write. */
function revisionOf(etag) {
  return /^"(.*)"$/.exec(etag ?? '')?.[1];
}
