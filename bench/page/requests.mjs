// Counts what some work asks of IndexedDB: transactions by mode and durability, requests by name, commits. It replaces
// the prototypes' methods while it counts; nothing is measured at the same time.

const REQUESTS = {
  IDBObjectStore: ['get', 'getKey', 'getAll', 'getAllKeys', 'getAllRecords', 'put', 'add', 'delete', 'count'],
  IDBIndex: ['get', 'getKey', 'getAll', 'getAllKeys', 'getAllRecords', 'count'],
};
const CURSORS = ['openCursor', 'openKeyCursor'];

/** What was asked while `work` ran, by what and where. */
export async function counting(work) {
  const counts = {};
  const seen = (what) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const restore = [
    replace(IDBDatabase.prototype, 'transaction', (stores, mode, options) =>
      seen(`transaction ${mode ?? 'readonly'} ${options?.durability ?? ''} on ${[stores].flat().length} stores`),
    ),
    replace(IDBTransaction.prototype, 'commit', () => seen('commit')),
    ...Object.entries(REQUESTS).flatMap(([type, methods]) =>
      [...methods, ...CURSORS]
        .filter((method) => method in globalThis[type].prototype)
        .map((method) => replace(globalThis[type].prototype, method, (_1, _2, self) => seen(`${self.name}.${method}`))),
    ),
  ];
  try {
    await work();
  } finally {
    for (const undo of restore) undo();
  }
  return counts;
}

function replace(prototype, method, note) {
  const original = prototype[method];
  prototype[method] = function (...args) {
    note(args[0], args[1], method === 'transaction' ? args[2] : this);
    return original.apply(this, args);
  };
  return () => {
    prototype[method] = original;
  };
}
