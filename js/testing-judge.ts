/**
 * What a replay finds wrong in the end: changes that are stuck, devices that differ, writes that are gone.
 *
 * Judges documents by what was written to them, and says what is wrong in one sentence; looks at nothing else.
 */

import type { Database } from './types.js';

/** A document of the app. */
// biome-ignore lint/suspicious/noExplicitAny: the documents are the app's own.
export type Doc = { [field: string]: any };
/** One of the devices. */
export interface Device {
  name: string;
  db: Database | undefined;
  online: boolean;
}
/** What was written to one document. */
export interface History {
  collection: string;
  /** By field: the last value of each device that wrote it, and every value. */
  fields: Map<string, { last: Map<number, string>; all: Set<string> }>;
  removed: boolean;
}

/** A change that did not get to the server, and does not wait for a person's choice. */
export async function stuck(devices: Device[]): Promise<string | undefined> {
  for (const [at, { db }] of devices.entries()) {
    const rows = (await db?.outbox.list()) ?? [];
    const open = new Set(rows.filter((one) => one.state === 'conflict').map((one) => one.id));
    const row = rows.find((one) => !open.has(one.id));
    if (row === undefined) continue;
    const why = row.lastError?.code ?? 'no error';
    return `device ${at}: a change of ${row.collection}/${row.id} is ${row.state} in the end (${why})`;
  }
  return undefined;
}

/** Documents of a collection that are not the same everywhere. */
export async function disagreement(name: string, docs: Doc[], devices: Device[]): Promise<string | undefined> {
  const there = new Map(docs.map((doc) => [String(doc.id), doc]));
  for (const [at, { db }] of devices.entries()) {
    const open = new Set((await db?.outbox.list())?.map((row) => row.id));
    const here: Doc[] = (await db?.collection(name).query()) ?? [];
    const missing = [...there.keys()].find((id) => !open.has(id) && !here.some((doc) => doc.id === id));
    if (missing !== undefined) return `device ${at} does not have ${name}/${missing}`;
    for (const doc of here.filter((one) => !open.has(one.id))) {
      const other = there.get(doc.id);
      if (other === undefined) return `device ${at} has ${name}/${doc.id}, the server does not`;
      if (!same(doc, other)) return `${name}/${doc.id} is not the same on device ${at} and on the server`;
    }
  }
  return undefined;
}

/** What was written to a collection and is not there. */
export function loss(name: string, docs: Doc[], histories: Map<string, History>): string | undefined {
  for (const [tag, history] of histories) {
    if (history.collection !== name || history.removed) continue;
    const found = docs.filter((doc) => doc.tag === tag);
    if (found.length !== 1) return `${name} ${tag} is ${found.length} times on the server`;
    const wrong = lost(found[0] as Doc, history);
    if (wrong !== undefined) return `${name} ${tag}: ${wrong}`;
  }
  return undefined;
}

/** A field that only one device wrote has its last value; one that both wrote has one of theirs. */
function lost(doc: Doc, history: History): string | undefined {
  for (const [field, { last, all }] of history.fields) {
    const now = JSON.stringify(doc[field]) ?? 'removed';
    const fits = last.size === 1 ? last.values().next().value === now : all.has(now);
    if (!fits && doc[field] === undefined) return `the field "${field}" was lost`;
    if (!fits)
      return `the field "${field}" has a value that ${last.size === 1 ? 'is not the last one' : 'nobody'} wrote`;
  }
  return undefined;
}

function same(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return left === right;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length || Array.isArray(left) !== Array.isArray(right)) return false;
  return keys.every((key) => same((left as Doc)[key], (right as Doc)[key]));
}
