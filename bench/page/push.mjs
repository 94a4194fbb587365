// 1,000 changes to a server: by the outbox, and by a loop of fetches that does nothing else. Milliseconds from the start of
// sending to the last result.

import { counting } from './requests.mjs';

/** One run of one of the two. */
export async function push(seakeep, { who, ...given }) {
  return who === 'loop' ? loop(given) : outbox(seakeep, given);
}

function document(n, who) {
  return { id: `${who}${String(n).padStart(6, '0')}`, title: `Title of ${n}`, price: n, text: 'x'.repeat(180) };
}

/** Batches with what the profile asks for, each result looked at. */
async function loop({ url, name, changes, batch, concurrency }) {
  const batches = [];
  for (let at = 0; at < changes; at += batch) {
    const member = (_, i) => {
      const key = `${name}-${at + i}`;
      const { id, ...doc } = document(at + i, 'l');
      return { mutationId: key, idempotencyKey: key, collection: 'items', id, kind: 'create', doc: { id, ...doc } };
    };
    batches.push(Array.from({ length: Math.min(batch, changes - at) }, member));
  }
  const send = async (list) => {
    const body = JSON.stringify({ changes: list, atomic: false });
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const response = await fetch(`${url}/_batch`, { method: 'POST', headers, body, cache: 'no-store' });
    const { results } = await response.json();
    if (results.some(({ status }) => status !== 201)) throw new Error('a change was not taken');
  };
  const start = performance.now();
  const worker = async () => {
    for (let next = batches.shift(); next !== undefined; next = batches.shift()) await send(next);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return performance.now() - start;
}

/** The first pull has been made, and the outbox is filled while sync is held. */
async function outbox(seakeep, { url, name, changes, batch, concurrency, counted = false }) {
  const rest = { batch: true, health: false };
  const sync = { url, rest, concurrency, batchSize: batch, pullInterval: 0, startDelay: 0, timeout: 60_000 };
  const db = await seakeep.open(name, { collections: { items: {} }, persist: false, sync });
  const items = db.collection('items');
  await db.sync.now();
  const release = db.sync.hold('filling');
  const write = await items.putMany(Array.from({ length: changes }, (_, n) => document(n, 's')));
  const send = async () => {
    const start = performance.now();
    release();
    await write.synced;
    return performance.now() - start;
  };
  const took = counted ? await counting(send) : await send();
  if ((await db.outbox.count()) !== 0) throw new Error('the outbox is not empty');
  await db.close();
  await seakeep.destroy(name);
  return took;
}
