// Servers whose one fault is noticed by these checks and by no other one of their families (`key`, `page`, …):
// `[name, ids, breakage]`. A breakage of the event stream is `{ events, ask }` (proxy.mjs).

import { randomUUID } from 'node:crypto';
import { answers, bytes, isBatch, isPage, isWrite, json, keyOf, requests, results, without } from './tamper.mjs';

const method = (wanted) => (request) => request.method === wanted;
const isPath = (wanted) => (request) => request.path === wanted;
const fails = (fits) =>
  answers((request, answer) => (fits(request, answer) ? { ...answer, status: 500, body: undefined } : undefined));
const asMerge = (request) => ({
  ...request,
  method: 'PATCH',
  headers: { ...request.headers, 'content-type': 'application/merge-patch+json' },
});
const refusal = (status, type = 'about:blank') => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: bytes({ type, title: 'no', status }),
});
const creates = (request) => request.method === 'PUT' && request.headers['if-none-match'] === '*';

export const singles = [
  ['takes a document that it has for the same one', ['create.post-ids'], sameDocument],
  [
    'a PUT that creates trims texts',
    ['create.put'],
    requests((request) => {
      if (!creates(request)) return undefined;
      return { ...request, body: Buffer.from(request.body.toString('utf8').replace('Conformance ', 'Conf ')) };
    }),
  ],
  [
    'PUT merges',
    ['update.put'],
    requests((request) => (method('PUT')(request) && request.headers['if-match'] ? asMerge(request) : undefined)),
  ],
  ['shows what was deleted', ['delete'], shown],
  [
    'fails at deletions of what never was',
    ['delete.absent'],
    fails((request, { status }) => method('DELETE')(request) && !request.headers['if-match'] && status === 404),
  ],
  ['an id that was deleted is spent', ['delete.again'], spent],
  [
    'a guard of a PUT is not looked at',
    ['if-match.put', 'if-match.absent'],
    requests((request) => (method('PUT')(request) ? without(request, 'if-match') : undefined)),
  ],
  [
    'a guarded change makes what is not there',
    ['if-match.absent'],
    () => async (request, forward) => {
      const answer = await forward(request);
      const absent = method('PUT')(request) && request.headers['if-match'] && [404, 412].includes(answer.status);
      return absent && json(answer.body).id === undefined ? forward(without(request, 'if-match')) : answer;
    },
  ],
  [
    'no guard of a PUT is good enough',
    ['if-match.fresh'],
    answers((request, answer) =>
      method('PUT')(request) && request.headers['if-match'] && answer.status === 200 ? refusal(412) : undefined,
    ),
  ],
  [
    'judges a repeated DELETE anew',
    ['key.delete'],
    requests((request) => (method('DELETE')(request) ? without(request, 'idempotency-key') : undefined)),
  ],
  ['a key with another guard is another change', ['key.headers'], guardCounts],
  ['executes repeats of a PATCH that come at the same time', ['key.concurrent-patch'], racingPatches],
  ['keeps part of a refused update', ['problem.update-fields'], keepsPart],
  ['fails at other content types', ['limits.type'], fails(({ headers }) => headers['content-type'] === 'text/plain')],
  ['fails at large bodies', ['limits.large'], fails((request, { status }) => status === 413 && !isBatch(request))],
  ['fails at deep documents', ['limits.deep'], fails(({ body }) => body.includes('[[[[[['))],
  [
    'drops letters that it does not know',
    ['limits.text'],
    requests((request) => ({ ...request, body: Buffer.from(request.body.toString('utf8').replace('\\u0000', '')) })),
  ],
  ['fails at long ids', ['limits.id'], fails(({ path }) => path.length > 4000)],
  [
    'goes by the id in the body',
    ['limits.id-mismatch'],
    () => (request, forward) => {
      if (!creates(request) || !request.body.includes('"another"')) return forward(request);
      return { status: 201, headers: { etag: '"1"', 'content-type': 'application/json' }, body: request.body };
    },
  ],
  ['fails at long keys', ['limits.key'], fails((request) => keyOf(request)?.length > 1000)],
  ['fails at an empty key', ['limits.key'], fails((request) => keyOf(request) === '""')],
  ['fails at paths that do not exist', ['limits.path'], fails(isPath('/_no-such-thing'))],
  [
    'hides its headers from pages of other origins',
    ['headers.cors'],
    answers((_, { headers: { 'access-control-expose-headers': _hidden, ...headers }, ...rest }) => ({
      ...rest,
      headers,
    })),
  ],
  [
    'no page of another origin may PATCH',
    ['headers.cors'],
    answers(({ method }, answer) => {
      const methods = answer.headers['access-control-allow-methods'];
      if (method !== 'OPTIONS' || methods === undefined) return undefined;
      const fewer = methods.replace(/,?\s*PATCH/i, '');
      return { ...answer, headers: { ...answer.headers, 'access-control-allow-methods': fewer } };
    }),
  ],
  ['shows a page once', ['page.same-again', 'page.etag'], once],
  [
    'fails at limits that make no sense',
    ['page.limit-values'],
    fails(({ path }) => /limit=(?!\d{1,4}(&|$))/.test(path)),
  ],
  [
    'results of creates have no revision',
    ['batch.kinds'],
    results((all) => all.map((one) => (one.status === 201 ? { ...one, revision: undefined } : one))),
  ],
  [
    'results say nothing about fields',
    ['batch.fields'],
    results((all) =>
      all.map((one) => (one.problem ? { ...one, problem: { ...one.problem, errors: undefined } } : one)),
    ),
  ],
  ['carries updates of a batch out first', ['batch.order'], updatesFirst],
  [
    'a key that comes twice in a batch counts for the first alone',
    ['batch.key-reused'],
    requests((request) => {
      if (!isBatch(request) || !request.body.includes('idempotencyKey')) return undefined;
      const body = json(request.body);
      const keys = body.changes.map(({ idempotencyKey }) => idempotencyKey);
      const changes = body.changes.map((change, n) =>
        keys.indexOf(change.idempotencyKey) === n ? change : { ...change, idempotencyKey: randomUUID() },
      );
      return { ...request, body: bytes({ ...body, changes }) };
    }),
  ],
  [
    'takes anything for a batch',
    ['batch.form'],
    answers((request, answer) =>
      isBatch(request) && answer.status === 400 ? { ...answer, status: 200, body: bytes({ results: [] }) } : undefined,
    ),
  ],
  ['fails at large batches', ['batch.large'], fails((request, { status }) => isBatch(request) && status === 413)],
  [
    'its events have another name',
    ['events.change', 'events.resume'],
    {
      events: (text) => text.replaceAll('event: change', 'event: changed').replaceAll('event:change', 'event:changed'),
    },
  ],
  ['forgets where a stream was cut', ['events.resume'], { ask: ({ 'last-event-id': _, ...headers }) => headers }],
];

