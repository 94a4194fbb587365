// What tests reach inside a page: the package, a database opened with short times, the events it told, the rows of a
// live query, and the stored records as IndexedDB itself gives them.

import * as seakeep from './seakeep/index.js';

const SHORT = {
  startDelay: 0,
  interval: 1000,
  pullInterval: 1000,
  backoff: { base: 100, factor: 2, max: 400, jitter: 'none' },
};
const EVENTS = [
  ...['started', 'completed', 'failed', 'acknowledged', 'retrying', 'parked', 'rejected', 'conflict', 'resolved'],
  ...['pulled', 'network', 'leader', 'auth-required', 'captive-portal', 'update-required'],
  ...['breaker', 'unknown-results'],
];

/** Opens `window.db`; `sync: null` for a local one, `short: false` for the package's own times. */
async function begin({ name = 'e2e', collections, sync, short = true, ...rest } = {}) {
  const url = new URL('/api', location.href).href;
  window.db = await seakeep.open(name, {
    collections: collections ?? { assistants: { indexes: ['category', 'name'] } },
    ...(sync !== null && { sync: { url, ...(short && SHORT), ...sync } }),
    ...rest,
  });
  window.storedName = name;
  if (collections === undefined || 'assistants' in collections) window.assistants = window.db.collection('assistants');
  for (const event of EVENTS) window.db.sync.on(event, (detail) => window.seen.push({ event, detail, at: Date.now() }));
}

/** Follows a live query into `window.views`, newest last. */
function watch(collection = window.assistants, query) {
  window.views = [];
  window.live = collection.live(query);
  window.live.subscribe(({ rows, loaded, complete }) => {
    const shown = rows.map(({ key, id, state, doc }) => ({ key, id, state, doc: structuredClone(doc) }));
    window.views.push({ rows: shown, loaded, complete, at: performance.now() });
  });
}

/** What became of a call, as plain data. */
async function outcome(work) {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: errorOf(error) };
  }
}

function errorOf(error) {
  const { code, message, userMessage, fields, path, parked, status, retryable, hint } = error;
  return {
    ours: seakeep.isSeakeepError(error),
    code,
    message,
    userMessage,
    fields,
    path,
    parked,
    status,
    retryable,
    hint,
  };
}

/** How `write.synced` ends, as it stands now. */
function follow(write) {
  const followed = { id: write.id, mutationId: write.mutationId };
  write.synced.then(
    (synced) => Object.assign(followed, { synced }),
    (error) => Object.assign(followed, { error: errorOf(error) }),
  );
  window.followed.push(followed);
  return followed;
}

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });

/** All records of a store, through an own connection. */
async function raw(store, name = window.storedName) {
  const connection = await settled(indexedDB.open(name));
  try {
    return await settled(connection.transaction(store).objectStore(store).getAll());
  } finally {
    connection.close();
  }
}

/** A database as older code would have made it: stores by name, with a key path and documents. */
async function older(name, version, stores) {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => {
    for (const [store, { keyPath, docs }] of Object.entries(stores)) {
      const made = request.result.createObjectStore(store, { keyPath });
      for (const doc of docs) made.add(doc);
    }
  };
  (await settled(request)).close();
}

Object.assign(window, { seakeep, begin, watch, outcome, follow, raw, older, seen: [], followed: [], views: [] });
