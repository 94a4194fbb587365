/**
 * Changes through the app's adapter: what `push` gives becomes one answer for each change, or none.
 *
 * Results are matched by mutation id; those for no change of this call are left alone. A wrong result is a failure of
 * its own change only.
 */

import { type Desk, documentOf, idOf, NO_RESULT, NoResult, type Plain, revisionOf } from './adapter-desk.js';
import type { Answer } from './adapter-reply.js';
import type { OutgoingChange } from './types-adapter.js';

/** A change as the engine gives it: what the adapter gets, and whether the server makes the id. */
type Change = { -readonly [K in keyof OutgoingChange]: OutgoingChange[K] } & { temporary?: boolean };

const STATUS: { [code: string]: number } = {
  __proto__: null as never,
  AUTH_REQUIRED: 401,
  FORBIDDEN: 403,
  TOO_LARGE: 413,
  VALIDATION: 422,
  UPGRADE_REQUIRED: 426,
};
/** Refused, for a reason the engine has no word of its own for. */
const REFUSED = 405;
const LONGEST_PAUSE = 86_400_000;

/** Sends changes together; an answer for each that has a result. */
export async function pushAll(desk: Desk, records: Plain[]): Promise<Answer[]> {
  const { isPlain, collections } = desk.tools;
  const changes = records.map((record) => {
    const path = record.collection as string;
    return { ...record, collection: collections.get(path) ?? path } as unknown as Change;
  });
  const told = changes.map(({ temporary, ...change }) => change);
  const given: unknown = await desk.adapter.push(told, desk.context);
  if (!Array.isArray(given)) throw new NoResult('push() must give an array of results');
  const ids = new Set(changes.map((change) => change.mutationId));
  const strange = given.filter((result) => !isPlain(result) || !ids.has(result.mutationId as string)).length;
  if (strange > 0) desk.warn(`push() gave ${strange} result(s) for no change of its own; ignored`);
  return changes.flatMap((change) => {
    const at = given.findIndex((result) => isPlain(result) && result.mutationId === change.mutationId);
    if (at >= 0) return [checked(desk, change, given[at], `results[${at}]`)];
    desk.warn('push() gave no result for one of its changes');
    return [];
  });
}

/** The changes of a transaction go one after the other, up to the first that is not executed. */
export async function pushInOrder(desk: Desk, records: Plain[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  let whole = true;
  for (const record of records) {
    const mutationId = record.mutationId as string;
    const given: Answer[] = whole ? await pushAll(desk, [record]) : [{ mutationId, status: 424 }];
    whole = whole && (given[0]?.status ?? 0) < 300 && given.length === 1;
    answers.push(...given);
  }
  return answers;
}

function checked(desk: Desk, change: Change, result: Plain, where: string): Answer {
  try {
    return answerOf(desk, change, result, where);
  } catch (thrown) {
    if (!(thrown instanceof NoResult)) throw thrown;
    desk.warn(thrown.message);
    return { mutationId: change.mutationId, status: 500, problem: NO_RESULT };
  }
}

function answerOf(desk: Desk, change: Change, result: Plain, where: string): Answer {
  const { mutationId, kind } = change;
  switch (result.status) {
    case 'ok':
      return accepted(desk, change, result, where);
    case 'conflict': {
      if (result.doc === null && kind !== 'create') return { mutationId, status: 404 };
      const doc = documentOf(desk, result.doc, change.id, `${where}.doc`);
      return { mutationId, status: 412, id: change.id, ...revisionOf(result.revision, where), doc };
    }
    case 'rejected': {
      const fields = desk.tools.isPlain(result.fields) ? Object.entries(result.fields) : [];
      const errors = Object.fromEntries(fields.map(([field, text]) => [field, String(text)]));
      const status = STATUS[result.code as string] ?? (fields.length > 0 ? 422 : REFUSED);
      return { mutationId, status, problem: { errors } };
    }
    case 'retry': {
      const after = result.after;
      if (after === undefined) return { mutationId, status: 500 };
      if (typeof after !== 'number' || !(after >= 0)) throw new NoResult(`${where}.after must be milliseconds`);
      return { mutationId, status: 500, retryAfter: Math.ceil(Math.min(after, LONGEST_PAUSE) / 1000) };
    }
    default:
      throw new NoResult(`${where}.status must be 'ok', 'conflict', 'rejected' or 'retry'`);
  }
}

function accepted(desk: Desk, change: Change, result: Plain, where: string): Answer {
  const { mutationId, kind } = change;
  const makes = change.temporary === true;
  const doc = result.doc as Plain | undefined;
  const named = result.id ?? (desk.tools.isPlain(doc) ? doc.id : undefined);
  const id = named === undefined && !makes ? change.id : idOf(desk, named, where);
  if (!makes && id !== change.id) throw new NoResult(`${where}.id is that of another document`);
  const revision = revisionOf(result.revision, where);
  if (kind === 'delete') return { mutationId, status: 204 };
  if (doc !== undefined)
    return { mutationId, status: 200, id, ...revision, doc: documentOf(desk, doc, id, `${where}.doc`) };
  if (!makes) return { mutationId, status: 204, id, ...revision };
  return { mutationId, status: 201, id, ...revision, doc: { ...change.doc, id } };
}
