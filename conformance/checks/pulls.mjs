// Section 3: pages of the change log, their checkpoints and tags.

import { randomUUID } from 'node:crypto';
import { expect, expectEqual, expectHolds, expectStatus, expectSuccess, isObject, short } from '../expect.mjs';
import { timeOf } from './changes.mjs';

const LARGEST_CHECKPOINT = 64 << 10;

export const pulls = [
  {
    id: 'page.form',
    rule: 'a page is { items: [{ id, revision, updatedAt, doc | deleted }], checkpoint, hasMore, epoch }',
    async run(server) {
      const { id, revision, doc } = await server.create();
      const gone = await server.create();
      expectSuccess(await server.delete(gone.id, { match: gone.revision }));
      const page = expectStatus(await server.page({ limit: 50 }), 200);
      expectPage(page.body, page.asked);
      const pages = await server.pages();
      for (const one of pages) expectPage(one, page.asked);
      const item = pages.flatMap(({ items }) => items).findLast((one) => one.id === id);
      expect(item !== undefined, 'a pull from the beginning does not show a document that was just created');
      expectEqual(item.revision, revision, '"revision" of the item (the ETag without its quotes)');
      expectEqual(timeOf(item.updatedAt), timeOf(doc.updatedAt), '"updatedAt" of the item');
      expectHolds(doc, item.doc, '"doc" of the item');
      const last = pages.flatMap(({ items }) => items).findLast((one) => one.id === gone.id);
      expect(
        last === undefined || last.deleted === true,
        'a pull from the beginning shows a deleted document as alive',
      );
    },
  },
  {
    id: 'page.incremental',
    rule: 'since a checkpoint come exactly the documents changed after it, each in its newest state, deletions marked',
    async run(server) {
      const [kept, changed, deleted] = [await server.create(), await server.create(), await server.create()];
      const since = await server.tail();
      const born = await server.create();
      expectSuccess(await server.patch(changed.id, { [server.text]: 'changed' }, { match: changed.revision }));
      expectSuccess(await server.delete(deleted.id, { match: deleted.revision }));
      const items = await server.news(since);
      const last = (id) => items.findLast((item) => item.id === id);
      expect(last(kept.id) === undefined, 'a document that did not change is in the page');
      expectEqual(last(born.id)?.doc?.[server.text], born.doc[server.text], 'the created document in the page');
      expectEqual(last(changed.id)?.doc?.[server.text], 'changed', 'the changed document in the page');
      expectEqual(last(changed.id)?.revision, await server.current(changed.id), 'its revision');
      const tombstone = last(deleted.id);
      expect(tombstone !== undefined, 'the deletion is missing: a tombstone { id, deleted: true } must be in the page');
      expect(tombstone.deleted === true, `the deletion is not marked "deleted": true: ${short(tombstone)}`);
      expect(
        timeOf(tombstone.updatedAt) > timeOf(deleted.doc.updatedAt),
        'its updatedAt must be later than the document’s',
      );
    },
  },
  {
    id: 'page.limit',
    rule: 'limit bounds a page; hasMore says truly whether there is another one',
    async run(server) {
      const since = await server.tail();
      const made = [];
      for (let count = 0; count < 5; count++) made.push((await server.create()).id);
      const pages = await server.pages(since, 2);
      for (const { items } of pages) expect(items.length <= 2, `a page for limit=2 has ${items.length} items`);
      expectEqual(
        pages.flatMap(({ items }) => items).map(({ id }) => id),
        made,
        'the ids of all pages, in order',
      );
      const whole = expectSuccess(await server.page({ since, limit: 1000 })).body;
      expectEqual([whole.items.length, whole.hasMore], [5, false], 'items and hasMore of one page for all');
    },
  },
  {
    id: 'page.order',
    rule: 'items come in the order of the change log: a document changed again comes after what was changed before',
    async run(server) {
      const since = await server.tail();
      const ids = await shuffle(server);
      const items = await server.news(since, 2);
      const last = new Map();
      for (const [index, { id }] of items.entries()) last.set(id, index);
      const order = [...last].sort(([, a], [, b]) => a - b).map(([id]) => id);
      expectEqual(order, ids, 'the documents by their last appearance');
    },
  },
  {
    id: 'page.checkpoint',
    rule: 'a checkpoint covers exactly the items up to it: a pull may go on from any page',
    async run(server) {
      const since = await server.tail();
      await shuffle(server);
      const pages = await server.pages(since, 1);
      for (const [index, { checkpoint }] of pages.entries()) {
        const rest = pages.slice(index + 1).flatMap(({ items }) => items);
        const again = await server.news(checkpoint, 100);
        expectEqual(states(again), states(rest), `what follows the checkpoint of page ${index + 1} of ${pages.length}`);
      }
    },
  },
  {
    id: 'page.end',
    rule: 'at the end a page is empty, keeps its checkpoint usable, and shows the next change',
    async run(server) {
      const since = await server.tail();
      const idle = expectSuccess(await server.page({ since, limit: 10 })).body;
      expectEqual([idle.items, idle.hasMore], [[], false], 'items and hasMore at the end');
      const { id } = await server.create();
      for (const from of [since, idle.checkpoint]) {
        expectEqual(
          (await server.news(from)).map((item) => item.id),
          [id],
          'the pages after one more change',
        );
      }
    },
  },
  {
    id: 'page.same-again',
    rule: 'the same request answers the same items again: reading moves nothing on the server',
    async run(server) {
      const since = await server.tail();
      await server.create();
      const first = expectSuccess(await server.page({ since, limit: 10 })).body;
      const second = expectSuccess(await server.page({ since, limit: 10 })).body;
      expectEqual([second.items, second.hasMore], [first.items, first.hasMore], 'the second answer');
    },
  },
  {
    id: 'page.etag',
    rule: 'a page has an ETag; 304 without a body while nothing changed, 200 with another ETag after a change',
    async run(server) {
      const since = await server.tail();
      const { id, revision } = await server.create();
      const first = expectSuccess(await server.page({ since, limit: 10 }));
      expect(first.etag, `${first.asked}: no ETag`);
      const same = expectStatus(await server.page({ since, limit: 10, etag: first.etag }), 304);
      expectEqual(same.text, '', 'the body of a 304');
      expectSuccess(await server.delete(id, { match: revision }));
      const other = expectStatus(await server.page({ since, limit: 10, etag: first.etag }), 200);
      expect(other.etag !== first.etag, 'the page changed but its ETag did not');
      expectEqual(states(other.body.items), states(await server.news(since)), 'the page after the change');
    },
  },
  {
    id: 'page.etag-url',
    rule: 'a page’s ETag belongs to its exact URL: sent with another one it does not hide what is new there',
    async run(server) {
      const since = await server.tail();
      await server.create();
      const first = expectSuccess(await server.page({ since, limit: 1 }));
      await server.create();
      const next = await server.page({ since: first.body.checkpoint, limit: 1, etag: first.etag });
      expectStatus(next, 200);
      const wider = expectStatus(await server.page({ since, limit: 2, etag: first.etag }), 200);
      expectEqual(wider.body.items.length, 2, 'items of the wider page');
    },
  },
  {
    id: 'document.etag',
    rule: 'GET of a document answers 304 to its own ETag, and 200 after a change',
    async run(server) {
      const { id, revision } = await server.create();
      const headers = { 'if-none-match': `"${revision}"` };
      const same = await server.request('GET', server.path(id), { headers });
      expectStatus(same, 304, 200);
      expectSuccess(await server.patch(id, { [server.text]: 'changed' }, { match: revision }));
      expectStatus(await server.request('GET', server.path(id), { headers }), 200);
    },
  },
  {
    id: 'page.unknown-checkpoint',
    rule: 'a checkpoint the server does not know is answered with 410: the client then pulls everything',
    async run(server) {
      for (const since of ['no-such-checkpoint', '999999999', `${await server.tail()}x`, '{}']) {
        expectStatus(await server.page({ since, limit: 10 }), 410);
      }
    },
  },
  {
    id: 'page.epoch',
    rule: 'every page names the epoch, the same one as long as the history goes on',
    async run(server) {
      const since = await server.tail();
      await server.create();
      const answers = [await server.page({ limit: 1 }), await server.page({ since }), await server.page()];
      const epochs = new Set(answers.map(({ body }) => body?.epoch));
      expect(epochs.size === 1, `different epochs within seconds: ${short([...epochs])}`);
      const [epoch] = epochs;
      expect(typeof epoch === 'string' && epoch !== '', `"epoch" must be a text; got ${short(epoch)}`);
    },
  },
  {
    id: 'page.limit-values',
    rule: 'a limit that makes no sense is refused or bounded, not a failure of the server',
    async run(server) {
      for (const limit of ['0', '-1', '1.5', 'x', '1e99', '99999999999999999999']) {
        const answer = await server.page({ limit });
        expect(answer.status < 500, `limit=${limit} was answered with ${answer.status}`);
      }
    },
  },
].map((check) => ({ section: '3', ...check }));

