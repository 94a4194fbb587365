// What is measured. A case says which store it needs (a fresh one for each repetition, or one with 10,000 documents for
// all of them), does its work and returns the time of one unit of it in microseconds. Goals are ratios of speed to raw:
// design section 14.

import { documents, some } from './documents.mjs';

const STORED = 10_000;
const TOGETHER = 50;
const RELAXED = 'relaxed';
const STRICT = 'strict';
let written = 0;

/** Fresh store, writes only. `docs` are new for each repetition. */
const writes = (durability) => [
  {
    id: `one-${durability}`,
    title: `one awaited write, ${durability}`,
    durability,
    goal: 0.85,
    docs: 100,
    run: (store, docs) => medianOf(docs.slice(20), (doc) => store.write(doc), docs.slice(0, 20)),
  },
  {
    id: `at-once-${durability}`,
    title: `1,000 writes at once, each acknowledged, ${durability}`,
    durability,
    goal: 2,
    docs: 1000,
    run: (store, docs) => timed(() => Promise.all(docs.map((doc) => store.write(doc)))),
  },
  {
    id: `bulk-${durability}`,
    title: `5,000 in one call, ${durability}`,
    durability,
    goal: 1,
    docs: 5000,
    run: (store, docs) => timed(() => store.writeMany(docs)),
  },
];

/** One store with 10,000 documents for all repetitions. */
const reads = [
  {
    id: 'get-memory',
    title: 'get again (memory, where there is one)',
    goal: 50,
    warm: 1500,
    run: (store, docs) => repeated(some(docs, TOGETHER, 1), (id) => store.get(id), 250),
  },
  {
    id: 'get-cold',
    title: 'get from the store, awaited one by one',
    goal: 0.85,
    run: (store, docs, seed) => medianOf(ids(docs, 200, seed), (id) => store.coldGet(id)),
  },
  {
    id: 'get-together',
    title: '50 gets from the store, awaited together',
    goal: 0.95,
    run: (store, docs, seed) =>
      medianOf(groups(docs, 20, seed), (group) => Promise.all(group.map((id) => store.coldGet(id)))),
  },
  {
    id: 'get-many',
    title: '50 documents in one getMany',
    run: (store, docs, seed) => medianOf(groups(docs, 20, seed), (group) => store.getMany(group)),
  },
  {
    id: 'query',
    title: 'indexed query, 100 of 10,000',
    goal: 0.85,
    run: (store, docs, seed) =>
      medianOf(some(docs, 40, seed), async ({ category }) => expect(await store.query(category), 100)),
  },
  {
    id: 'live',
    title: 'write until a live query of 100 tells it',
    run: async (store, docs, seed) => {
      const live = await store.live('category-7');
      const mine = docs.filter((doc) => doc.category === 'category-7');
      const time = await medianOf(some(mine, 20, seed), async (doc) => {
        const told = live.changed();
        // A write that changes nothing is rightly not told of.
        await store.write({ ...doc, price: ++written });
        await live.wrote();
        await told;
      });
      live.close();
      return time;
    },
  },
  {
    id: 'reopen',
    title: 'close, open again, get one of 10,000',
    run: (store, docs) =>
      timed(async () => {
        await store.reopen();
        expect([await store.get(docs[0].id)], 1);
      }),
  },
];

export const cases = [...writes(STRICT), ...writes(RELAXED), ...reads.map((one) => ({ ...one, durability: RELAXED }))];

/** The documents in every store of the reading cases. */
export const stored = () => documents(STORED, 7);

export async function fill(store, docs) {
  for (let at = 0; at < docs.length; at += 5000) await store.seed(docs.slice(at, at + 5000));
}

async function timed(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) * 1000;
}

/** The median time of one piece of work after another. */
async function medianOf(things, work, first = things.slice(0, 3)) {
  for (const thing of first) await work(thing);
  const times = [];
  for (const thing of things) {
    const start = performance.now();
    await work(thing);
    times.push((performance.now() - start) * 1000);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

/** The mean time of work too short for the clock, over a while. */
async function repeated(docs, work, milliseconds) {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < milliseconds) {
    for (const { id } of docs) await work(id);
    count += docs.length;
  }
  return ((performance.now() - start) * 1000) / count;
}

/** Keeps doing a case for a while, so that what learns has learned. */
export async function warmUp(one, store, docs) {
  const until = performance.now() + (one.warm ?? 0);
  while (performance.now() < until) await one.run(store, docs, 99);
}

function ids(docs, count, seed) {
  return some(docs, count, seed).map((doc) => doc.id);
}

function groups(docs, count, seed) {
  return Array.from({ length: count }, (_, at) => ids(docs, TOGETHER, seed * 1000 + at));
}

function expect(found, length) {
  if (found.length !== length || found.includes(undefined)) throw new Error(`found ${found.length} of ${length}`);
}
