// Adapters that hang, throw or give something else, in each of their functions: what is given up and when, that nothing is
// lost or told twice, and that no error is left that nobody caught.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { backend, lateNews, start } from './adapter-backend.mjs';
import { until } from './modules.mjs';

const TIMEOUT = 1000;
const uncaught = [];
const note = (error) => uncaught.push(error);

before(() => process.on('unhandledRejection', note));
after(async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off('unhandledRejection', note);
  assert.deepEqual(uncaught, [], 'errors that nobody caught');
});

const never = () => new Promise(() => {});

/** A call that hangs, and what is told of it: when its signal came, and a way to end it late. */
function hanging() {
  const call = { ended: undefined };
  call.hang = (context) => {
    const began = performance.now();
    context.signal.addEventListener('abort', () => {
      call.ended = performance.now() - began;
    });
    return new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
  };
  return call;
}

function inTime(call) {
  // The engine counts from before the call.
  assert.ok(call.ended >= TIMEOUT / 2 && call.ended < TIMEOUT + 1500, `given up after ${call.ended} ms`);
}

/** Something of the server that is known, and has not the last word: the engine asks for it by itself. */
async function known(twist, options) {
  const end = backend();
  end.store('notes', 'n1', { id: 'n1', n: 1 });
  Object.assign(end.adapter, twist?.(end));
  const opened = await start(end.adapter, { auto: false, ...options });
  return { ...end, ...opened };
}

test('pull() that hangs is given up with its signal; its late page does no harm', async () => {
  const call = hanging();
  const { db, notes, adapter, honest } = await known(() => ({ pull: (_, context) => call.hang(context) }));
  const write = await notes.put({ id: 'mine' });
  const report = await db.sync.now();
  inTime(call);
  assert.equal(db.sync.status.error?.code, 'TIMEOUT');
  assert.equal(report.pushed, 1, 'what goes out does not wait for what comes in');
  await write.synced;
  call.resolve({ docs: [{ id: 'late', doc: { id: 'late' } }], checkpoint: 9, hasMore: false });
  adapter.pull = honest.pull;
  await db.sync.now();
  assert.deepEqual((await notes.query()).map(({ id }) => id).sort(), ['mine', 'n1']);
  assert.equal(db.sync.status.error, undefined);
  await db.close();
});

test('pull() that hangs in its second page has its first one kept, and goes on behind it', async () => {
  const call = hanging();
  const world = await known(({ store }) => {
    store('notes', 'n2', { id: 'n2' });
    return {};
  });
  const { adapter, db, notes, honest, seen } = world;
  adapter.pull = (request, context) =>
    request.checkpoint === undefined ? honest.pull({ ...request, limit: 1 }, context) : call.hang(context);
  await db.sync.now();
  inTime(call);
  assert.equal(await notes.count(), 1);
  adapter.pull = honest.pull;
  await db.sync.now();
  assert.equal(await notes.count(), 2);
  assert.equal(seen.pulls.filter((one) => one.collection === 'notes').at(-1).checkpoint, 1);
  await db.close();
});

test('get() that hangs is given up with its signal, and asked again', async () => {
  const call = hanging();
  const asked = [];
  const world = await known(
    ({ docs }) => ({
      get: ({ collection, id }, context) => {
        asked.push(id);
        return asked.length === 1 ? call.hang(context) : docs.get(`${collection}/${id}`);
      },
    }),
    { auto: true },
  );
  await world.db.sync.now();
  await lateNews(world, world);
  await until(() => call.ended !== undefined, 'the end of the first call');
  inTime(call);
  call.reject(new Error('late'));
  await until(() => asked.length > 1, 'the second call');
  await until(async () => (await world.notes.get('n1', { fresh: true })).n === 2, 'its answer');
  assert.deepEqual(await world.notes.get('n1', { fresh: true }), { id: 'n1', n: 2, mine: true });
  await world.db.close();
});

test('without get, a list that never ends is given up by its deadline', async () => {
  let pages = 0;
  let ended = false;
  const world = await known(undefined, { auto: true });
  const { adapter, db, honest, notes } = world;
  await db.sync.now();
  const { pull } = honest;
  honest.pull = async (request, context) => {
    if (request.limit !== 1000 || ended) return pull(request, context);
    context.signal.addEventListener('abort', () => {
      ended = true;
    });
    pages += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { docs: [], checkpoint: pages, hasMore: true };
  };
  adapter.pull = honest.pull;
  await lateNews(world, world);
  await until(() => ended, 'the deadline');
  const seen = pages;
  await until(async () => (await notes.get('n1', { fresh: true })).n === 2, 'the answer of the next look');
  assert.ok(pages <= seen + 1, 'the look that was given up goes on');
  await db.close();
});