/** Makes five documents, changes the second and deletes the third; their ids in the order of the log. */
async function shuffle(server) {
  const made = [];
  for (let count = 0; count < 5; count++) {
    const id = randomUUID();
    const { revision } = expectSuccess(await server.put(id, server.doc(), { absent: true }));
    made.push({ id, revision });
  }
  const [a, b, c, d, e] = made;
  expectSuccess(await server.patch(b.id, { [server.text]: 'moved' }, { match: b.revision }));
  expectSuccess(await server.delete(c.id, { match: c.revision }));
  return [a, d, e, b, c].map(({ id }) => id);
}

function states(items) {
  return items.map(({ id, revision, deleted = false }) => ({ id, revision, deleted }));
}

function expectPage(page, asked) {
  expect(isObject(page), `${asked}: a page is a JSON object; got ${short(page)}`);
  expect(Array.isArray(page.items), `${asked}: "items" must be an array; got ${short(page.items)}`);
  expect(typeof page.hasMore === 'boolean', `${asked}: "hasMore" must be true or false; got ${short(page.hasMore)}`);
  const { checkpoint } = page;
  const usable = typeof checkpoint === 'string' && checkpoint !== '' && checkpoint.length <= LARGEST_CHECKPOINT;
  expect(usable, `${asked}: "checkpoint" must be a text of at most 64 KiB; got ${short(checkpoint)}`);
  page.items.forEach(expectItem);
}

function expectItem(item, index) {
  const where = `items[${index}]`;
  expect(isObject(item) && typeof item.id === 'string' && item.id !== '', `${where}.id must be a text: ${short(item)}`);
  expect(typeof item.revision === 'string', `${where}.revision must be a text; got ${short(item.revision)}`);
  timeOf(item.updatedAt);
  if (item.deleted === true) return;
  expect(isObject(item.doc), `${where} needs "doc" or "deleted": true; got ${short(item)}`);
  const same = item.doc.id === undefined || item.doc.id === item.id;
  expect(same, `${where}.doc.id differs from its id`);
}
