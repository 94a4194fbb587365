// What the app feels while much is pulled: awaited writes and reads, one at a time with a pause between them, in the
// page that pulls. Times in microseconds, for the same work without a pull too.

const PAUSE = 50;
/** How long the work goes on where nothing is pulled, in milliseconds. */
const ALONE = 5000;
const COLLECTIONS = { items: { indexes: ['category'] }, notes: { indexes: ['category'] } };

/** One run. `pulls` says whether the collection `items` is pulled meanwhile; gives what was measured. */
export async function foreground(seakeep, { name, url, durability, pulls }) {
  const options = { collections: COLLECTIONS, durability, persist: false, sync: { url, auto: false } };
  const db = await seakeep.open(name, options);
  const [items, notes] = [db.collection('items'), db.collection('notes')];
  const times = { write: [], beside: [], get: [] };
  let over = false;
  const end = () => {
    over = true;
  };
  const begun = performance.now();
  const pulled = pulls ? db.sync.now({ collection: 'items', push: false }).finally(end) : pause(ALONE).then(end);
  for (let n = 0; !over; n++) {
    const doc = { category: `category-${n % 100}`, text: 'x'.repeat(200), n };
    await timed(times.write, () => notes.put({ ...doc, id: `n${n % 50}` }));
    await timed(times.beside, () => items.put({ ...doc, id: `own${n}` }));
    await timed(times.get, () => notes.get(`n${n % 50}`, { fresh: true }));
    await pause(PAUSE);
  }
  const took = performance.now() - begun;
  await pulled;
  const count = (await items.count()) - times.beside.length;
  await db.close();
  await seakeep.destroy(name, { discardPending: true });
  return { times, took, count };
}

async function timed(times, work) {
  const start = performance.now();
  await work();
  times.push((performance.now() - start) * 1000);
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
