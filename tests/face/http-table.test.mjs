// The HTTP table (SPEC, section 8) row by row on the real module: what an answer does to the change, to its lane and to
// the others, what the app is told, and what leaves next under which key and guard. Each answer of a status is played
// alone and, where it can be one, as the result of a member of a batch.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY, KINDS, ROWS } from './http-rows.mjs';
import { answer, START, scripted } from './scripted.mjs';

for (const row of ROWS) {
  for (const status of row.answers ?? [undefined]) {
    const name = `${row.row}${status === undefined ? '' : `: ${status}`} on ${row.kind ?? 'update'}`;
    test(name, (t) => alone(t, row, status));
    if (row.batch !== false) test(`${name}, in a batch`, (t) => inBatch(t, row, status));
  }
}

async function alone(t, row, status) {
  const kind = KINDS[row.kind ?? 'update'];
  const world = await scripted(t);
  const { clock, notes, sent } = world;
  const path = new RegExp(`^${kind.method} notes`);
  const made = row.make?.();
  world.say(path, typeof made === 'function' ? made : (made ?? answer(status, row.body, row.headers)));
  const write = await kind.write(notes);
  const id = write.id ?? kind.id;
  await clock.advance(0);
  const [first] = sent;
  assert.deepEqual([first.what.split(' ')[0], first.ifMatch], [kind.method, kind.guard]);
  if (row.late === undefined) await notes.patch('b', { m: 1 });
  else await later(world, row.late);
  await clock.advance(0);
  await holds(world, row, id, sent.length === 1 ? 'endpoint' : undefined);
  await goesOn(world, row, first, id);
}

/** Others get through while nothing comes for this one. */
async function later({ clock, notes }, milliseconds) {
  await clock.advance(milliseconds - 1);
  await notes.patch('b', { m: 1 });
  await clock.advance(1);
}

/** The change, what was told of it, and who waits with it. */
async function holds(world, row, id, holding) {
  const { clock, db, told } = world;
  const change = await world.change(id);
  const own = told.filter(({ event, detail }) => detail?.id !== 'b' || event === 'breaker');
  assert.deepEqual(
    own.map((one) => one.event),
    row.events,
  );
  if (row.state === undefined) return assert.equal(change, undefined);
  assert.deepEqual([change.state, change.retryCount], [row.state, row.counted]);
  if (row.code !== undefined) assert.equal(change.code, row.code);
  const [pending] = (await db.outbox.list()).filter((one) => one.id === id);
  if (row.fields) assert.deepEqual(pending.lastError.fields, { n: 'is wrong' });
  if (row.state === 'parked') assert.doesNotMatch(pending.lastError.userMessage, /tried again|sent later/);
  const text = JSON.stringify([pending.lastError, told.map((one) => one.detail?.error)]);
  assert.ok(!text.includes('canary'), text);
  if (row.holds === 'endpoint') assert.equal(holding, 'endpoint', 'the others wait too');
  else assert.equal(await world.change('b'), undefined, 'the others do not wait');
  if (row.status !== undefined) assert.equal(db.sync.status.state, row.status);
  if (typeof row.after !== 'number' || row.after === Infinity) return;
  const retrying = told.find((one) => one.event === 'retrying');
  const due = retrying.detail.nextAttemptAt - clock.now();
  assert.equal(due, row.after, 'the event says when');
  assert.equal(db.sync.status.nextAttemptAt - clock.now(), row.after, 'so does the status');
  if (row.holds === 'lane') assert.equal(change.pause, row.after, 'and the row');
}

/** What leaves next: when, and under which key and guard; everything arrives in the end. */
async function goesOn(world, row, first, id) {
  const { clock, db, sent, server } = world;
  const before = sent.length;
  const began = clock.now();
  const again = () => sent.slice(before).find((one) => one.key === first.key);
  if (row.state === undefined) return assert.equal(await clock.until(again, DAY), false, 'nothing leaves again');
  if (row.state === 'conflict') return;
  if (row.state === 'parked' || row.after === Infinity) {
    assert.equal(await clock.until(again, 2 * DAY), false, 'it waits for a person');
    if (row.after === Infinity) return;
    await db.outbox.retry();
  }
  assert.ok(await clock.until(again, 2 * DAY), 'it leaves again');
  const [least, most] = [row.after ?? 0].flat();
  if (row.after !== undefined) {
    const passed = sent.slice(before)[0].at + START - began;
    assert.ok(passed >= least && passed <= (most ?? least), `${passed} ms, not ${row.after}`);
  }
  const repeat = again();
  assert.deepEqual([repeat.what, repeat.ifMatch, repeat.body], [first.what, first.ifMatch, first.body]);
  await clock.advance(5000);
  assert.equal(await world.change(id), undefined);
  assert.equal(server.docs('notes').find((doc) => doc.id === 'b').m, 1);
}

async function inBatch(t, row, status) {
  const kind = KINDS[row.kind ?? 'update'];
  const world = await scripted(t, { rest: { batch: true } });
  const { clock, db, notes, sent } = world;
  const release = db.sync.hold('both');
  world.say(/^POST _batch/, (request) => {
    const results = request.body.changes.map(({ mutationId, id }) => {
      if (id === 'b') return { mutationId, status: 204, revision: '2' };
      const said = status < 300 ? { doc: row.body, id: row.body?.id } : { problem: row.body };
      const seconds = row.headers?.['retry-after'];
      return { mutationId, status, ...said, ...(seconds && { retryAfter: Number(seconds) }) };
    });
    return answer(200, { results });
  });
  const write = await kind.write(notes);
  await notes.patch('b', { m: 1 });
  release();
  await clock.advance(0);
  const change = await world.change(write.id ?? kind.id);
  assert.equal(sent[0].what, 'POST _batch');
  assert.equal(sent[0].body.changes.length, 2);
  assert.equal(await world.change('b'), undefined, 'the result of another member is its own');
  if (row.state === undefined) return assert.equal(change, undefined);
  assert.deepEqual([change.state, change.retryCount], [row.state, row.counted]);
  if (row.code !== undefined) assert.equal(change.code, row.code);
  const state = row.passed ?? row.status;
  if (state !== undefined) assert.equal(db.sync.status.state, state);
}
