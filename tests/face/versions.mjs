// A server that keeps versions, behind the app's own fetch: guards by If-Match, pages of changes, tombstones. Other
// clients write through `change` and `remove`.

const headers = (document) => ({
  'content-type': 'application/json',
  date: new Date().toUTCString(),
  ...(document === undefined ? {} : { etag: `"${document.revision}"` }),
});
const answer = (status, body, document) =>
  new Response(body === undefined ? null : JSON.stringify(body), { status, headers: headers(document) });
const problem = (status) => answer(status, { type: 'about:blank', title: 'refused', status });

/** A merge patch of RFC 7396. */
function patched(target, patch) {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = patched(out[name], value);
  }
  return out;
}

export function versions() {
  const documents = new Map();
  const log = [];
  let head = 0;
  const put = (id, doc, at = Date.now()) => {
    const before = documents.get(id);
    const updatedAt = Math.max(at, (before?.updatedAt ?? 0) + 1);
    const stored = doc && { ...doc, id, updatedAt };
    documents.set(id, { revision: String(++head), position: head, updatedAt, doc: stored });
    return documents.get(id);
  };
  const page = (since) => {
    const items = [...documents]
      .filter(([, one]) => one.position > since)
      .sort((a, b) => a[1].position - b[1].position);
    const item = ([id, { revision, updatedAt, doc }]) =>
      doc ? { id, revision, updatedAt, doc } : { id, revision, updatedAt, deleted: true };
    return answer(200, { items: items.map(item), checkpoint: String(head), hasMore: false, epoch: 'e' });
  };
  const write = (method, id, given, wanted) => {
    const known = documents.get(id);
    const live = known?.doc ? known : undefined;
    if (wanted === '*' && live) return answer(412, live.doc, live);
    if (wanted !== '*' && wanted !== undefined && live && wanted !== `"${live.revision}"`)
      return answer(412, live.doc, live);
    if (!live && (method !== 'PUT' || (wanted !== '*' && wanted !== undefined))) return problem(404);
    if (method === 'DELETE') {
      put(id, undefined);
      return answer(204);
    }
    const made = put(id, method === 'PATCH' ? patched(live.doc, given) : given);
    return answer(live ? 200 : 201, made.doc, made);
  };
  return {
    log,
    document: (id) => documents.get(id)?.doc,
    /** What another client does; `at` is when the server says it was. */
    change: (id, changes, at) => void put(id, patched(documents.get(id)?.doc, changes), at),
    remove: (id, at) => void put(id, undefined, at),
    async fetch(url, { method, headers, body }) {
      const { pathname, searchParams } = new URL(url);
      const [, , , id] = pathname.split('/').map(decodeURIComponent);
      const guard = (name) => new Headers(headers).get(name) ?? undefined;
      log.push({ method, path: pathname, body, key: guard('idempotency-key') });
      if (method === 'GET' && id === undefined) return page(Number(searchParams.get('since') ?? 0));
      if (method === 'GET') {
        const known = documents.get(id);
        return known?.doc ? answer(200, known.doc, known) : problem(404);
      }
      const none = guard('if-none-match');
      return write(method, id, body && JSON.parse(body), none ?? guard('if-match'));
    },
  };
}
