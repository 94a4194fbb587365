// An engine's client in a few lines, for unit tests of the face alone: documents in a Map, no server, events when the
// test says so. It proves nothing about the engine.

/** A client whose events go to `emit` (a fresh task, as the contract says). */
export function fakeClient(emit = () => {}) {
  const stores = new Map();
  const settings = new Map();
  const calls = {};
  let number = 0;
  let mark = 0;
  let closed = false;
  const store = (name) => stores.get(name) ?? stores.set(name, new Map()).get(name);
  const copy = (value) => (value === undefined ? undefined : structuredClone(value));
  const fail = (code) => {
    throw { code, message: `refused: ${code}`, retryable: false, at: Date.now() };
  };
  const later = (...events) => setTimeout(() => emit(events), 0);

  function apply(op) {
    const docs = store(op.collection);
    const before = docs.get(op.id);
    if (op.kind === 'add' && before !== undefined) fail('ALREADY_EXISTS');
    if ((op.kind === 'patch' || op.kind === 'remove') && before === undefined) fail('NOT_FOUND');
    const id = op.id || `pending-${Date.now()}-${++number}`;
    const doc = op.kind === 'remove' ? undefined : result(op, before, id);
    if (doc === undefined) docs.delete(id);
    else docs.set(id, doc);
    mark++;
    return { id, key: id, doc, mutationId: op.local ? undefined : `m${++number}` };
  }
  function result(op, before, id) {
    if (op.kind !== 'patch') return { ...op.doc, id };
    const doc = { ...before, ...op.set };
    for (const field of op.unset) delete doc[field];
    for (const [field, by] of Object.entries(op.inc)) doc[field] = (doc[field] ?? 0) + by;
    return doc;
  }
  const matches = (doc, { path, op, value }) =>
    ({
      eq: doc[path] === value,
      in: op === 'in' && value.includes(doc[path]),
      gt: doc[path] > value,
      gte: doc[path] >= value,
      lt: doc[path] < value,
      lte: doc[path] <= value,
      startsWith: String(doc[path]).startsWith(value),
    })[op];
  const found = (name, query) => {
    const docs = [...store(name).values()].filter((doc) => query.where.every((one) => matches(doc, one)));
    return docs.slice(0, query.limit).map(copy);
  };

  const methods = {
    async write(ops) {
      const outcomes = ops.map(apply);
      const changes = outcomes.map(({ id, key, doc }, i) => ({ collection: ops[i].collection, id, key, doc }));
      later({ type: 'changes', own: true, changes });
      return outcomes;
    },
    get: async (name, id) => copy(store(name).get(id)),
    getMany: async (name, ids) => ids.map((id) => copy(store(name).get(id))),
    query: async (name, query) => found(name, query),
    rows: async (name, query) => ({
      rows: found(name, query).map((doc) => ({ id: doc.id, key: doc.id, doc, state: 'pending' })),
      complete: true,
    }),
    news: () => [],
    sift: (_name, query, docs) => docs.slice(0, query.limit),
    count: async (name, query) => found(name, query).length,
    meta: async () => undefined,
    now: async () => ({ pushed: 0, pulled: 0, conflicts: 0, parked: 0, failed: 0, durationMs: 0, results: [] }),
    start() {},
    stop() {},
    hold: () => ++number,
    release() {},
    schedule: () => ++number,
    unschedule() {},
    stats: async () => ({}),
    resetStats: async () => ({}),
    auditList: async () => [],
    pendingList: async () => [],
    pendingCount: async () => 0,
    retry: async () => 0,
    async discard() {},
    async edit() {},
    cancel: async () => 1,
    settingGet: async (key) => settings.get(key),
    async settingSet(key, value) {
      settings.set(key, value);
      later({ type: 'setting', key });
    },
    async settingRemove(key) {
      settings.delete(key);
      later({ type: 'setting', key });
    },
    mark: async () => String(mark),
    about: () => ({ storeId: 'fake', clockOffset: 0 }),
    async close() {
      closed = true;
    },
  };
  const client = {};
  for (const [name, method] of Object.entries(methods)) {
    client[name] = (...args) => {
      calls[name] = (calls[name] ?? 0) + 1;
      return method(...args);
    };
  }
  return Object.assign(client, {
    calls,
    isClosed: () => closed,
    /** Another tab writes, and nobody is told. */
    elsewhere(name, doc) {
      store(name).set(doc.id, copy(doc));
      mark++;
    },
  });
}

/** Stands in for the generated module in a build made for trying the face without the engine. */
export const fakeModule = {
  default: async () => {},
  buildId: () => '',
  openClient: async (_config, hooks) => fakeClient((events) => hooks.events(events)),
  destroyDatabase: async () => {},
};
