// Section 1 and 2: guards of a write. A stale one is refused with the current document; of two that hold the same
// revision one wins.

import { randomUUID } from 'node:crypto';
import { expect, expectEqual, expectStatus, expectSuccess } from '../expect.mjs';

/** Each way to change a document under a guard. */
const GUARDED = [
  ['PATCH', (server, id, match) => server.patch(id, { [server.text]: 'stale' }, { match })],
  ['PUT', (server, id, match) => server.put(id, server.doc(), { match })],
  ['DELETE', (server, id, match) => server.delete(id, { match })],
];

export const preconditions = [
  ...GUARDED.map(([method, change]) => ({
    id: `if-match.${method.toLowerCase()}`,
    rule: `${method} with a stale If-Match is refused (412 or 409) with the current document and its ETag`,
    async run(server) {
      const { id, revision } = await server.create();
      expectSuccess(await server.patch(id, { [server.text]: 'newer' }, { match: revision }));
      const now = expectSuccess(await server.get(id));
      const answer = expectStatus(await change(server, id, revision), 412, 409);
      expectCurrent(answer, now);
      expectEqual((await server.get(id)).body, now.body, 'the document after the refusal');
    },
  })),
  {
    id: 'if-match.fresh',
    rule: 'a guard that names the current revision lets the change through',
    async run(server) {
      let { id, revision } = await server.create();
      for (const [method, change] of GUARDED) {
        expectSuccess(await change(server, id, revision));
        if (method !== 'DELETE') revision = await server.current(id);
      }
    },
  },
  {
    id: 'if-match.absent',
    rule: 'a guarded change of a document that never was answers 404, 410 or 412 and makes none',
    async run(server) {
      const id = randomUUID();
      for (const [, change] of GUARDED) expectStatus(await change(server, id, 'no-such-revision'), 404, 410, 412);
      expectStatus(await server.get(id), 404, 410);
    },
  },
  {
    id: 'if-match.race',
    rule: 'of many changes with the same If-Match at the same time exactly one is carried out',
    async run(server) {
      for (let round = 0; round < 3; round++) {
        const { id, revision } = await server.create();
        const texts = Array.from({ length: server.writers }, (_, writer) => `Writer ${round}.${writer}`);
        const patch = (text) => server.patch(id, { [server.text]: text }, { match: revision });
        const answers = await Promise.all(texts.map(patch));
        for (const answer of answers) expectStatus(answer, 200, 204, 412, 409);
        const won = texts.filter((_, writer) => answers[writer].ok);
        expect(won.length === 1, `${won.length} of ${texts.length} were told that their change was carried out`);
        expectEqual((await server.get(id)).body[server.text], won[0], 'the document after the race');
      }
    },
  },
  {
    id: 'create.race',
    rule: 'of many PUTs with If-None-Match: * for one id at the same time exactly one creates',
    async run(server) {
      const id = randomUUID();
      const create = () => server.put(id, server.doc(), { absent: true });
      const answers = await Promise.all(Array.from({ length: server.writers }, create));
      for (const answer of answers) expectStatus(answer, 201, 412, 409);
      const won = answers.filter(({ status }) => status === 201).length;
      expect(won === 1, `${won} creates of the same id were answered with 201`);
    },
  },
].map((check) => ({ section: '1', ...check }));

/** The current document may be left out: then the client fetches it. What is given must be true. */
function expectCurrent(answer, now) {
  if (answer.body?.id === undefined) return;
  expectEqual(answer.body, now.body, `${answer.asked}: the current document in the ${answer.status}`);
  expectEqual(answer.etag, now.etag, `${answer.asked}: the ETag of the ${answer.status}`);
}
