/**
 * One collection: reads through memory and the store, writes through the snapshot and the app's validator.
 *
 * Whatever is given is copied and checked before the first await, so that nothing invalid reaches the engine and later
 * changes of the caller's object have no effect. Decides nothing about sending or storing.
 */

import type { CollectionConfig, MetaOut, QueryOut, WriteOp, WriteOutcome } from './binding.js';
import type { CollectionCache } from './cache.js';
import { flag, mustBe, oneOf, plainOptions } from './check.js';
import type { Validate } from './config.js';
import { isSeakeepError, refuse, toInfo } from './errors.js';
import type { Handle } from './handle.js';
import { checkId, isTemporary, reserved } from './ids.js';
import { liveOf } from './live.js';
import { applyPatch, splitPatch } from './patch.js';
import { type CheckedQuery, checkQuery } from './query.js';
import { isPlain, snapshotDocument } from './snapshot.js';
import { reader } from './steps.js';
import { syncNow } from './sync.js';
import type { Collection, RecordMeta, Write, WriteOptions } from './types.js';
import { validate } from './validate.js';
import { bulkWriteOf, writeOf } from './write.js';

/** A document of any shape. */
export type Doc = { [field: string]: unknown };
/** Where a write goes, and how. */
export type Target = Pick<WriteOp, 'collection' | 'priority' | 'local'>;
const MAX_BULK = 10_000;
const ARGUMENT = 'ARGUMENT_TYPE';

/** The public face of one collection. */
export function collectionOf(handle: Handle, { name }: CollectionConfig): Collection<Doc> {
  const cache = handle.cache(name);
  const validator = handle.checked.validators.get(name);

  const read = async (id: string) => {
    const keep = cache.reading();
    const doc = await handle.run((client) => client.get(name, checkId(id)), 'read');
    if (doc !== undefined) keep(ownId(doc, id), doc);
    return doc as Doc | undefined;
  };
  let tail: Promise<unknown> | undefined;
  /** A patch that is validated reads first: what is written after it waits for it, so that calls keep their order. */
  const inOrder = <R>(work: () => Promise<R>, reads = false): Promise<R> => {
    if (tail === undefined && !reads) return work();
    const run = (tail ?? Promise.resolve()).then(work, work);
    const end = () => {
      if (tail === ended) tail = undefined;
    };
    const ended: Promise<unknown> = run.then(end, end);
    tail = ended;
    return run;
  };
  const writeNow = async (ops: WriteOp[], signal: AbortSignal | undefined) => {
    refuseAborted(signal);
    const outcomes = await handle.run((client) => client.write(ops), 'write').catch(nameReserved);
    outcomes.forEach((outcome, i) => void remember(cache, outcome, ops[i] as WriteOp));
    return outcomes;
  };
  const write = (ops: WriteOp[], signal: AbortSignal | undefined) => inOrder(() => writeNow(ops, signal));
  const one = async (op: WriteOp, options: WriteOptions | undefined): Promise<Write<Doc>> => {
    const [outcome] = await write([op], options?.signal);
    return writeOf<Doc>(handle, outcome as WriteOutcome);
  };
  const draft = (kind: 'put' | 'add', value: unknown, target: Target, root = '$') =>
    handle.checks(() => draftOf(validator, kind, value, target, root));
  const find = async (query: CheckedQuery<Doc>) => {
    if (query.none) return [];
    const ask = async (out: QueryOut) => (await handle.run((client) => client.query(name, out), 'query')) as Doc[];
    return reader(handle, name, query, ask, (doc) => doc)();
  };

  return {
    name,
    async get(id, options) {
      handle.alive();
      return (options?.fresh ? undefined : (cache.get(id) as Doc | undefined)) ?? read(id);
    },
    async getMany(ids) {
      handle.alive();
      checkList(ids, 'ids');
      const found = ids.map((id) => cache.get(checkId(id)) as Doc | undefined);
      const missing = ids.filter((_, i) => found[i] === undefined);
      if (missing.length === 0) return found;
      const keep = cache.reading();
      const docs = (await handle.run((client) => client.getMany(name, missing), 'read')) as (Doc | undefined)[];
      docs.forEach((doc, i) => {
        if (doc !== undefined) keep(ownId(doc, missing[i] as string), doc);
      });
      let next = 0;
      return found.map((doc) => doc ?? docs[next++]);
    },
    peek(id) {
      handle.alive();
      return cache.get(checkId(id)) as Doc | undefined;
    },
    async put(doc, options) {
      return one(draft('put', doc, target(handle, name, options)), options);
    },
    async add(doc, options) {
      return one(draft('add', doc, target(handle, name, options)), options);
    },
    async patch(id, changes, options) {
      const to = target(handle, name, options);
      const patch = handle.checks(() => splitPatch(checkId(id), changes));
      const op: WriteOp = { ...to, ...patch, kind: 'patch', id };
      if (validator === undefined) return one(op, options);
      const validated = async () => {
        const before = await handle.run((client) => client.get(name, id));
        if (before === undefined) throw notFound();
        handle.checks(() => validate(validator, applyPatch(before, patch)));
        const [outcome] = await writeNow([op], options?.signal);
        return writeOf<Doc>(handle, outcome as WriteOutcome);
      };
      return inOrder(validated, true);
    },
    async remove(id, options) {
      return one({ ...target(handle, name, options), kind: 'remove', id: checkId(id) }, options);
    },
    async putMany(docs, options) {
      const to = target(handle, name, options);
      checkList(docs, 'docs');
      const ops = docs.map((doc, i) => draft('put', doc, to, `$[${i}]`));
      return bulk(ops, options);
    },
    async removeMany(ids, options) {
      const to = target(handle, name, options);
      checkList(ids, 'ids');
      const ops = ids.map((id, i): WriteOp => ({ ...to, kind: 'remove', id: checkId(id, `$[${i}]`) }));
      return bulk(ops, options);
    },
    async query(query) {
      handle.alive();
      return find(checkQuery(query));
    },
    async count(query) {
      handle.alive();
      const checked = checkQuery(query);
      if (checked.filter !== undefined || checked.none) return (await find(checked)).length;
      const all = await handle.run((client) => client.count(name, checked.out), 'query');
      return Math.min(all, checked.limit ?? all);
    },
    live(query) {
      handle.alive();
      return liveOf(handle, name, checkQuery(query));
    },
    async meta(id) {
      const meta = await handle.run((client) => client.meta(name, checkId(id)));
      return meta && publicMeta(meta);
    },
    async refresh(options) {
      return syncNow(handle, { ...options, collection: name, push: false, pull: true });
    },
  };

  async function bulk(ops: WriteOp[], options: WriteOptions | undefined) {
    refuseAborted(options?.signal);
    refuseDuplicates(ops);
    return bulkWriteOf(handle, ops.length === 0 ? [] : await write(ops, options?.signal));
  }
}

