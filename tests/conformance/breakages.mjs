// Servers that break one rule each, the way real ones do, and which checks have to notice: `[name, ids, breakage]`.
// A breakage may keep state of its own: it is made anew for each run.

import { answers, bytes, isBatch, isPage, isWrite, json, keyOf, pages, requests, results, without } from './tamper.mjs';

export const breakages = [
  [
    'ignores idempotency keys',
    ['key.post', 'key.put', 'key.concurrent'],
    requests((request) => without(request, 'idempotency-key')),
  ],
  [
    'forgets to mark a replay',
    ['key.post', 'key.patch'],
    answers((_, { headers, ...rest }) => {
      const { 'idempotency-replayed': _mark, ...kept } = headers;
      return { ...rest, headers: kept };
    }),
  ],
  ['executes repeats that come at the same time', ['key.concurrent'], racing],
  ['stores refusals under the key', ['key.refusal-conflict', 'key.refusal-absent'], storedRefusals],
  ['replays a key whatever comes with it', ['key.reused'], careless],
  [
    'keys do not tell upper from lower case',
    ['key.spelling'],
    requests((request) => {
      const key = keyOf(request)?.toLowerCase();
      return key === undefined ? undefined : { ...request, headers: { ...request.headers, 'idempotency-key': key } };
    }),
  ],
  [
    'ignores If-Match',
    ['if-match.patch', 'if-match.put', 'if-match.delete', 'if-match.race'],
    requests((request) => without(request, 'if-match')),
  ],
  [
    'ignores If-None-Match on PUT',
    ['create.put-existing', 'create.race'],
    requests((request) => (isWrite(request) ? without(request, 'if-none-match') : undefined)),
  ],
  [
    'shows another document in a 412',
    ['if-match.patch'],
    answers((_, answer) => {
      if (answer.status !== 412) return undefined;
      return { ...answer, body: bytes({ ...json(answer.body), name: 'not this one' }) };
    }),
  ],
  [
    'has no ETags',
    ['create.post', 'page.etag'],
    answers((_, { headers: { etag, ...headers }, ...rest }) => ({ ...rest, headers })),
  ],
  [
    'has weak ETags',
    ['create.post'],
    answers((_, answer) => {
      const { etag } = answer.headers;
      return etag && { ...answer, headers: { ...answer.headers, etag: `W/${etag}` } };
    }),
  ],
  [
    'its updatedAt has seconds',
    ['update.updated-at'],
    answers((_, answer) => {
      if (!answer.body) return undefined;
      const text = answer.body.toString('utf8').replaceAll(/("updatedAt":"[^."]+)\.\d+Z"/g, '$1Z"');
      return { ...answer, body: Buffer.from(text) };
    }),
  ],
  [
    'PATCH replaces instead of merging',
    ['update.patch'],
    requests((request) =>
      request.method === 'PATCH'
        ? { ...request, method: 'PUT', headers: { ...request.headers, 'content-type': 'application/json' } }
        : undefined,
    ),
  ],
  [
    'null in a PATCH is ignored',
    ['update.patch'],
    requests((request) => {
      if (request.method !== 'PATCH') return undefined;
      const plain = JSON.stringify(json(request.body), (_, value) => (value === null ? undefined : value));
      return { ...request, body: Buffer.from(plain) };
    }),
  ],
  ['decodes ids twice', ['create.ids'], requests((request) => ({ ...request, path: twice(request.path) }))],
  [
    'answers 500 to what is not JSON',
    ['limits.json', 'problem.form'],
    answers((_, answer) => (answer.status === 400 ? { ...answer, status: 500 } : undefined)),
  ],
  [
    'its refusals are web pages',
    ['problem.form', 'problem.fields'],
    answers((_, answer) =>
      answer.status >= 400
        ? { ...answer, headers: { 'content-type': 'text/html' }, body: Buffer.from('<h1>Oops</h1>') }
        : undefined,
    ),
  ],
  [
    'says nothing about fields',
    ['problem.fields'],
    answers((_, answer) =>
      answer.status === 422 ? { ...answer, body: bytes({ ...json(answer.body), errors: undefined }) } : undefined,
    ),
  ],
  [
    'has no Date',
    ['headers.date'],
    answers((_, answer) => ({ ...answer, headers: { ...answer.headers, date: 'today' } })),
  ],
  [
    'leaves deletions out of pages',
    ['page.incremental'],
    pages((page) => ({ ...page, items: page.items.filter(({ deleted }) => !deleted) })),
  ],
  ['hasMore is always false', ['page.limit'], pages((page) => ({ ...page, hasMore: false }))],
  [
    'ignores limit',
    ['page.limit'],
    requests((request) => ({ ...request, path: request.path.replace(/&?limit=\d+/, '') })),
  ],
  [
    'turns the order of a page around',
    ['page.limit', 'page.order'],
    pages((page) => ({ ...page, items: page.items.toReversed() })),
  ],
  [
    'a checkpoint covers one item more than its page',
    ['page.checkpoint', 'page.incremental'],
    pages((page) => ({ ...page, items: page.items.slice(0, -1) })),
  ],
  [
    'sends once more what its checkpoint covers',
    ['page.end', 'page.checkpoint', 'page.limit', 'page.order', 'page.etag-url'],
    inclusive,
  ],
  ['takes positions before it commits', ['page.commit-order', 'page.commit-order-1'], lateCommits],
  [
    'takes any checkpoint',
    ['page.unknown-checkpoint'],
    answers((request, answer) =>
      answer.status === 410 && request.path.includes('since=')
        ? { ...answer, status: 200, body: bytes({ items: [], checkpoint: 'x', hasMore: false, epoch: 'e' }) }
        : undefined,
    ),
  ],
  ['names no epoch', ['page.epoch'], pages(({ epoch, ...page }) => page)],
  [
    'answers 304 to any tag',
    ['page.etag', 'page.etag-url', 'document.etag'],
    () => async (request, forward) => {
      const answer = await forward(without(request, ...(isWrite(request) ? [] : ['if-none-match'])));
      const asked = !isWrite(request) && request.headers['if-none-match'];
      return asked && answer.status === 200 ? { status: 304, headers: { etag: asked } } : answer;
    },
  ],
  [
    'items have the revision of the page',
    ['page.form', 'page.incremental'],
    pages((page) => ({
      ...page,
      items: page.items.map((item) => ({ ...item, revision: page.checkpoint })),
    })),
  ],
  [
    'atomic batches are not',
    ['batch.atomic'],
    requests((request) =>
      isBatch(request) && request.body.includes('atomic')
        ? { ...request, body: bytes({ ...json(request.body), atomic: false }) }
        : undefined,
    ),
  ],
  [
    'stops a batch at the first refusal',
    ['batch.partial'],
    results((all) => {
      const first = all.findIndex(({ status }) => status >= 400);
      return first < 0 ? all : all.slice(0, first + 1);
    }),
  ],
  [
    'a batch keeps temporary ids',
    ['batch.temporary'],
    results((all) => all.map((one) => ({ ...one, id: 'pending-1-x' }))),
  ],
  [
    'keys of a batch are forgotten',
    ['batch.repeat', 'batch.repeat-alone', 'batch.concurrent'],
    requests((request) => {
      if (!isBatch(request) || !request.body.includes('idempotencyKey')) return undefined;
      const { changes, ...rest } = json(request.body);
      const bare = changes.map(({ idempotencyKey, ...change }) => change);
      return { ...request, body: bytes({ ...rest, changes: bare }) };
    }),
  ],
  [
    'its probe answers a web page',
    ['health'],
    answers(({ path }, answer) =>
      path === '/_health' ? { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('ok') } : answer,
    ),
  ],
];

