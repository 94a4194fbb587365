// Section 4: many changes in one request, each with its own result. Optional: skipped where /_batch is not offered.

import { randomUUID } from 'node:crypto';
import {
  expect,
  expectEqual,
  expectHolds,
  expectRefusal,
  expectStatus,
  expectSuccess,
  short,
  skip,
} from '../expect.mjs';
import { newKey } from '../session.mjs';
import { expectReplay } from './idempotency.mjs';

export const batches = [
  {
    id: 'batch.kinds',
    rule: 'creates, updates and deletes in one request: results by mutationId with status, id, revision, doc',
    async run(server) {
      const [changed, deleted] = [await server.create(), await server.create()];
      const id = randomUUID();
      const doc = server.doc();
      const members = [
        create(server, id, doc),
        update(server, changed, { [server.text]: 'by batch' }),
        remove(server, deleted),
      ];
      const [made, patched, gone] = await resultsOf(server, members);
      expectResult(made, 201, 200);
      expectResult(patched, 200, 204);
      expectResult(gone, 204, 200);
      const there = expectStatus(await server.get(id), 200);
      expectHolds(there.body, { ...doc, id }, 'the created document');
      expectEqual(made.revision, there.revision, 'the revision in the result of the create');
      if (made.doc !== undefined) expectEqual(made.doc, there.body, 'the document in the result of the create');
      const updated = expectStatus(await server.get(changed.id), 200);
      expectEqual(updated.body[server.text], 'by batch', 'the updated document');
      expectEqual(patched.revision, updated.revision, 'the revision in the result of the update');
      expectStatus(await server.get(deleted.id), 404, 410);
    },
  },
  {
    id: 'batch.temporary',
    rule: 'a create without a client id (temporary: true) gets the server’s id in its result',
    async run(server) {
      const temporary = `pending-${Date.now()}-x`;
      const doc = server.doc();
      const [result] = await resultsOf(server, [{ ...create(server, temporary, doc), temporary: true }]);
      expectResult(result, 201, 200);
      expect(
        typeof result.id === 'string' && result.id !== temporary,
        `"id" must be the server's; got ${short(result.id)}`,
      );
      server.made.add(result.id);
      expectHolds(expectStatus(await server.get(result.id), 200).body, { ...doc, id: result.id }, 'the document');
    },
  },
  {
    id: 'batch.partial',
    rule: 'each member is judged by itself: a refused one says why and stops no other',
    async run(server) {
      const stale = await server.create();
      expectSuccess(await server.patch(stale.id, { [server.text]: 'newer' }, { match: stale.revision }));
      const now = expectSuccess(await server.get(stale.id));
      const [before, after] = [randomUUID(), randomUUID()];
      const members = [
        create(server, before),
        update(server, stale, { [server.text]: 'lost' }),
        create(server, after),
        { ...create(server, randomUUID()), collection: 'no such collection!' },
      ];
      const [first, refused, last, nowhere] = await resultsOf(server, members);
      expectResult(first, 201, 200);
      expectResult(refused, 412, 409);
      if (refused.doc !== undefined) expectEqual(refused.doc, now.body, 'the current document in the result of 412');
      if (refused.doc !== undefined) expectEqual(refused.revision, now.revision, 'its revision');
      expectResult(last, 201, 200);
      expect(
        nowhere.status >= 400 && nowhere.status < 500,
        `an unknown collection: expected 4xx, got ${nowhere.status}`,
      );
      expectEqual((await server.get(stale.id)).body, now.body, 'the refused member’s document');
      for (const id of [before, after]) expectStatus(await server.get(id), 200);
    },
  },
  {
    id: 'batch.fields',
    rule: 'a member refused by field carries the problem with errors: { field: message }',
    async run(server) {
      if (server.invalid === undefined) skip('needs a document the server refuses: --invalid JSON');
      const [result] = await resultsOf(server, [create(server, randomUUID(), server.invalid)]);
      expectResult(result, 422, 400);
      const errors = result.problem?.errors;
      expect(errors && Object.keys(errors).length > 0, `the result has no problem with "errors": ${short(result)}`);
    },
  },
  {
    id: 'batch.order',
    rule: 'members are carried out in their order, each on what the ones before it left',
    async run(server) {
      const id = randomUUID();
      const twice = randomUUID();
      const members = [
        create(server, id),
        { ...update(server, { id }, { [server.text]: 'second' }), revision: undefined },
        create(server, twice),
        create(server, twice),
      ];
      const [made, changed, once, again] = await resultsOf(server, members);
      expectResult(made, 201, 200);
      expectResult(once, 201, 200);
      expectResult(again, 412, 409);
      expectResult(changed, 200, 204, 428);
      if (changed.status === 428) return;
      expectEqual((await server.get(id)).body[server.text], 'second', 'the document after both');
    },
  },
  {
    id: 'batch.repeat',
    rule: 'a repeated batch is answered with the stored results and carries nothing out again',
    async run(server) {
      const { id, revision } = await server.create();
      const temporary = { ...create(server, `pending-${Date.now()}-y`), temporary: true };
      const members = [temporary, update(server, { id, revision }, { [server.text]: 'once' })];
      const first = await resultsOf(server, members);
      for (const result of first) expectResult(result, 200, 201, 204);
      server.made.add(first[0].id);
      const since = await server.tail();
      const told = ({ status, id, revision, doc }) => ({ status, id, revision, doc });
      const second = await resultsOf(server, members);
      expectEqual(second.map(told), first.map(told), 'the results of the repeat');
      expectEqual(await server.news(since), [], 'the log after the repeat');
    },
  },
  {
    id: 'batch.repeat-alone',
    rule: 'a member whose batch was lost may be sent alone with its key, and the other way round',
    async run(server) {
      const [alone, batched] = [randomUUID(), randomUUID()];
      const member = create(server, batched);
      const [result] = await resultsOf(server, [member]);
      expectResult(result, 201, 200);
      const repeat = await server.put(batched, member.doc, { key: member.idempotencyKey, absent: true });
      expectReplay(repeat);
      const [doc, key] = [server.doc(), newKey()];
      expectSuccess(await server.put(alone, doc, { key, absent: true }));
      const since = await server.tail();
      const [again] = await resultsOf(server, [{ ...create(server, alone, doc), idempotencyKey: key }]);
      expectResult(again, 201, 200);
      expectEqual(await server.news(since), [], 'the log after the repeat');
    },
  },
  {
    id: 'batch.key-reused',
    rule: 'a member whose key was used for something else is refused by itself: 422, …/idempotency-key-reused',
    async run(server) {
      const key = newKey();
      const members = [create(server, randomUUID()), create(server, randomUUID())];
      for (const member of members) member.idempotencyKey = key;
      const [first, second] = await resultsOf(server, members);
      expectResult(first, 201, 200);
      expectResult(second, 422);
      const type = String(second.problem?.type);
      expect(type.endsWith('/idempotency-key-reused'), `the problem's type is ${type}`);
    },
  },
  {
    id: 'batch.concurrent',
    rule: 'the same batch at the same time: one execution; the others get its results or 409 in progress',
    async run(server) {
      const id = randomUUID();
      const since = await server.tail();
      const members = [{ ...create(server, id), temporary: true }];
      const all = await Promise.all(Array.from({ length: server.writers }, () => resultsOf(server, members)));
      const done = all.flat().filter(({ status }) => status < 300);
      for (const { status, problem } of all.flat().filter((one) => one.status >= 300)) {
        const waits = status === 409 && String(problem?.type).endsWith('/idempotency-in-progress');
        expect(waits, `expected 409 …/idempotency-in-progress, got ${status} ${problem?.type ?? ''}`);
      }
      const ids = new Set(done.map((result) => result.id));
      for (const made of ids) server.made.add(made);
      expect(ids.size === 1, `one key made ${ids.size} documents`);
      expectEqual((await server.news(since)).length, 1, 'documents in the log');
    },
  },
  {
    id: 'batch.atomic',
    rule: 'atomic: all or none; when one is refused the others answer 424 and nothing has changed',
    async run(server) {
      const stale = await server.create();
      expectSuccess(await server.patch(stale.id, { [server.text]: 'newer' }, { match: stale.revision }));
      const since = await server.tail();
      const members = [create(server, randomUUID()), update(server, stale, { a: 1 }), create(server, randomUUID())];
      const [first, refused, last] = await resultsOf(server, members, { atomic: true });
      expectResult(refused, 412, 409);
      expectResult(first, 424);
      expectResult(last, 424);
      expectEqual(await server.news(since), [], 'the log after a refused atomic batch');
      const mended = [first, last].map((_, index) => members[index * 2]);
      const results = await resultsOf(server, mended, { atomic: true });
      for (const result of results) expectResult(result, 201, 200);
      for (const { id } of mended) expectStatus(await server.get(id), 200);
    },
  },
  {
    id: 'batch.form',
    rule: 'a batch that is none is refused; a member that is none is refused by itself; an empty one is fine',
    async run(server) {
      await offered(server);
      for (const raw of ['{', '[]', '{}', '{"changes":7}', '{"changes":[7]}']) {
        expectRefusal(await server.request('POST', '/_batch', { raw }), `body ${raw}`);
      }
      const id = randomUUID();
      const empty = { ...create(server, randomUUID()), doc: undefined };
      const [bad, good] = await resultsOf(server, [empty, create(server, id)]);
      expect(bad.status >= 400 && bad.status < 500, `a create without "doc": expected 4xx, got ${bad.status}`);
      expectResult(good, 201, 200);
    },
  },
  {
    id: 'batch.large',
    rule: 'a batch that is too large is refused with 413, whole; the client halves it',
    async run(server) {
      await offered(server);
      const members = Array.from({ length: 20_000 }, () => ({ ...remove(server, { id: randomUUID() }) }));
      const answer = await server.batch(members);
      expect([200, 413].includes(answer.status), `20,000 members: expected 413 or 200, got ${answer.status}`);
    },
  },
].map((check) => ({ section: '4', ...check }));

