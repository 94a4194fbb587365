// Section 2: refusals are problem documents, and nothing a client may send makes the server fail.

import { randomUUID } from 'node:crypto';
import { expect, expectEqual, expectRefusal, expectStatus, expectSuccess, isObject, skip } from '../expect.mjs';

const MB = 1 << 20;

export const limits = [
  {
    id: 'problem.form',
    rule: 'refusals are problem documents (RFC 9457): application/problem+json with type, title, status',
    async run(server) {
      expectProblem(expectStatus(await server.get(randomUUID()), 404, 410));
      expectProblem(expectRefusal(await server.request('POST', server.path(), { raw: '{' }), 'not JSON'));
    },
  },
  {
    id: 'problem.fields',
    rule: 'a document refused by field says so: 422 or 400 with errors: { field: message }, and is not stored',
    async run(server) {
      if (server.invalid === undefined) skip('needs a document the server refuses: --invalid JSON');
      const since = await server.tail();
      const answer = expectStatus(await server.post(server.invalid), 422, 400);
      expectProblem(answer);
      expect(isObject(answer.body.errors), 'the problem document must have "errors": { field: message }');
      const messages = Object.values(answer.body.errors);
      expect(
        messages.length > 0 && messages.every((one) => typeof one === 'string'),
        '"errors" must hold texts by field',
      );
      expectEqual(await server.news(since), [], 'the log after the refusal');
    },
  },
  {
    id: 'problem.update-fields',
    rule: 'an update refused by field leaves the document as it was',
    async run(server) {
      if (server.invalid === undefined) skip('needs a document the server refuses: --invalid JSON');
      const { id, revision, doc } = await server.create();
      expectStatus(await server.put(id, server.invalid, { match: revision }), 422, 400);
      expectStatus(await server.patch(id, server.invalid, { match: revision }), 422, 400);
      expectEqual((await server.get(id)).body, doc, 'the document after the refusals');
    },
  },
  {
    id: 'limits.json',
    rule: 'a body that is no JSON object is refused, not a failure of the server',
    async run(server) {
      for (const raw of ['', '{', 'nonsense', '[]', '"text"', '7', 'null', '{"a":1}{', '\u0000', '<html>']) {
        expectRefusal(await server.request('POST', server.path(), { raw }), `body ${JSON.stringify(raw)}`);
      }
    },
  },
  {
    id: 'limits.type',
    rule: 'a body of another content type is refused (415) or read as JSON, not a failure of the server',
    async run(server) {
      const raw = JSON.stringify(server.doc());
      const answer = await server.request('POST', server.path(), { raw, type: 'text/plain' });
      server.remember(answer);
      if (!answer.ok) expectRefusal(answer, 'content type text/plain');
    },
  },
  {
    id: 'limits.large',
    rule: 'a body that is too large is refused with 413, and the connection answers',
    async run(server) {
      const free = server.freeField();
      for (const size of [2 * MB, 12 * MB]) {
        const answer = await server.post(server.doc({ [free]: 'x'.repeat(size) }));
        expectCarriedOr(answer, `${size / MB} MB`, 413, 422, 400);
      }
    },
  },
  {
    id: 'limits.deep',
    rule: 'a document nested too deeply is refused (400, 413, 422), not a failure of the server',
    async run(server) {
      const free = server.freeField();
      for (const depth of [200, 5_000, 100_000]) {
        const deep = '['.repeat(depth) + ']'.repeat(depth);
        const raw = `${JSON.stringify(server.doc()).slice(0, -1)},${JSON.stringify(free)}:${deep}}`;
        const answer = server.remember(await server.request('POST', server.path(), { raw }));
        expectCarriedOr(answer, `${depth} levels`, 400, 413, 422);
      }
    },
  },
  {
    id: 'limits.text',
    rule: 'texts and numbers are stored as they came: any letter, full precision, keys in any language',
    async run(server) {
      const free = server.freeField();
      const value = { 'ключ 鍵 🗝': 'ä\u0000\u2028"\\🏴‍☠️', n: [0.1, 1e21, -0.5, 9007199254740991], empty: {}, none: [] };
      const { id } = await server.create({ [free]: value });
      expectEqual((await server.get(id)).body[free], value, 'the stored field');
    },
  },
  {
    id: 'limits.id',
    rule: 'an id of 5,000 letters is refused or taken, not a failure of the server',
    async run(server) {
      const answer = await server.put('x'.repeat(5_000), server.doc(), { absent: true });
      expectCarriedOr(answer, 'an id of 5,000 letters', 400, 404, 414, 422);
    },
  },
  {
    id: 'limits.id-mismatch',
    rule: 'a body whose id differs from the path is refused, or the path decides',
    async run(server) {
      const id = randomUUID();
      const answer = await server.put(id, server.doc({ id: 'another' }), { absent: true });
      if (!answer.ok) return expectRefusal(answer, 'an id that differs');
      expectEqual((await server.get(id)).body?.id, id, 'the id of the stored document');
    },
  },
  {
    id: 'limits.key',
    rule: 'an empty or endless idempotency key is refused or taken, not a failure of the server',
    async run(server) {
      for (const key of ['', 'k'.repeat(4_000)]) {
        const answer = await server.post(server.doc(), { key });
        expectCarriedOr(answer, `a key of ${key.length} letters`, 400, 422, 431);
      }
    },
  },
  {
    id: 'limits.path',
    rule: 'paths and methods that do not exist are refused (404, 405), not failures of the server',
    async run(server) {
      expectRefusal(await server.request('GET', `${server.path()}/a/b/c`), 'a path too long');
      expectRefusal(await server.request('DELETE', server.path()), 'DELETE of a whole collection');
      expectRefusal(await server.request('GET', '/_no-such-thing'), 'a path of the profile to come');
    },
  },
  {
    id: 'headers.date',
    rule: 'every answer carries Date: the client measures the server’s clock by it',
    async run(server) {
      for (const answer of [await server.get(randomUUID()), expectSuccess(await server.page())]) {
        const date = answer.headers.get('date');
        expect(date !== null && !Number.isNaN(Date.parse(date)), `${answer.asked}: no Date header that can be read`);
      }
    },
  },
  {
    id: 'headers.cors',
    rule: 'a page of another origin may send all methods and headers, and read ETag, Date, Retry-After, the replay mark',
    async run(server) {
      const { origin } = server;
      if (origin === undefined) skip('needs the origin of a page: --origin https://app.example');
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) await expectPreflight(server, origin, method);
      const answer = expectSuccess(await server.request('GET', server.path(), { headers: { origin } }));
      const allowed = answer.headers.get('access-control-allow-origin');
      expect(allowed === origin || allowed === '*', `Access-Control-Allow-Origin is ${allowed ?? 'missing'}`);
      const shown = listed(answer, 'access-control-expose-headers');
      const wanted = ['etag', 'date', 'retry-after', 'idempotency-replayed'];
      const hidden = shown.includes('*') ? [] : wanted.filter((name) => !shown.includes(name));
      expect(hidden.length === 0, `Access-Control-Expose-Headers does not name ${hidden.join(', ')}`);
    },
  },
].map((check) => ({ section: '2', ...check }));

