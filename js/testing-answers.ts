/**
 * What the fake server reads and says: requests taken apart, answers put together, as the REST profile has them.
 *
 * Pure but for the time in `Date` and in a pause; holds no documents.
 */

/** A document. */
export type Doc = { [field: string]: unknown };
/** A document as the server keeps it. */
export interface Stored {
  doc: Doc | undefined;
  revision: number;
  /** Its place in the change log. */
  at: number;
}
/** What the server says. */
export interface Answer {
  status: number;
  body?: unknown;
  revision?: number;
  headers?: { [name: string]: string };
}
/** A change as it was asked for. */
export interface Request {
  method: string;
  collection: string;
  id: string | undefined;
  body: Doc | undefined;
  patches: boolean;
  ifMatch: string | undefined;
  ifNoneMatch: string | undefined;
  key: string | undefined;
}

/** A member of a batch as the request it would have been. */
export function member(change: Doc): Request {
  // biome-ignore lint/suspicious/noExplicitAny: a member is what the client sent.
  const { kind, id, temporary, doc, changes, revision, collection, idempotencyKey } = change as any;
  const makes = kind === 'create';
  return {
    method: kind === 'delete' ? 'DELETE' : temporary ? 'POST' : changes ? 'PATCH' : 'PUT',
    collection,
    id: temporary ? undefined : id,
    body: changes ?? doc,
    patches: changes !== undefined,
    ifMatch: revision,
    ifNoneMatch: makes && !temporary ? '*' : undefined,
    key: idempotencyKey,
  };
}

/** A document as the answer to a request for it. */
export function current({ doc, revision }: Stored, status: number): Answer {
  return { status, body: doc, revision };
}

/** A row of a page. */
export function item(id: string, { doc, revision }: Stored): object {
  if (doc === undefined) return { id, revision: String(revision), deleted: true };
  return { id, revision: String(revision), updatedAt: doc.updatedAt, doc };
}

/** A refusal. */
export function problem(status: number, name: string): Answer {
  return { status, body: { type: `https://fake.test/problems/${name}`, title: name, status } };
}

/** A merge patch applied (RFC 7396). */
export function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const plain = typeof target === 'object' && target !== null && !Array.isArray(target);
  const out: Doc = plain ? { ...(target as Doc) } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete out[field];
    else out[field] = merged(out[field], value);
  }
  return out;
}

/** The answer on the wire. */
export function response({ status, body, revision, headers }: Answer): Response {
  const all = new Headers({ date: new Date(Date.now()).toUTCString(), ...headers });
  if (revision !== undefined) all.set('etag', `"${revision}"`);
  if (body === undefined) return new Response(null, { status, headers: all });
  if (!all.has('content-type')) all.set('content-type', 'application/json');
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: all });
}

/** What fetch throws when a connection ends. */
export function lost(): Error {
  return new TypeError('the connection was lost (fake server)');
}

/** Waits, unless the request is given up. */
export function pause(delay: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, delay);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(lost());
    });
  });
}