/** The operation of put() or add(), checked. */
export function draftOf(
  validator: Validate | undefined,
  kind: 'put' | 'add',
  value: unknown,
  target: Target,
  root?: string,
): WriteOp & { doc: Doc } {
  const doc = snapshotDraft(value, root);
  const id = Object.hasOwn(doc, 'id') ? checkId(doc.id, `${root ?? '$'}.id`) : '';
  if (kind === 'add' && isTemporary(id)) throw reserved();
  if (validator !== undefined) validate(validator, doc);
  return { ...target, kind, id, doc };
}

/** What was written, for the memory tier: a document that got another id is gone from the one it was written under. */
export function remember(cache: CollectionCache, outcome: WriteOutcome, op: WriteOp): void {
  if (op.id !== outcome.id) cache.set(op.id, undefined);
  cache.set(outcome.id, outcome.doc);
}

/** The engine refuses a temporary id that nobody knows here; the face says where it stood. */
export function nameReserved(thrown: unknown): never {
  throw isSeakeepError(thrown, 'ID_RESERVED') ? reserved() : thrown;
}

/** A checked copy; a fault of the id itself is told as one. */
export function snapshotDraft(value: unknown, root = '$'): Doc {
  try {
    return snapshotDocument(value, root);
  } catch (thrown) {
    const atId = isSeakeepError(thrown) && thrown.code !== 'DOC_READ_FAILED' && thrown.path === `${root}.id`;
    if (atId && isPlain(value)) checkId(value.id, `${root}.id`);
    throw thrown;
  }
}

/** Options of a write, checked; CLOSED first. */
export function target(handle: Handle, collection: string, options: WriteOptions | undefined): Target {
  handle.alive();
  const given = plainOptions(options, 'options', ['priority', 'signal', 'local'], ARGUMENT);
  const priority = oneOf(given.priority, 'priority', ['high', 'user', 'background'], 'user', ARGUMENT);
  const local = flag(given.local, 'local', false, ARGUMENT);
  refuseAborted(options?.signal);
  return { collection, priority, local };
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw refuse('ABORTED', 'aborted before the write had begun; nothing was written');
}

function refuseDuplicates(ops: WriteOp[]): void {
  const first = new Map<string, number>();
  ops.forEach(({ id }, i) => {
    if (first.has(id))
      throw refuse('BULK_DUPLICATE_ID', `items ${first.get(id)} and ${i} have the same id`, { path: `$[${i}]` });
    if (id !== '') first.set(id, i);
  });
}

function checkList(list: unknown, what: string): void {
  if (!Array.isArray(list)) throw mustBe(ARGUMENT, what, 'an array', list);
  if (list.length > MAX_BULK) throw refuse('BULK_TOO_LARGE', `${list.length} items; limit 10,000 per call; split`);
}

/** The refusal of a change of nothing. */
export function notFound(): Error {
  return refuse('NOT_FOUND', 'there is no document with this id');
}

/** A temporary id may have been answered with the document that replaced it. */
function ownId(doc: object, asked: string): string {
  const { id } = doc as { id?: unknown };
  return typeof id === 'string' ? id : asked;
}

function publicMeta(meta: MetaOut): RecordMeta {
  const { lastError, ...rest } = meta;
  return lastError === undefined
    ? rest
    : { ...rest, lastError: toInfo(lastError, rest.state === 'parked' ? 'parked' : undefined) };
}