/** Keeps an idle stream silent: it takes 25 seconds to notice. */
export const silent = { events: (text) => text.replaceAll(/^:.*\n\n?/gm, '') };

/** The same body under another key gets the first answer. */
function sameDocument() {
  const first = new Map();
  return async (request, forward) => {
    if (request.method !== 'POST' || isBatch(request)) return forward(request);
    const known = first.get(String(request.body));
    if (known && known.key !== keyOf(request)) return known.answer;
    const answer = await forward(request);
    first.set(String(request.body), { key: keyOf(request), answer });
    return answer;
  };
}

function shown() {
  const deleted = new Map();
  return async (request, forward) => {
    const { method, path, headers } = request;
    if (method === 'PUT') deleted.delete(path);
    if (method === 'DELETE') {
      const before = await forward({ method: 'GET', path, headers: { host: headers.host }, body: Buffer.alloc(0) });
      if (before.status === 200) deleted.set(path, before);
    }
    const answer = await forward(request);
    return method === 'GET' && answer.status >= 400 && deleted.has(path) ? deleted.get(path) : answer;
  };
}

function spent() {
  const gone = new Set();
  return async (request, forward) => {
    if (request.method === 'PUT' && gone.has(request.path)) return refusal(410);
    const answer = await forward(request);
    if (request.method === 'DELETE' && answer.status < 300) gone.add(request.path);
    return answer;
  };
}

function guardCounts() {
  const guards = new Map();
  return async (request, forward) => {
    const [key, guard] = [keyOf(request), request.headers['if-match']];
    if (key && guards.has(key) && guards.get(key) !== guard) return refusal(422, '/problems/idempotency-key-reused');
    const answer = await forward(request);
    if (key && answer.status < 300) guards.set(key, guard);
    return answer;
  };
}

/** Looks a key up before it executes a PATCH, and takes the guard for granted meanwhile. */
function racingPatches() {
  const running = new Map();
  return async (request, forward) => {
    const key = request.method === 'PATCH' ? keyOf(request) : undefined;
    if (key === undefined) return forward(request);
    const clash = running.get(key) > 0;
    running.set(key, (running.get(key) ?? 0) + 1);
    try {
      return await forward(clash ? without(request, 'idempotency-key', 'if-match') : request);
    } finally {
      running.set(key, running.get(key) - 1);
    }
  };
}

/** What is wrong in an update is refused, what else comes with it is not. */
function keepsPart() {
  return async (request, forward) => {
    const answer = await forward(request);
    const updates = isWrite(request) && request.headers['if-match'];
    if (!updates || answer.status !== 422 || json(answer.body).errors === undefined) return answer;
    const part = asMerge(without(request, 'idempotency-key', 'if-match'));
    await forward({ ...part, body: bytes({ part: true }) });
    return answer;
  };
}

/** The place in the log is the server's, not the reader's. */
function once() {
  const served = new Set();
  return async (request, forward) => {
    const answer = await forward(request);
    if (!isPage(request, answer) || !/limit=10(&|$)/.test(request.path)) return answer;
    const page = json(answer.body);
    if (served.has(request.path)) return { ...answer, body: bytes({ ...page, items: [] }) };
    if (page.items.length > 0) served.add(request.path);
    return answer;
  };
}

/** Updates go first, whatever they are made on. */
function updatesFirst() {
  return (request, forward) => {
    if (!isBatch(request) || !request.body.includes('"update"')) return forward(request);
    const body = json(request.body);
    const rank = ({ kind }) => (kind === 'update' ? 0 : 1);
    const changes = body.changes.toSorted((one, other) => rank(one) - rank(other));
    return forward({ ...request, body: bytes({ ...body, changes }) });
  };
}
