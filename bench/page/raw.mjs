// Raw IndexedDB, written by hand and written well: document and change row in one transaction, one explicit commit,
// acknowledged at `complete`, the durability asked for, index queries in one request. It has no memory, no group commit
// and no outbox beyond the row itself: that is what it is compared for.

import { changeOf } from './documents.mjs';

const BOTH = ['documents', 'changes'];

export async function open(name, { durability }) {
  let db = await connect(name);
  const options = { durability };

  const written = (fill) =>
    new Promise((resolve, reject) => {
      const tx = db.transaction(BOTH, 'readwrite', options);
      tx.oncomplete = () => resolve();
      tx.onabort = () => reject(tx.error);
      fill(tx.objectStore('documents'), tx.objectStore('changes'));
      tx.commit();
    });
  const store = () => db.transaction('documents', 'readonly').objectStore('documents');
  const get = (id) => answered(store().get(id));
  const query = (category) => answered(store().index('category').getAll(category));

  return {
    write: (doc) =>
      written((documents, changes) => {
        documents.put(doc);
        changes.add(changeOf(doc));
      }),
    writeMany: (docs) =>
      written((documents, changes) => {
        for (const doc of docs) {
          documents.put(doc);
          changes.add(changeOf(doc));
        }
      }),
    seed: (docs) =>
      written((documents) => {
        for (const doc of docs) documents.put(doc);
      }),
    get,
    coldGet: get,
    getMany(ids) {
      const documents = store();
      return Promise.all(ids.map((id) => answered(documents.get(id))));
    },
    query,
    /** Nothing tells of changes here: whoever wrote asks again. */
    live: (category) => {
      let waiting;
      return {
        changed: () =>
          new Promise((resolve) => {
            waiting = resolve;
          }),
        wrote: async () => waiting(await query(category)),
        close: () => undefined,
      };
    },
    async reopen() {
      db.close();
      db = await connect(name);
    },
    async close() {
      db.close();
      await answered(indexedDB.deleteDatabase(name));
    },
  };
}

function connect(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('documents', { keyPath: 'id' }).createIndex('category', 'category');
    request.result.createObjectStore('changes', { keyPath: 'seq', autoIncrement: true });
  };
  return answered(request);
}

function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
