// The page of the benchmarks: raw IndexedDB, Dexie and Seakeep side by side. One repetition of a case runs all of them,
// each time in another order, so that whatever slows the machine for a while slows none of them alone. Databases are
// removed after a case, never while one is measured. Driven from outside through `bench`.

import { cases, fill, stored, warmUp } from './cases.mjs';
import * as dexie from './dexie.mjs';
import { documents } from './documents.mjs';
import { foreground } from './foreground.mjs';
import { push } from './push.mjs';
import * as raw from './raw.mjs';
import { counting } from './requests.mjs';
import { contender } from './seakeep.mjs';

const seakeep = await import('/dist/index.js');
const contenders = { raw, dexie, seakeep: contender(seakeep) };
const other = await import('/other/index.js');
if (other.open !== undefined) contenders.other = contender(other);
const keep = new Map();
let number = 0;

globalThis.bench = {
  cases: cases.map(({ id, title, goal }) => ({ id, title, goal })),
  contenders: Object.keys(contenders),

  /** Times in microseconds by contender: one for each repetition. */
  async run(id, repetitions, names = Object.keys(contenders)) {
    const one = cases.find((known) => known.id === id);
    const times = Object.fromEntries(names.map((name) => [name, []]));
    const measure = one.docs === undefined ? onStored : onFresh;
    const open = await measure(one, names);
    for (let at = 0; at < repetitions; at++) {
      for (const name of rotated(names, at)) times[name].push(await open.once(name, at + 1));
    }
    await open.done();
    return times;
  },

  /** One repetition of one contender, with every call of IndexedDB counted. */
  async count(id, name) {
    const one = cases.find((known) => known.id === id);
    const open = await (one.docs === undefined ? onStored : onFresh)(one, [name]);
    const counts = await counting(() => open.once(name, 1));
    await open.done();
    return counts;
  },

  /** Writes and reads beside a pull, or without one. */
  foreground: (options) => foreground(seakeep, options),

  /** Queued changes to a server, by the outbox or by a bare loop. */
  push: (options) => push(seakeep, options),
};

/** A fresh store for each repetition. */
async function onFresh(one) {
  const opened = [];
  const once = async (name, seed) => {
    const store = await contenders[name].open(`${one.id}-${name}-${++number}`, one);
    opened.push(store);
    await store.write({ ...documents(1, 4)[0], id: 'first' });
    const docs = documents(one.docs, seed * 100 + 5);
    await quiet();
    return one.run(store, docs);
  };
  const done = async () => {
    for (const store of opened) await store.close();
    await pause(200);
  };
  return { once, done };
}

/** The stores with 10,000 documents, made at their first use and kept. */
async function onStored(one, names) {
  const docs = stored();
  for (const name of names) {
    if (!keep.has(name)) {
      keep.set(name, await contenders[name].open(`stored-${name}-${++number}`, one));
      await fill(keep.get(name), docs);
    }
    await warmUp(one, keep.get(name), docs);
  }
  const once = async (name, seed) => {
    await quiet();
    return one.run(keep.get(name), docs, seed);
  };
  return { once, done: () => pause(50) };
}

function rotated(names, at) {
  const shift = at % names.length;
  return [...names.slice(shift), ...names.slice(0, shift)];
}

/** What the last contender left does not run on the next one's time. */
async function quiet() {
  globalThis.gc?.();
  await pause(60);
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

document.body.dataset.ready = 'yes';