/** A path whose last segment was decoded once too often. */
function twice(path) {
  const [, id] = /^\/[^/?]+\/([^?]+)$/.exec(path) ?? [];
  if (!id?.includes('%')) return path;
  try {
    return path.replace(id, encodeURIComponent(decodeURIComponent(decodeURIComponent(id))));
  } catch {
    return path;
  }
}

/** Looks a key up before it executes, and stores it only afterwards. */
function racing() {
  const running = new Map();
  return async (request, forward) => {
    const key = keyOf(request);
    const clash = key && running.get(key) > 0;
    running.set(key, (running.get(key) ?? 0) + 1);
    try {
      return await forward(clash ? without(request, 'idempotency-key') : request);
    } finally {
      running.set(key, running.get(key) - 1);
    }
  };
}

function storedRefusals() {
  const stored = new Map();
  return async (request, forward) => {
    const key = keyOf(request);
    if (stored.has(key)) return stored.get(key);
    const answer = await forward(request);
    if (key && answer.status >= 400) stored.set(key, answer);
    return answer;
  };
}

/** Knows a key by itself, not by what was asked with it. */
function careless() {
  const stored = new Map();
  return async (request, forward) => {
    const key = keyOf(request);
    if (stored.has(key)) return stored.get(key);
    const answer = await forward(request);
    if (key && answer.status < 300) {
      const headers = { ...answer.headers, 'idempotency-replayed': 'true' };
      stored.set(key, { ...answer, headers });
    }
    return answer;
  };
}

/** Each third document is not there yet when the page that should hold it is read; the checkpoint goes past it. */
function lateCommits() {
  const late = new Set();
  let count = 0;
  return async (request, forward) => {
    const answer = await forward(request);
    if (request.method === 'PUT' && answer.status === 201 && ++count % 3 === 0) late.add(json(answer.body).id);
    if (!isPage(request, answer)) return answer;
    const page = json(answer.body);
    return { ...answer, body: bytes({ ...page, items: page.items.filter(({ id }) => !late.delete(id)) }) };
  };
}

/** `>=` where `>` is meant: what a checkpoint covers comes once more. */
function inclusive() {
  const last = new Map();
  return async (request, forward) => {
    const answer = await forward(request);
    if (!isPage(request, answer)) return answer;
    const page = json(answer.body);
    const since = new URL(request.path, 'http://x').searchParams.get('since');
    const again = last.get(since);
    const end = page.items.at(-1);
    if (end) last.set(page.checkpoint, end);
    return again ? { ...answer, body: bytes({ ...page, items: [again, ...page.items] }) } : answer;
  };
}
