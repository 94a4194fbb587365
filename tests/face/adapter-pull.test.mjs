// What an adapter's pull, get and subscribe give: pages, single documents, news, and what is none of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backend, lateNews, start } from './adapter-backend.mjs';
import { until } from './modules.mjs';

test('pulls go page by page from a checkpoint of any JSON, and a deletion arrives', async () => {
  const { adapter, honest, seen, store } = backend();
  for (let i = 0; i < 5; i++) store('notes', `n${i}`, { id: `n${i}`, i });
  adapter.pull = async (request, context) => {
    const { checkpoint, ...page } = await honest.pull(
      { ...request, checkpoint: request.checkpoint?.at, limit: 2 },
      context,
    );
    return { ...page, checkpoint: { at: checkpoint, note: 'ü "' } };
  };
  const { db, notes } = await start(adapter);
  await db.sync.now();
  assert.equal(await notes.count(), 5);
  store('notes', 'n1', undefined);
  store('notes', 'n2', { id: 'n2', i: 22 });
  await db.sync.now();
  assert.deepEqual(
    (await notes.query()).map((doc) => doc.i),
    [0, 22, 3, 4],
  );
  const last = seen.pulls.filter((one) => one.collection === 'notes').at(-1);
  assert.equal(last.checkpoint, 5);
  await db.close();
});

test('without pull nothing is asked for, nothing is swept, and lists are complete', async () => {
  const { adapter } = backend({ pull: undefined });
  const { db, notes } = await start(adapter);
  await (await notes.put({ id: 'a' })).synced;
  await db.sync.now({ full: true });
  await notes.refresh({ full: true });
  assert.equal(await notes.count(), 1);
  const live = notes.live();
  await until(() => live.current.loaded);
  assert.equal(live.current.complete, true);
  await db.close();
});

test('one document by itself is asked for by get, and a wrong answer is none', async () => {
  const end = backend();
  const { adapter, docs, seen, store } = end;
  store('notes', 'n1', { id: 'n1', n: 1 });
  const asked = [];
  const wrong = [{ id: 'n2', doc: { id: 'n2' } }, 'nothing', undefined];
  adapter.get = async ({ collection, id }, context) => {
    asked.push({ collection, id, aborted: context.signal.aborted });
    return asked.length <= wrong.length ? wrong[asked.length - 1] : docs.get(`${collection}/${id}`);
  };
  const { db, notes, warnings } = await start(adapter);
  await db.sync.now();
  await lateNews(end, { db, notes });
  await until(() => asked.length === 4, 'the answer that is one');
  assert.deepEqual(await notes.get('n1', { fresh: true }), { id: 'n1', n: 2, mine: true });
  assert.equal(seen.pulls.filter(({ limit }) => limit === 1000).length, 0);
  assert.deepEqual(asked, Array(4).fill({ collection: 'notes', id: 'n1', aborted: false }));
  assert.match(
    warnings().join(),
    /get\(\) gave another document.*get\(\) must be an object.*get\(\) must be an object/,
  );
  await db.close();
});

test('without get the whole list is gone through', async () => {
  const end = backend();
  end.store('notes', 'n1', { id: 'n1', n: 1 });
  const { db, notes } = await start(end.adapter);
  await db.sync.now();
  await lateNews(end, { db, notes });
  await until(() => end.seen.pulls.some(({ limit }) => limit === 1000), 'a look through the list');
  assert.deepEqual(await notes.get('n1', { fresh: true }), { id: 'n1', n: 2, mine: true });
  await db.close();
});

test('what a wrong pull gives changes nothing and is told', async () => {
  const doc = { id: 'a' };
  const pages = [
    undefined,
    [],
    { docs: {} },
    { docs: [], hasMore: 'yes' },
    { docs: [7], hasMore: false },
    { docs: [{ doc }], hasMore: false },
    { docs: [{ id: 'a' }], hasMore: false },
    { docs: [{ id: 'a', doc: 'text' }], hasMore: false },
    { docs: [{ id: 'a', doc, revision: {} }], hasMore: false },
    { docs: [{ id: 'pending-1-x', doc }], hasMore: false },
    { docs: [{ id: 'a', doc }], hasMore: false, checkpoint: () => 1 },
    { docs: [], hasMore: true, resync: true },
  ];
  for (const page of pages) {
    const { db, notes, warnings } = await start({ ...backend().adapter, pull: async () => page });
    await db.sync.now();
    assert.equal(db.sync.status.error?.code, 'ADAPTER_RESULT', JSON.stringify(page));
    assert.equal(await notes.count(), 0);
    assert.ok(warnings().length > 0);
    await db.close();
  }
});

