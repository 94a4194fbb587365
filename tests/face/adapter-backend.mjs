// A back end in memory behind an adapter, and a database in memory that syncs with it.

import { until } from './modules.mjs';
import { seakeep } from './package.mjs';

const TIMES = {
  startDelay: 0,
  interval: 1000,
  pullInterval: 0,
  backoff: { base: 10, max: 40, jitter: 'none' },
  timeout: 1000,
};
let made = 0;

/** A back end in memory behind an adapter; `twist` replaces its functions. */
export function backend(twist = {}) {
  const docs = new Map();
  const results = new Map();
  const log = [];
  const seen = { pushes: [], pulls: [], contexts: [] };
  let revision = 0;
  const store = (collection, id, doc) => {
    revision += 1;
    docs.set(`${collection}/${id}`, { id, revision: `r${revision}`, doc });
    log.push({ collection, id });
    return { revision: `r${revision}` };
  };
  const execute = (change) => {
    const { collection, kind, mutationId } = change;
    const before = docs.get(`${collection}/${change.id}`);
    if (kind === 'create') {
      const id = change.id.startsWith('pending-') ? `s${docs.size + 1}` : change.id;
      return { mutationId, status: 'ok', id, ...store(collection, id, { ...change.doc, id }) };
    }
    if (before?.doc === undefined) return { mutationId, status: 'conflict', doc: null };
    if (change.revision !== before.revision)
      return { mutationId, status: 'conflict', doc: before.doc, revision: before.revision };
    if (kind === 'delete') return { mutationId, status: 'ok', ...store(collection, change.id, undefined) };
    const doc = { ...(change.doc ?? before.doc), ...change.changes, id: change.id };
    for (const [field, value] of Object.entries(change.changes ?? {})) if (value === null) delete doc[field];
    return { mutationId, status: 'ok', doc, ...store(collection, change.id, doc) };
  };
  const adapter = {
    async push(changes, context) {
      seen.pushes.push(changes);
      seen.contexts.push(context);
      return changes.map((change) => {
        if (!results.has(change.idempotencyKey)) results.set(change.idempotencyKey, execute(change));
        const result = results.get(change.idempotencyKey);
        if (result.status !== 'ok') results.delete(change.idempotencyKey);
        return result;
      });
    },
    async pull({ collection, checkpoint = 0, limit }, context) {
      seen.pulls.push({ collection, checkpoint, limit });
      seen.contexts.push(context);
      const of = log.slice(checkpoint, checkpoint + limit);
      const page = of
        .filter((one) => one.collection === collection)
        .map(({ id }) => {
          const { revision, doc } = docs.get(`${collection}/${id}`);
          return doc === undefined ? { id, revision, deleted: true } : { id, revision, doc };
        });
      return { docs: page, checkpoint: checkpoint + of.length, hasMore: checkpoint + of.length < log.length };
    },
  };
  return { adapter: { ...adapter, ...twist }, honest: adapter, docs, seen, store };
}

/** Opens a database over it. */
export async function start(adapter, options = {}) {
  made += 1;
  const log = [];
  const db = await seakeep.open(`adapter-${made}`, {
    storage: 'memory',
    collections: { notes: {}, 'odd names/%': { path: 'a/b' } },
    log: (entry) => log.push(entry),
    sync: { adapter, ...TIMES, ...options },
  });
  return {
    db,
    notes: db.collection('notes'),
    log,
    warnings: () => log.filter((one) => one.scope === 'adapter').map((one) => one.message),
  };
}

/** A page that was made before an answer and comes after it is not the last word on what was answered. */
export async function lateNews({ adapter, honest, docs, store }, { db, notes }) {
  store('notes', 'n1', { id: 'n1', n: 2 });
  let release;
  adapter.pull = async (...args) => {
    const page = await honest.pull(...args);
    if (args[0].collection !== 'notes') return page;
    await new Promise((resolve) => {
      release = resolve;
    });
    adapter.pull = honest.pull;
    return page;
  };
  const pulling = db.sync.now({ push: false });
  await until(() => release !== undefined);
  docs.set('notes/n1', { ...docs.get('notes/n1'), revision: 'r1' });
  await (await notes.patch('n1', { mine: true })).synced;
  release();
  await pulling;
}