function create(server, id, doc = server.doc()) {
  if (!id.startsWith('pending-')) server.made.add(id);
  return { ...identity(server, id), kind: 'create', doc };
}

function update(server, { id, revision }, changes) {
  return { ...identity(server, id), kind: 'update', changes, revision };
}

function remove(server, { id, revision }) {
  return { ...identity(server, id), kind: 'delete', revision };
}

function identity(server, id) {
  return { mutationId: randomUUID(), idempotencyKey: newKey(), collection: server.collection, id };
}

/** One result for each member, in the members' order, whatever the order on the wire. */
async function resultsOf(server, members, options) {
  await offered(server);
  const { body, asked } = expectStatus(await server.batch(members, options), 200);
  expect(Array.isArray(body?.results), `${asked}: "results" must be an array; got ${short(body)}`);
  return members.map(({ mutationId }) => {
    const found = body.results.filter((result) => result?.mutationId === mutationId);
    expect(found.length === 1, `${asked}: ${found.length} results for one mutationId`);
    return found[0];
  });
}

async function offered(server) {
  server.batches ??= await server.batch([]);
  const { status } = server.batches;
  if ([404, 405, 501].includes(status)) skip('the server offers no batches (POST /_batch)');
  expect(status === 200, `POST /_batch with no changes: expected 200, got ${status}`);
}

function expectResult(result, ...statuses) {
  const what = result.problem?.code ?? result.problem?.title ?? '';
  const expected = `expected status ${statuses.join(' or ')}`;
  expect(statuses.includes(result.status), `a result: ${expected}, got ${result.status} ${what}`);
}
