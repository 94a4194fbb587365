// Rows of the HTTP table that are stories: logins, conflicts, pauses of nothing, changes that alone do not get through,
// and answers that are nested too deep. On the real module, a scripted server and a clock that stands.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY, problem } from './http-rows.mjs';
import { answer, lost, scripted, silent } from './scripted.mjs';

test('429 with a pause of nothing: again at once, and nothing counts', async (t) => {
  const { clock, notes, sent, told, say } = await scripted(t);
  say(/^PATCH/, answer(429, undefined, { 'retry-after': '0' }), 3);
  await notes.patch('a', { n: 1 });
  await clock.advance(0);
  assert.deepEqual(
    told.map((one) => [one.event, one.detail.attempts]),
    [
      ['retrying', 0],
      ['retrying', 0],
      ['retrying', 0],
      ['acknowledged', 1],
    ],
  );
  assert.equal(new Set(sent.map((one) => one.key)).size, 1);
});

test('401: everybody waits for one auth(), which is asked again after a minute and on an order', async (t) => {
  let asked = 0;
  const auth = () => {
    asked += 1;
    return { authorization: `Bearer ${asked}` };
  };
  const world = await scripted(t, { auth, concurrency: 2 });
  const { clock, db, notes, sent, told, say } = world;
  const before = asked;
  say(/^PATCH/, answer(401), 100);
  await Promise.all([notes.patch('a', { n: 1 }), notes.patch('b', { m: 1 })]);
  await clock.advance(0);
  assert.equal(sent.length, 3, 'one tries the new headers for both');
  assert.equal(asked, before + 3);
  for (const id of ['a', 'b']) {
    const { state, retryCount } = await world.change(id);
    assert.deepEqual([state, retryCount], ['waiting', 0]);
  }
  assert.deepEqual([...new Set(told.map((one) => one.event))], ['auth-required', 'retrying']);
  assert.equal(told.filter((one) => one.event === 'auth-required').length, 1);
  assert.equal(db.sync.status.state, 'needs-auth');
  await notes.put({ id: 'c', n: 1 });
  await clock.advance(59_000);
  assert.equal(sent.length, 3, 'the whole queue waits');
  await clock.advance(1_000);
  assert.ok(sent.length > 3 && sent.length <= 6, `${sent.length} requests after a minute`);
  assert.equal(db.sync.status.state, 'needs-auth');
  world.script.length = 0;
  const report = await db.sync.now();
  assert.equal(report.skipped, undefined);
  await clock.advance(0);
  assert.equal(await db.outbox.count(), 0);
  assert.equal(db.sync.status.state, 'idle');
  for (const id of ['a', 'b', 'c']) {
    const keys = sent.filter((one) => one.what.endsWith(`/${id}`)).map((one) => one.key);
    assert.equal(new Set(keys).size, 1, id);
  }
});

// 409, 412 and 428: the document that is there is taken from the answer, or asked for where the answer has none.
for (const [status, brings] of [
  [412, true],
  [409, true],
  [412, false],
  [409, false],
  [428, false],
  [428, true],
]) {
  test(`${status} ${brings ? 'with' : 'without'} the document: put on it, nothing counts`, async (t) => {
    const world = await scripted(t);
    const { clock, notes, sent, server, say } = world;
    server.patch('notes', 'a', { other: 1 });
    const current = server.docs('notes')[0];
    say(/^PATCH/, brings ? answer(status, current, { etag: '"2"' }) : answer(status));
    await notes.patch('a', { n: 1 });
    await clock.advance(0);
    const looks = brings && status !== 428 ? [] : ['GET notes/a'];
    assert.deepEqual(
      sent.map((one) => one.what),
      ['PATCH notes/a', ...looks, 'PATCH notes/a'],
    );
    const [first, again] = sent.filter((one) => one.what.startsWith('PATCH'));
    assert.deepEqual([first.ifMatch, again.ifMatch], ['1', '2'], 'guarded by what it stands on');
    assert.equal(again.key, first.key, 'the same payload keeps its key');
    assert.deepEqual(again.body, { n: 1 });
    const { updatedAt, ...doc } = server.docs('notes')[0];
    assert.deepEqual(doc, { id: 'a', n: 1, other: 1 });
    assert.equal(await world.change('a'), undefined);
  });
}

