// Dexie doing the same work as an app would write it with Dexie: document and change row in one transaction, bulk calls
// for many, liveQuery for standing queries. Options as they come, but for the durability.

import Dexie, { liveQuery } from 'dexie';
import { changeOf } from './documents.mjs';

export async function open(name, { durability }) {
  let db = await connect(name, durability);

  const written = (fill) => db.transaction('rw', db.documents, db.changes, fill);
  const get = (id) => db.documents.get(id);
  const query = (category) => db.documents.where('category').equals(category).toArray();

  return {
    write: (doc) => written(() => Promise.all([db.documents.put(doc), db.changes.add(changeOf(doc))])),
    writeMany: (docs) =>
      written(() => Promise.all([db.documents.bulkPut(docs), db.changes.bulkAdd(docs.map(changeOf))])),
    seed: (docs) => db.documents.bulkPut(docs),
    get,
    coldGet: get,
    getMany: (ids) => db.documents.bulkGet(ids),
    query,
    async live(category) {
      let told;
      const first = new Promise((resolve) => {
        told = resolve;
      });
      const subscription = liveQuery(() => query(category)).subscribe((rows) => told(rows));
      await first;
      return {
        changed: () =>
          new Promise((resolve) => {
            told = resolve;
          }),
        wrote: () => undefined,
        close: () => subscription.unsubscribe(),
      };
    },
    async reopen() {
      db.close();
      db = await connect(name, durability);
    },
    close: () => db.delete(),
  };
}

async function connect(name, chromeTransactionDurability) {
  const db = new Dexie(name, { chromeTransactionDurability });
  db.version(1).stores({ documents: 'id, category', changes: '++seq' });
  return db.open();
}
