// Section 1: what a create, an update and a delete do, and what they answer.

import { randomUUID } from 'node:crypto';
import { expect, expectEqual, expectHolds, expectStatus, expectSuccess } from '../expect.mjs';

const CREATED = [201, 200];
const DONE = [200, 204];
const GONE = [404, 410];

/** Ids that have to arrive as they left: each is one percent-encoded segment. */
const HARD_IDS = ['a/b', 'a b', 'a?b#c', '50%', '%2F', 'ünï-日本', "it's+plus&and=", 'a;b,c', '"quoted"'];

export const changes = [
  {
    id: 'create.post',
    rule: 'POST creates; the answer is the stored document with its id, and an ETag',
    async run(server) {
      const doc = server.doc();
      const answer = expectStatus(await server.post(doc), ...CREATED);
      expectHolds(answer.body, doc, 'the stored document');
      expect(typeof answer.body.id === 'string' && answer.body.id !== '', 'its "id" must be a text that is not empty');
      expect(answer.revision, `${answer.asked}: a strong ETag ("…") is missing; got ${answer.etag ?? 'none'}`);
      const again = expectStatus(await server.get(answer.body.id), 200);
      expectEqual(again.body, answer.body, 'GET of the created document');
      expectEqual(again.etag, answer.etag, 'its ETag');
    },
  },
  {
    id: 'create.post-ids',
    rule: 'every POST with a key of its own makes another document',
    async run(server) {
      const doc = server.doc();
      const first = expectStatus(await server.post(doc), ...CREATED);
      const second = expectStatus(await server.post(doc), ...CREATED);
      expect(first.body?.id !== second.body?.id, 'two creates were given the same id');
    },
  },
  {
    id: 'create.put',
    rule: 'PUT with If-None-Match: * creates under the id the client chose',
    async run(server) {
      const id = randomUUID();
      const doc = server.doc();
      const answer = expectStatus(await server.put(id, doc, { absent: true }), 201);
      expect(answer.revision, `${answer.asked}: a strong ETag ("…") is missing`);
      const there = expectStatus(await server.get(id), 200);
      expectHolds(there.body, { ...doc, id }, 'the stored document');
    },
  },
  {
    id: 'create.put-existing',
    rule: 'PUT with If-None-Match: * on a document that exists is refused (412) and changes nothing',
    async run(server) {
      const { id, doc } = await server.create();
      const answer = expectStatus(await server.put(id, server.doc(), { absent: true }), 412, 409);
      if (answer.body?.id !== undefined) expectEqual(answer.body, doc, 'the document in the answer');
      expectEqual((await server.get(id)).body, doc, 'the document afterwards');
    },
  },
  {
    id: 'create.ids',
    rule: 'ids go into the path as one percent-encoded segment and come back as they were',
    async run(server) {
      for (const hard of HARD_IDS) {
        const id = `${hard} ${randomUUID()}`;
        const since = await server.tail();
        expectStatus(await server.put(id, server.doc(), { absent: true }), 201);
        expectEqual((await server.get(id)).body?.id, id, `the id ${JSON.stringify(hard)} in GET`);
        const listed = (await server.news(since)).map((item) => item.id);
        expect(listed.includes(id), `the id ${JSON.stringify(hard)} is not in the page: ${JSON.stringify(listed)}`);
      }
    },
  },
  {
    id: 'update.patch',
    rule: 'PATCH is a merge-patch: named fields change, null removes, objects merge, arrays are replaced',
    async run(server) {
      const free = server.freeField();
      const before = { keep: 1, gone: 'x', deep: { a: { b: 1, c: 2 }, d: 3 }, list: [1, 2, 3], nothing: null };
      const { id, revision, doc } = await server.create({ [free]: before });
      expectEqual(doc[free], before, `the field "${free}" after the create`);
      const patch = { gone: null, deep: { a: { c: null, e: 4 } }, list: [9], born: { f: [null] } };
      const answer = expectStatus(await server.patch(id, { [free]: patch }, { match: revision }), ...DONE);
      const after = { keep: 1, deep: { a: { b: 1, e: 4 }, d: 3 }, list: [9], nothing: null, born: { f: [null] } };
      const there = expectStatus(await server.get(id), 200);
      expectEqual(there.body[free], after, 'the merged field');
      expectEqual(there.body[server.text], doc[server.text], 'a field that was not named');
      if (answer.status === 200) expectEqual(answer.body, there.body, 'the document in the answer');
      expectNewTag(answer, revision, there);
      expectSuccess(await server.patch(id, { [free]: null }, { match: there.revision }));
      expect(!(free in (await server.get(id)).body), `null must remove the field "${free}"`);
    },
  },
  {
    id: 'update.put',
    rule: 'PUT replaces the whole document: what is not in the body is gone, null stays null',
    async run(server) {
      const free = server.freeField();
      const { id, revision } = await server.create({ [free]: { old: true } });
      const doc = server.doc();
      const answer = expectStatus(await server.put(id, doc, { match: revision }), ...DONE);
      const there = expectStatus(await server.get(id), 200);
      expectHolds(there.body, { ...doc, id }, 'the document');
      expect(!(free in there.body), `the field "${free}" was not in the body and must be gone`);
      expectNewTag(answer, revision, there);
      expectSuccess(await server.put(id, { ...doc, [free]: { n: null } }, { match: there.revision }));
      expectEqual((await server.get(id)).body[free], { n: null }, 'a null inside a PUT');
    },
  },
  {
    id: 'update.updated-at',
    rule: 'the stored document carries updatedAt (ISO 8601 with milliseconds, or a number), rising with every change',
    async run(server) {
      let { id, revision, doc } = await server.create();
      for (let round = 0; round < 8; round++) {
        const before = timeOf(doc.updatedAt);
        const changes = { [server.text]: `Conformance ${round}` };
        const answer = expectSuccess(await server.patch(id, changes, { match: revision }));
        ({ body: doc, revision } = expectSuccess(await server.get(id)));
        const after = timeOf(doc.updatedAt);
        expect(after > before, `updatedAt went from ${before} to ${after} with change ${round + 1} (${answer.status})`);
      }
    },
  },
  {
    id: 'delete',
    rule: 'DELETE deletes: 204 or 200, then GET, PATCH and DELETE answer 404 or 410',
    async run(server) {
      const { id, revision } = await server.create();
      expectStatus(await server.delete(id, { match: revision }), ...DONE);
      expectStatus(await server.get(id), ...GONE);
      expectStatus(await server.patch(id, { [server.text]: 'late' }, { match: revision }), ...GONE, 412);
      expectStatus(await server.delete(id, { match: revision }), ...GONE);
      expectStatus(await server.get(id), ...GONE);
    },
  },
  {
    id: 'delete.absent',
    rule: 'DELETE of what never was answers 404 or 410 (428 where a guard is required)',
    async run(server) {
      expectStatus(await server.delete(randomUUID()), ...GONE, 428);
    },
  },
  {
    id: 'delete.again',
    rule: 'an id that was deleted can be created again with PUT and If-None-Match: *, with a later updatedAt',
    async run(server) {
      const { id, revision, doc } = await server.create();
      expectSuccess(await server.delete(id, { match: revision }));
      const answer = expectStatus(await server.put(id, server.doc(), { absent: true }), 201, 200);
      expect(answer.revision !== revision, 'the new document has the revision of the deleted one');
      const there = expectStatus(await server.get(id), 200);
      expect(timeOf(there.body.updatedAt) > timeOf(doc.updatedAt), 'updatedAt must not go back behind the deletion');
    },
  },
].map((check) => ({ section: '1', ...check }));

/** Milliseconds of an updatedAt. */
export function timeOf(value) {
  const iso = typeof value === 'string' && /T\d\d:\d\d:\d\d\.\d{3,}/.test(value);
  const ms = typeof value === 'number' ? value : iso ? Date.parse(value) : Number.NaN;
  expect(Number.isFinite(ms), `updatedAt must be ISO 8601 with milliseconds or a number; got ${JSON.stringify(value)}`);
  return ms;
}

function expectNewTag(answer, before, there) {
  expect(answer.revision, `${answer.asked}: a strong ETag ("…") is missing`);
  expect(answer.revision !== before, `${answer.asked}: the ETag must change with the document`);
  expectEqual(there.etag, answer.etag, 'the ETag of GET after the change');
}