const ODD = {
  undefined: () => undefined,
  null: () => null,
  'a text': () => 'canary-2b',
  'an object': () => ({ message: 'canary-2b' }),
  'an error whose name cannot be read': () =>
    Object.defineProperty(new Error('canary-2b'), 'name', {
      get() {
        throw new Error('canary-2b');
      },
    }),
  'an error whose name is a symbol': () => Object.assign(new Error('canary-2b'), { name: Symbol('canary-2b') }),
};
for (const [what, thrown] of Object.entries(ODD)) {
  for (const how of ['throws', 'rejects with']) {
    test(`pull, push and get that ${how} ${what}: out of reach, nothing counts, nothing is told of it`, async () => {
      const fail = () => {
        if (how === 'throws') throw thrown();
        return Promise.reject(thrown());
      };
      const world = await known(undefined, { maxAttempts: 1 });
      const { adapter, db, notes, honest, log } = world;
      await db.sync.now();
      Object.assign(adapter, { pull: fail, push: fail, get: fail });
      const write = await notes.patch('n1', { mine: 1 });
      await db.sync.now();
      await db.sync.now();
      const [row] = await db.outbox.list();
      assert.deepEqual([row.state, row.retryCount, row.lastError.code], ['waiting', 0, 'NETWORK']);
      assert.ok(!JSON.stringify([log, row.lastError, db.sync.status]).includes('canary'));
      Object.assign(adapter, { pull: honest.pull, push: honest.push, get: undefined });
      db.sync.start();
      await write.synced;
      assert.equal((await notes.get('n1')).mine, 1);
      await db.close();
    });
  }
}

test('what is given up and fails later leaves no error that nobody caught, not even of a closed database', async () => {
  const calls = [hanging(), hanging()];
  const { db, notes } = await known(() => ({
    pull: (_, context) => calls[0].hang(context),
    push: (_, context) => calls[1].hang(context),
  }));
  await notes.put({ id: 'a' });
  await db.sync.now();
  for (const call of calls) inTime(call);
  calls[0].reject(new Error('late'));
  void db.sync.now();
  await until(() => calls[1].ended !== undefined);
  await db.close();
  for (const call of calls) call.reject(new Error('later still'));
});

test('a thenable that throws, and one that settles twice, are what they settle with first', async () => {
  const { db, notes, adapter, honest } = await known();
  adapter.pull = () => ({
    // biome-ignore lint/suspicious/noThenProperty: what an adapter may give
    then() {
      throw new Error('x');
    },
  });
  await db.sync.now();
  assert.equal(db.sync.status.error?.code, 'NETWORK');
  adapter.pull = (...args) => ({
    // biome-ignore lint/suspicious/noThenProperty: what an adapter may give
    then(resolve, reject) {
      honest.pull(...args).then(resolve, reject);
      setTimeout(() => reject(new Error('twice')), 5);
    },
  });
  await db.sync.now();
  assert.equal(await notes.count(), 1);
  await db.close();
});

test('headers() whose auth() hangs is given up with the call', async () => {
  const asked = [];
  const { db, notes } = await known(
    ({ honest }) => ({
      push: async (changes, context) => {
        asked.push(context.signal);
        await context.headers();
        return honest.push(changes, context);
      },
    }),
    { auth: () => (asked.length === 1 ? never() : { authorization: 'x' }), auto: true },
  );
  await (await notes.put({ id: 'a' })).synced;
  assert.deepEqual(
    asked.map((signal) => signal.aborted),
    [true, false],
  );
  await db.close();
});

/** What subscribe() may give instead of a function, and whether the log says so. */
const STOPS = {
  nothing: [() => undefined, false],
  'a number': [() => 7, true],
  null: [() => null, true],
  'a promise of a function': [async () => () => {}, true],
  'a promise that fails': [async () => Promise.reject(new Error('canary-2b')), true],
  'a promise that never comes': [never, true],
  'a function that throws': [
    () => () => {
      throw new Error('canary-2b');
    },
    true,
  ],
};
for (const [what, [subscribe, warns]] of Object.entries(STOPS)) {
  test(`subscribe() that gives ${what}: sync goes on, and ends`, async () => {
    let heard;
    const { db, notes, store, warnings } = await known(
      () => ({
        subscribe: (notify, context) => {
          heard = { notify, context };
          return subscribe();
        },
      }),
      { auto: true },
    );
    await db.sync.now();
    store('notes', 'new', { id: 'new' });
    heard.notify('notes');
    await until(async () => (await notes.get('new')) !== undefined, 'the news');
    db.sync.stop();
    assert.equal(heard.context.signal.aborted, true);
    assert.equal(warnings().length, warns ? 1 : 0, warnings().join());
    assert.ok(!warnings().join().includes('canary'));
    await db.close();
  });
}

test('notify() counts from the first moment, comes together while a pull runs, and not after the end', async () => {
  let notify;
  const world = await known(
    () => ({
      subscribe: (tell) => {
        notify = tell;
        tell('notes');
        tell('notes');
        return () => {};
      },
    }),
    { auto: true },
  );
  const { db, seen, store } = world;
  await until(() => seen.pulls.length > 0, 'the news told inside of subscribe()');
  await db.sync.now();
  const before = seen.pulls.length;
  store('notes', 'x', { id: 'x' });
  for (let i = 0; i < 1000; i++) notify('notes');
  await until(async () => (await world.notes.get('x')) !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(seen.pulls.length - before <= 4, `${seen.pulls.length - before} pulls for 1,000 words`);
  db.sync.stop();
  const after = seen.pulls.length;
  for (const word of ['notes', undefined, 7, {}]) notify(word);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(seen.pulls.length, after);
  await db.close();
  notify('notes');
});
