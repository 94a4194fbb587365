// Seakeep as built, through its public surface. A server is named that nothing is ever sent to (`auto: false`), so that
// each write leaves its change in the outbox: the same work as the others do. Options as they come otherwise.

const NOWHERE = 'http://127.0.0.1:9/';

/** The contender of a build of the package. */
export function contender(seakeep) {
  return { open: (name, { durability }) => open(seakeep, name, durability) };
}

async function open(seakeep, name, durability) {
  let { db, collection } = await connect(seakeep, name, durability);

  return {
    write: (doc) => collection.put(doc),
    writeMany: (docs) => collection.putMany(docs),
    seed: (docs) => collection.putMany(docs, { local: true }),
    get: (id) => collection.get(id),
    coldGet: (id) => collection.get(id, { fresh: true }),
    /** More than memory holds, so that the store answers. */
    getMany: (ids) => collection.getMany(ids),
    query: (category) => collection.query({ where: { category } }),
    async live(category) {
      const live = collection.live({ where: { category } });
      let told;
      const first = new Promise((resolve) => {
        told = resolve;
      });
      const stop = live.subscribe((result) => void (result.loaded && told(result.rows)));
      await first;
      return {
        changed: () =>
          new Promise((resolve) => {
            told = resolve;
          }),
        wrote: () => undefined,
        close() {
          stop();
          live.close();
        },
      };
    },
    async reopen() {
      await db.close();
      ({ db, collection } = await connect(seakeep, name, durability));
    },
    async close() {
      await db.close();
      await seakeep.destroy(name, { discardPending: true });
    },
  };
}

async function connect(seakeep, name, durability) {
  const db = await seakeep.open(name, {
    collections: { documents: { indexes: ['category'] } },
    sync: { url: NOWHERE, auto: false },
    persist: false,
    durability,
  });
  return { db, collection: db.collection('documents') };
}