function expectProblem(answer) {
  const type = answer.headers.get('content-type') ?? 'none';
  expect(type.startsWith('application/problem+json'), `${answer.asked}: content type ${type} of a ${answer.status}`);
  const { body, status } = answer;
  expect(isObject(body), `${answer.asked}: the problem document is no JSON object`);
  for (const name of ['type', 'title']) {
    expect(typeof body[name] === 'string', `${answer.asked}: the problem document has no "${name}"`);
  }
  expectEqual(body.status, status, `${answer.asked}: "status" of the problem document`);
}

/** Taken, or refused in one of these ways. */
function expectCarriedOr(answer, what, ...statuses) {
  const fine = answer.ok || statuses.includes(answer.status);
  expect(fine, `${what}: expected success or ${statuses.join(', ')}, got ${answer.status}`);
}

async function expectPreflight(server, origin, method) {
  const names = ['content-type', 'idempotency-key', 'if-match', 'if-none-match', ...Object.keys(server.headers)];
  const answer = await server.request('OPTIONS', server.path('x'), {
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': names.sort().join(','),
    },
  });
  expect(answer.ok, `the preflight of ${method} was answered with ${answer.status}`);
  const methods = listed(answer, 'access-control-allow-methods');
  expect(methods.includes(method.toLowerCase()) || methods.includes('*'), `${method} is not allowed by the preflight`);
  const allowed = listed(answer, 'access-control-allow-headers');
  const missing = allowed.includes('*') ? [] : names.filter((name) => !allowed.includes(name));
  expect(missing.length === 0, `the preflight does not allow the headers ${missing.join(', ')}`);
}

function listed(answer, name) {
  return (answer.headers.get(name) ?? '').split(',').map((one) => one.trim().toLowerCase());
}