test('412 where the other side wins a field: what is left is another payload under another key', async (t) => {
  const world = await scripted(t);
  const { clock, db, notes, sent, server } = world;
  const release = db.sync.hold('both');
  await notes.patch('a', { n: 1, m: 2 });
  await clock.advance(10_000);
  server.patch('notes', 'a', { n: 7 });
  release();
  await clock.advance(0);
  const [first, again] = sent.filter((one) => one.what.startsWith('PATCH'));
  assert.deepEqual([first.ifMatch, again?.ifMatch], ['1', '2']);
  assert.deepEqual([first.body, again.body], [{ n: 1, m: 2 }, { m: 2 }]);
  assert.notEqual(again.key, first.key);
  assert.deepEqual(
    world.told.map((one) => one.event),
    ['conflict', 'acknowledged'],
  );
  const { updatedAt, ...doc } = server.docs('notes')[0];
  assert.deepEqual(doc, { id: 'a', n: 7, m: 2 });
});

test('what an open conflict holds says so, whatever was said of it before, and says nothing of it afterwards', async (t) => {
  const world = await scripted(t, {}, { collections: { notes: { conflict: 'manual' } } });
  const { clock, db, notes, server, say } = world;
  say(/^PATCH/, lost);
  await notes.patch('a', { n: 1 });
  await clock.advance(0);
  assert.equal((await world.change('a')).code, 'NETWORK');
  server.patch('notes', 'a', { n: 7 });
  await clock.advance(1000);
  assert.deepEqual([(await world.change('a')).state, (await world.change('a')).code], ['conflict', 'CONFLICT']);
  const [conflict] = await db.conflicts.list();
  say(/^PATCH/, silent);
  await db.conflicts.resolve(conflict.conflictId, 'local');
  await clock.advance(0);
  assert.equal((await world.change('a')).code, undefined);
});

test('opaque failure of one change while the probe gets through: parked as NETWORK_BLOCKED at the fifth', async (t) => {
  const world = await scripted(t);
  const { clock, db, notes, sent, told, say } = world;
  say(/^PATCH notes\/a/, lost, 100);
  await notes.patch('a', { n: 1 });
  await notes.patch('b', { m: 1 });
  assert.ok(await clock.until(async () => (await world.change('a')).state === 'parked', 120_000));
  const tries = sent.filter((one) => one.what === 'PATCH notes/a');
  assert.deepEqual([tries.length, new Set(tries.map((one) => one.key)).size], [5, 1]);
  assert.deepEqual(
    [(await world.change('a')).code, (await world.change('a')).retryCount, await world.change('b')],
    ['NETWORK_BLOCKED', 0, undefined],
  );
  assert.equal(told.at(-1).event, 'parked');
  assert.ok(sent.filter((one) => one.what === 'GET _health').length >= 4);
  await clock.advance(DAY);
  assert.equal(sent.filter((one) => one.what === 'PATCH notes/a').length, 5);
  world.script.length = 0;
  await db.outbox.retry();
  await clock.advance(0);
  assert.equal(await world.change('a'), undefined);
});

test('a server out of reach parks nothing, however long it lasts', async (t) => {
  const world = await scripted(t);
  const { clock, notes, server, sent } = world;
  server.offline = true;
  await notes.patch('a', { n: 1 });
  await clock.advance(DAY);
  const { state, retryCount, code } = await world.change('a');
  assert.deepEqual([state, retryCount, code], ['waiting', 0, 'NETWORK']);
  assert.ok(sent.length > 500, 'it is asked once a minute');
  assert.equal(sent.filter((one) => one.what.startsWith('PATCH')).length, 1, 'by the probe, not by the change');
  server.offline = false;
  await clock.advance(61_000);
  assert.equal(await world.change('a'), undefined);
});

