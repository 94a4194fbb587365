// What must hold when a partition run has ended: every acknowledged append is on the server exactly once and in order, no
// request was executed twice, and all pages show the server's documents. Answers with violations, none where all is well.

import { isDeepStrictEqual } from 'node:util';
import { until } from '../e2e/support/wait.mjs';

const COLLECTIONS = ['lists', 'notes'];

/** Violations as lines; `profile` has drained. */
export async function judge(profile) {
  const [lists, notes] = await Promise.all(COLLECTIONS.map((name) => profile.server.documents(name)));
  return [...profile.problems, ...weigh({ ...profile, lists, notes }), ...(await shown(profile, [lists, notes]))];
}

/** What the server holds and what it was asked, against what the appends were told. */
export function weigh({ appends, requests, lists, notes }) {
  return [...placed(appends, lists), ...noted(appends, notes), ...executed(requests)];
}

/** Appends in the lists: acknowledged ones once, others at most once, nothing else; in the order in which they were acknowledged. */
function placed(appends, lists) {
  const violations = [];
  const fields = new Map();
  for (const { id, ...rest } of lists)
    for (const [field, items] of Object.entries(rest)) if (Array.isArray(items)) fields.set(`${id}.${field}`, items);
  for (const [place, items] of fields) {
    const known = new Set(appends.filter(({ list, field }) => `${list}.${field}` === place).map(({ value }) => value));
    for (const value of items)
      if (!known.has(value)) violations.push(`${place} holds ${value}, which was not appended to it`);
  }
  for (const entry of appends) {
    const place = `${entry.list}.${entry.field}`;
    const items = fields.get(place) ?? [];
    violations.push(...counted(entry, items.filter((value) => value === entry.value).length, place));
  }
  for (const [place, items] of fields) violations.push(...ordered(appends, place, items));
  return violations;
}

function counted({ value, outcome }, times, place) {
  if (times > 1) return [`${value} is ${times} times in ${place}`];
  return times === 0 && outcome === 'acknowledged' ? [`${value} was acknowledged and is not in ${place}`] : [];
}

/** Whoever was acknowledged before another on its device began stands before it. */
function ordered(appends, place, items) {
  const at = new Map(items.map((value, index) => [value, index]));
  const here = appends.filter(
    ({ list, field, value, outcome }) => `${list}.${field}` === place && outcome === 'acknowledged' && at.has(value),
  );
  return here.flatMap((one) =>
    here
      .filter(
        (other) => one.device === other.device && one.ended < other.begun && at.get(one.value) > at.get(other.value),
      )
      .map((other) => `${other.value} stands before ${one.value} in ${place}, and was begun after it`),
  );
}

/** A note of its own with the append, in the same transaction: both or none. */
function noted(appends, notes) {
  const counts = new Map();
  for (const { value } of notes) counts.set(value, (counts.get(value) ?? 0) + 1);
  return appends
    .filter(({ note }) => note)
    .flatMap((entry) => counted(entry, counts.get(entry.value) ?? 0, 'the notes'));
}

/** What a request asked to be changed, each with its key: itself, or the members of its batch. */
export function changes({ method, key, status, replayed, members }) {
  if (members.length > 0) return members;
  return method !== 'GET' && key ? [{ key, status, replayed }] : [];
}

/** No key was executed twice. */
function executed(requests) {
  const times = new Map();
  for (const { key, status, replayed } of requests.filter(({ fault }) => fault === null).flatMap(changes))
    if (!replayed && status < 300) times.set(key, (times.get(key) ?? 0) + 1);
  return [...times].filter(([, n]) => n > 1).map(([key, n]) => `the server executed ${key} ${n} times`);
}

/** Every page answers with the server's documents, and so does the store; nothing stands in conflict. */
async function shown(profile, expected) {
  const violations = [];
  for (const slot of profile.slots) {
    const page = await slot.page;
    let last = ['nothing was compared'];
    const equal = async () => {
      last = differences(await page.evaluate(seen, COLLECTIONS), expected, slot.name);
      return last.length === 0;
    };
    await until('the page to be equal', equal).catch(() => violations.push(...last));
  }
  return violations;
}

function differences({ answered, stored, conflicts }, expected, name) {
  const found = conflicts > 0 ? [`page ${name} tells of ${conflicts} open conflicts`] : [];
  for (const [index, collection] of COLLECTIONS.entries()) {
    const wanted = sorted(expected[index]);
    const versions = { answer: answered[index], store: stored[index] };
    for (const [what, docs] of Object.entries(versions)) {
      if (isDeepStrictEqual(sorted(docs), wanted)) continue;
      found.push(`page ${name}: ${what} of ${collection} differs from the server: ${JSON.stringify([docs, wanted])}`);
    }
  }
  return found;
}

const sorted = (docs) => [...docs].sort((a, b) => (a.id < b.id ? -1 : 1));

/** In the page: the documents as queries answer and as they are stored. */
async function seen(collections) {
  const answered = await Promise.all(collections.map((name) => db.collection(name).query()));
  const rows = await Promise.all(collections.map((name) => raw(name)));
  const stored = rows.map((all) => all.filter((row) => row.doc).map((row) => row.doc));
  return { answered, stored, conflicts: (await db.conflicts.list({ status: 'open' })).length };
}
