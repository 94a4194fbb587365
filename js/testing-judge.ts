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
  /** How many times it has died or was closed: answers to an earlier life reach nobody. */
  life: number;
}
/** What was written to one document. */
export interface History {
  collection: string;
  /** By field: the last value of each writer, and every value. */
  fields: Map<string, Written>;
  removed: boolean;
  /** Whether its creation was cut off by the end of its device: then it may be nowhere. */
  doubtful: boolean;
}
/** What one field was given. */
export interface Written {
  last: Map<number, string>;
  all: Set<string>;
  /** Whether a write of it was cut off by the end of its device: then it may be there or not. */
  doubtful: boolean;
}

/** What a conflict function did wrong when its conflict waits for a person although it did not ask for that. */
const FAILED = ['RESOLVER_FAILED', 'RESOLVER_RESULT', 'RESOLVER_TIMEOUT'];

/** A change that did not get to the server, and does not wait for a person's choice. */
export async function stuck(devices: Device[]): Promise<string | undefined> {
  for (const [at, { db }] of devices.entries()) {
    const rows = (await db?.outbox.list()) ?? [];
    const asked = rows.filter((one) => one.state === 'conflict' && !FAILED.includes(one.lastError?.code ?? ''));
    const open = new Set(asked.map((one) => one.id));
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

/** What was written to a collection and is nowhere: not on the server, and not with a change that waits for a choice. */
export async function loss(
  name: string,
  docs: Doc[],
  histories: Map<string, History>,
  devices: Device[],
): Promise<string | undefined> {
  const waiting = (await Promise.all(devices.map(({ db }) => undecided(name, db)))).flat();
  for (const [tag, history] of histories) {
    if (history.collection !== name || history.removed) continue;
    const found = docs.filter((doc) => doc.tag === tag);
    const open = waiting.filter((doc) => doc.tag === tag);
    if (found.length === 0 && (history.doubtful || open.length > 0)) continue;
    if (found.length !== 1) return `${name} ${tag} is ${found.length} times on the server`;
    const wrong = lost([found[0] as Doc, ...open], history);
    if (wrong !== undefined) return `${name} ${tag}: ${wrong}`;
  }
  return undefined;
}

/** The documents of a device whose conflict waits for a person, as they are there. */
async function undecided(name: string, db: Database | undefined): Promise<Doc[]> {
  const rows = (await db?.outbox.list({ collection: name })) ?? [];
  const ids = new Set(rows.map((row) => row.id));
  const docs = await db?.collection(name).getMany([...ids]);
  return (docs ?? []).filter((doc): doc is Doc => doc !== undefined);
}

/** A field with one writer has its last value; one with several has one of theirs; where a choice waits, there or here. */
function lost(places: Doc[], history: History): string | undefined {
  for (const [field, written] of history.fields) {
    const values = places.map((doc) => JSON.stringify(doc[field]) ?? 'removed');
    if (values.some((value) => fits(value, written))) continue;
    if (places.every((doc) => doc[field] === undefined)) return `the field "${field}" was lost`;
    return `the field "${field}" has a value that ${written.last.size === 1 ? 'is not the last one' : 'nobody'} wrote`;
  }
  return undefined;
}

function fits(value: string, { last, all, doubtful }: Written): boolean {
  return last.size === 1 && !doubtful ? last.values().next().value === value : all.has(value);
}

function same(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return left === right;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length || Array.isArray(left) !== Array.isArray(right)) return false;
  return keys.every((key) => same((left as Doc)[key], (right as Doc)[key]));
}
