// Section 3, what most servers get wrong: a reader who pulls while many write must not lose a change. A log that
// hands a later transaction a smaller position than one already served loses it for ever.

import { randomUUID } from 'node:crypto';
import { expect, expectEqual, expectSuccess } from '../expect.mjs';

const ROUNDS = 12;

export const readers = [
  {
    id: 'page.commit-order',
    rule: 'pulling while many write loses nothing: every acknowledged change is seen by a reader who only goes forward',
    run: (server) => race(server, 7),
  },
  {
    id: 'page.commit-order-1',
    rule: 'the same with pages of one item, where checkpoints are closest together',
    run: (server) => race(server, 1),
  },
].map((check) => ({ section: '3', ...check }));

async function race(server, limit) {
  const since = await server.tail();
  const acknowledged = new Map();
  let writing = true;
  const writers = Array.from({ length: server.writers }, () => write(server, acknowledged));
  const written = Promise.all(writers).finally(() => {
    writing = false;
  });
  const [seen] = await Promise.all([read(server, since, limit, () => writing), written]);
  const lost = [...acknowledged].filter(([id, revision]) => seen.get(id) !== revision);
  const [id, revision] = lost[0] ?? [];
  expect(
    lost.length === 0,
    `${lost.length} of ${acknowledged.size} documents were not seen in their last state; the first: revision ` +
      `${revision} was acknowledged, the reader has ${seen.get(id) ?? 'nothing'}`,
  );
}

/** Creates documents, changes every second one and deletes every fourth; remembers what was acknowledged. */
async function write(server, acknowledged) {
  for (let round = 0; round < ROUNDS; round++) {
    const id = randomUUID();
    let { revision } = expectSuccess(await server.put(id, server.doc(), { absent: true }));
    acknowledged.set(id, revision);
    if (round % 2 === 0) continue;
    ({ revision } = expectSuccess(await server.patch(id, { [server.text]: 'again' }, { match: revision })));
    acknowledged.set(id, revision);
    if (round % 4 === 1) continue;
    expectSuccess(await server.delete(id, { match: revision }));
    acknowledged.set(id, 'deleted');
  }
}

/** Reads forward until the writers are done and the log has ended; the last state of each document. */
async function read(server, since, limit, writing) {
  const seen = new Map();
  for (let from = since; ; ) {
    const last = !writing();
    const { body } = expectSuccess(await server.page({ since: from, limit }));
    for (const item of body.items) seen.set(item.id, item.deleted ? 'deleted' : item.revision);
    if (body.items.length > 0) expect(body.checkpoint !== from, 'a page with items must move the checkpoint');
    else expectEqual(body.hasMore, false, 'hasMore of an empty page');
    from = body.checkpoint;
    if (last && !body.hasMore) return seen;
  }
}
