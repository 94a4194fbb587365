// The built package as Node gets it, with the real module. SEAKEEP_ENTRY names another build to test.

const entry = process.env.SEAKEEP_ENTRY ?? new URL('../../dist/node.js', import.meta.url).href;

export const seakeep = await import(entry);

let number = 0;

/** A fresh database in memory with a collection `notes` that holds one document, `a`. */
export async function notes(options = {}) {
  const db = await seakeep.open(`notes-${++number}`, { collections: { notes: {} }, storage: 'memory', ...options });
  const collection = db.collection('notes');
  await collection.put({ id: 'a', text: 'first', n: 1 });
  return { db, collection };
}

/** What a call rejects or throws with; fails when it does neither. */
export async function failure(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('expected a failure');
}