test("a problem type of the server that only ends like that of an adapter is the server's failure", async (t) => {
  const world = await scripted(t);
  const { clock, notes, say } = world;
  say(/^PATCH/, answer(500, problem('adapter-result')));
  await notes.patch('a', { n: 1 });
  await clock.advance(0);
  assert.equal((await world.change('a')).code, 'SERVER');
});

test('76: an answer nested 3,000 deep is RESPONSE_TOO_DEEP, for a change, a page and a document alone', async (t) => {
  const world = await scripted(t, { pullInterval: 60_000 });
  const { clock, db, notes, say } = world;
  const deep = `{"id":"a","x":${'['.repeat(3000)}${']'.repeat(3000)}}`;
  say(/^PATCH/, answer(200, deep));
  await notes.patch('a', { n: 1 });
  await clock.advance(0);
  assert.equal((await world.change('a')).code, 'RESPONSE_TOO_DEEP');
  await clock.advance(5000);
  assert.equal(await world.change('a'), undefined);
  say(/^GET notes\?/, answer(200, `{"items":[],"x":${deep},"checkpoint":"9","hasMore":false}`), 1);
  await db.sync.now();
  assert.equal(db.sync.status.error?.code, 'RESPONSE_TOO_DEEP');
  assert.equal((await notes.get('a')).n, 1);
  say(/^GET notes\/d/, answer(200, deep.replace('"a"', '"d"')), 1);
  const item = `{"id":"d","revision":"1","updatedAt":1,"doc":${deep.replace('"a"', '"d"')}}`;
  say(/^GET notes\?/, answer(200, `{"items":[${item}],"checkpoint":"9","hasMore":false}`), 1);
  await db.sync.now();
  assert.equal(db.sync.status.error?.code, 'RESPONSE_TOO_DEEP');
});

for (const [what, value, code] of [
  ['deeper than any store is sure to take', `${'['.repeat(600)}${']'.repeat(600)}`, 'RESPONSE_TOO_DEEP'],
  ['with a number beyond all numbers', '1e999', 'BAD_RESPONSE'],
  ['with a number of 400 digits', `-${'9'.repeat(400)}`, 'BAD_RESPONSE'],
]) {
  test(`a document in a page ${what} holds up no other one: it is asked for by itself, rarely, until it can be kept`, async (t) => {
    const world = await scripted(t, { pullInterval: 60_000, startDelay: 0 });
    const { clock, db, notes, sent, say } = world;
    const doc = (id, x) => `{"id":"${id}","x":${x},"text":"\\"1e999[["}`;
    const item = (id, x) => `{"id":"${id}","revision":"1","updatedAt":1,"doc":${doc(id, x)}}`;
    const items = [item('d', 1), item('e', value), item('f', '2.5e-3')];
    await clock.advance(1000);
    say(/^GET notes\?/, answer(200, `{"items":[${items}],"checkpoint":"9","hasMore":false}`), 1);
    say(/^GET notes\?/, answer(200, '{"items":[],"checkpoint":"9","hasMore":false}'), 1000);
    say(/^GET notes\/e/, answer(200, doc('e', value)), 20);
    say(/^GET notes\/e/, answer(200, doc('e', 3)), 1);
    await db.sync.now();
    assert.deepEqual(
      (await notes.getMany(['d', 'f'])).map((doc) => doc.x),
      [1, 0.0025],
    );
    assert.equal(await notes.get('e'), undefined, 'never with another value');
    assert.equal(db.sync.status.error?.code, code, 'the person is told');
    const before = sent.length;
    await clock.advance(600_000);
    assert.ok(sent.length - before <= 40, `${sent.length - before} requests in ten minutes`);
    await clock.until(async () => (await notes.get('e')) !== undefined);
    assert.equal((await notes.get('e')).x, 3);
  });
}