test('a document that cannot be kept is named and holds up none of its page, also one that was here before', async () => {
  const end = backend();
  const good = (id) => ({ id, doc: { id, n: 1 } });
  const bad = { id: 'b', revision: 'r2', doc: { id: 'b', at: new Date(0) } };
  let page = [good('a'), bad, good('c')];
  let mended = false;
  end.adapter.pull = async ({ collection }) => ({
    docs: collection === 'notes' ? page : [],
    checkpoint: mended ? 2 : 1,
    hasMore: false,
  });
  const asked = [];
  end.adapter.get = async ({ id }) => {
    asked.push(id);
    return mended ? good(id) : bad;
  };
  const { db, notes, warnings } = await start(end.adapter);
  await db.sync.now();
  assert.deepEqual(
    (await notes.query()).map(({ id }) => id),
    ['a', 'c'],
  );
  assert.match(warnings().join(), /docs\[1\]\.doc\.at is a Date.*left out and asked for by itself/);
  assert.match(warnings().join(), /the document asked for cannot be kept/);
  assert.ok(!warnings().join().includes('1970'));
  page = [];
  mended = true;
  await until(async () => (await notes.get('b', { fresh: true }))?.n === 1, 'what was mended');
  assert.deepEqual(new Set(asked), new Set(['b']));
  await db.close();
});

test('without get a document that cannot be kept is none until it can, and none that is gone', async () => {
  let doc = { id: 'b', at: new Date(0) };
  const pull = async ({ collection }) => ({
    docs:
      collection === 'notes'
        ? [
            { id: 'a', doc: { id: 'a' } },
            { id: 'b', doc },
          ]
        : [],
    checkpoint: 1,
    hasMore: false,
  });
  const { db, notes } = await start({ ...backend().adapter, pull });
  await db.sync.now();
  assert.deepEqual([await notes.count(), db.sync.status.error?.code], [1, 'ADAPTER_RESULT']);
  doc = { id: 'b', at: 0 };
  await until(async () => (await notes.get('b', { fresh: true }))?.at === 0, 'the document');
  await db.close();
});

test('more documents than were asked for are taken, and that is told', async () => {
  const docs = Array.from({ length: 450 }, (_, i) => ({ id: `n${i}`, doc: { id: `n${i}` } }));
  const pull = async ({ collection, checkpoint }) => ({
    docs: collection === 'notes' && checkpoint === undefined ? docs : [],
    checkpoint: 1,
    hasMore: false,
  });
  const { db, notes, warnings } = await start({ ...backend().adapter, pull });
  await db.sync.now();
  assert.equal(await notes.count(), 450);
  assert.match(warnings().join(), /pull\(\) gave 450 documents where 200 were asked for; taken/);
  await db.close();
});

test('a resync pulls everything again and keeps what waits', async () => {
  const { adapter, honest, store } = backend();
  store('notes', 'old', { id: 'old' });
  let forget = false;
  adapter.pull = (request, context) =>
    forget && request.checkpoint !== undefined
      ? { docs: [], checkpoint: null, hasMore: false, resync: true }
      : honest.pull(request, context);
  const { db, notes } = await start(adapter, { auto: false });
  await db.sync.now();
  await notes.put({ id: 'mine' });
  forget = true;
  await db.sync.now({ push: false });
  assert.deepEqual(
    (await notes.query()).map((one) => one.id),
    ['mine', 'old'],
  );
  await db.close();
});

test('news pull at once, are heard only while sync runs, and end with the database', async () => {
  const { adapter, store } = backend();
  const heard = [];
  adapter.subscribe = (notify, context) => {
    heard.push({ notify, context, stopped: false });
    const mine = heard.at(-1);
    return () => {
      mine.stopped = true;
    };
  };
  const { db, notes, warnings } = await start(adapter);
  await db.sync.now();
  for (const which of ['notes', undefined, 'nonsense']) {
    store('notes', `n-${which}`, { id: `n-${which}` });
    heard[0].notify(which);
    await until(async () => (await notes.get(`n-${which}`)) !== undefined, `news of ${which}`);
  }
  assert.equal(warnings().length, 1);
  db.sync.stop();
  assert.deepEqual([heard.length, heard[0].stopped, heard[0].context.signal.aborted], [1, true, true]);
  db.sync.start();
  assert.equal(heard.length, 2);
  await db.close();
  assert.equal(heard[1].stopped, true);
  heard[1].notify('notes');
  const broken = backend({
    subscribe: () => {
      throw new Error('x');
    },
  });
  const second = await start(broken.adapter);
  await (await second.notes.put({ id: 'a' })).synced;
  await second.db.close();
});
