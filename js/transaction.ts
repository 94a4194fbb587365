/**
 * Transactions: several reads and writes over several collections, all or nothing.
 *
 * Optimistic: nothing is locked. Writes are kept here until the app's function has ended, reads are remembered; then
 * all of it is one write of the engine, which refuses it (TX_CONFLICT) when something that was read is different by
 * then, and the function is run again. What the app awaits inside is its own affair: it only makes that likelier.
 */

import type { Expected, WriteOp, WriteOutcome } from './binding.js';
import { mustBe } from './check.js';
import { type Doc, draftOf, nameReserved, notFound, remember, target } from './collection.js';
import type { Validate } from './config.js';
import { isSeakeepError, refuse } from './errors.js';
import type { Handle } from './handle.js';
import { checkId, isTemporary, temporaryId } from './ids.js';
import { applyPatch, splitPatch } from './patch.js';
import { type CheckedQuery, checkQuery, sift } from './query.js';
import { clone } from './snapshot.js';
import { checkCollection } from './sync.js';
import type { AnySchema, Transaction, Write, WriteOptions } from './types.js';
import { validate } from './validate.js';
import { writeOf } from './write.js';

type Body<R> = (tx: Transaction<AnySchema>) => R | Promise<R>;
type Face = ReturnType<Transaction<AnySchema>['collection']>;

const MOST_RUNS = 20;
const MOST_WRITES = 10_000;
/** How long a run waits for the one before it, in milliseconds: its function may never end. */
const TURN = 1000;

/** The `transaction` of a database. */
export function transactionOf(handle: Handle) {
  let starting = false;
  let turn: Promise<unknown> = Promise.resolve();
  const once = async <R>(names: string[], body: Body<R>): Promise<{ result: R } | undefined> => {
    const run = new Run(handle, names);
    try {
      starting = true;
      const running = Promise.resolve(body(run.tx));
      starting = false;
      const result = await running;
      await run.commit();
      return { result };
    } catch (thrown) {
      starting = false;
      if (await run.stands(thrown)) throw thrown;
      return undefined;
    }
  };
  return async <R>(collections: string[], body: Body<R>): Promise<R> => {
    handle.alive();
    if (starting) throw refuse('TX_NESTED', 'a transaction inside of another: use the tx that the function was given');
    if (!Array.isArray(collections)) throw mustBe('ARGUMENT_TYPE', 'collections', 'an array of names', collections);
    for (const name of collections) checkCollection(handle, name);
    if (typeof body !== 'function') throw mustBe('ARGUMENT_TYPE', 'body', 'a function', body);
    for (let runs = 0; runs < MOST_RUNS; runs++) {
      // Those that failed once go one after the other, so that each comes to its end.
      const next = runs === 0 ? once(collections, body) : within(turn).then(() => once(collections, body));
      if (runs > 0) turn = next.catch(() => undefined);
      const done = await next;
      if (done !== undefined) return done.result;
    }
    throw refuse('TX_CONFLICT', `what the transaction read was changed by others in each of ${MOST_RUNS} runs`, {
      retryable: true,
    });
  };
}

/** When it has ended, or time is up. */
function within(before: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, TURN);
    before.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** One run of the app's function. */
class Run {
  readonly tx: Transaction<AnySchema>;
  readonly expected: Expected = { docs: [], answers: [] };
  private ended = false;
  private readonly ops: WriteOp[] = [];
  private readonly open = new Set<Promise<unknown>>();
  private tail: Promise<unknown> = Promise.resolve();
  private settle!: (outcomes: WriteOutcome[]) => void;
  private fail!: (cause: unknown) => void;
  private readonly written = new Promise<WriteOutcome[]>((resolve, reject) => {
    this.settle = resolve;
    this.fail = reject;
  });

  constructor(
    private readonly handle: Handle,
    names: string[],
  ) {
    this.written.catch(() => undefined);
    const parts = new Map<string, Face>();
    this.tx = {
      collection: (name) => {
        if (!names.includes(name)) {
          const hint = 'name it in the first argument of transaction()';
          throw refuse('STORE_UNKNOWN', 'this collection is not part of the transaction', { hint });
        }
        if (!parts.has(name)) parts.set(name, new Part(this, handle, name).face);
        return parts.get(name) as never;
      },
    };
  }

  /** Writes all of it, once everything that was begun has come to its end. */
  async commit(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open);
    this.ended = true;
    if (this.ops.length > MOST_WRITES)
      throw refuse('BULK_TOO_LARGE', `${this.ops.length} writes; limit 10,000 in one transaction`);
    const outcomes = await this.handle
      .run((client) => client.write(this.ops, this.expected), 'write')
      .catch(nameReserved);
    outcomes.forEach((outcome, i) => {
      const op = this.ops[i] as WriteOp;
      remember(this.handle.cache(op.collection), outcome, op);
    });
    this.settle(outcomes);
  }

  /** Whether a failure of this run counts: not when what it read was different from what there is. */
  async stands(cause: unknown): Promise<boolean> {
    const running = !this.ended;
    this.ended = true;
    this.fail(cause);
    if (!running) return !isSeakeepError(cause, 'TX_CONFLICT');
    return this.handle
      .run((client) => client.write([], this.expected))
      .then(
        () => true,
        (refused) => !isSeakeepError(refused, 'TX_CONFLICT'),
      );
  }

  /** A write: after those before it. A read: after the writes before it. Both before the end. */
  async does<V>(work: () => Promise<V>, writes: boolean): Promise<V> {
    if (this.ended) throw refuse('TX_ENDED', 'this transaction has finished');
    const done = this.tail.then(work);
    const over = done.catch(() => undefined);
    if (writes) this.tail = over;
    this.open.add(done);
    over.then(() => this.open.delete(done));
    return done;
  }

  /** What a write inside gives back at once; the rest follows with the whole. */
  write(op: WriteOp, doc: Doc | undefined): Write<Doc> {
    if (this.ended) throw refuse('TX_ENDED', 'this transaction has finished');
    const at = this.ops.push(op) - 1;
    let outcome: WriteOutcome | undefined;
    const synced = this.written.then((outcomes) => {
      outcome = outcomes[at] as WriteOutcome;
      return writeOf<Doc>(this.handle, outcome).synced;
    });
    synced.catch(() => undefined);
    return {
      id: op.id,
      doc: clone(doc),
      synced,
      get mutationId() {
        return outcome?.mutationId;
      },
      cancel: async () => false,
    };
  }
}

/** One collection inside of a run. */
class Part {
  readonly face: Face;
  private readonly validator: Validate | undefined;
  private readonly reads = new Map<string, object | undefined>();
  /** The documents as the writes of this run leave them. */
  private readonly mine = new Map<string, Doc | undefined>();

  constructor(
    private readonly run: Run,
    private readonly handle: Handle,
    private readonly name: string,
  ) {
    this.validator = handle.checked.validators.get(name);
    this.face = {
      get: async (id) => {
        checkId(id);
        return run.does(async () => clone((await this.seen(id)).doc), false);
      },
      put: async (doc, options) => this.draft('put', doc, options),
      add: async (doc, options) => this.draft('add', doc, options),
      patch: async (id, changes, options) => this.patch(id, changes, options),
      remove: async (id, options) => {
        const to = target(handle, name, options);
        checkId(id);
        return run.does(
          async () => this.write({ ...to, kind: 'remove', id: (await this.present(id)).id }, undefined),
          true,
        );
      },
      query: async (query) => {
        const checked = checkQuery<Doc>(query);
        return run.does(async () => (checked.none ? [] : this.query(checked)), false);
      },
    };
  }

  /** The document as it stands in this run. */
  private async seen(id: string): Promise<{ id: string; doc: Doc | undefined }> {
    const { name, mine, reads } = this;
    if (mine.has(id)) return { id, doc: mine.get(id) };
    if (!reads.has(id)) {
      const doc = await this.handle.run((client) => client.get(name, id), 'read');
      if (!reads.has(id)) {
        reads.set(id, doc);
        this.run.expected.docs.push(doc === undefined ? { collection: name, id } : { collection: name, id, doc });
      }
    }
    const doc = reads.get(id) as Doc | undefined;
    // A temporary id may have been answered with the document that replaced it.
    const own = isTemporary(id) && typeof doc?.id === 'string' ? doc.id : id;
    return mine.has(own) ? { id: own, doc: mine.get(own) } : { id: own, doc };
  }

  private async present(id: string): Promise<{ id: string; doc: Doc }> {
    const { id: own, doc } = await this.seen(id);
    if (doc === undefined) throw notFound();
    return { id: own, doc };
  }

  private write(op: WriteOp, doc: Doc | undefined): Write<Doc> {
    const write = this.run.write(op, doc);
    this.mine.set(op.id, doc);
    return write;
  }

  private async draft(kind: 'put' | 'add', value: unknown, options: WriteOptions | undefined): Promise<Write<Doc>> {
    const op = draftOf(this.validator, kind, value, target(this.handle, this.name, options));
    return this.run.does(async () => {
      if (op.id === '') {
        const id = temporaryId();
        return this.write({ ...op, id, fresh: true, doc: { ...op.doc, id } }, { ...op.doc, id });
      }
      const there = kind === 'add' || isTemporary(op.id) ? await this.seen(op.id) : op;
      if (kind === 'add' && there.doc !== undefined)
        throw refuse('ALREADY_EXISTS', 'a document with this id exists; use put or patch');
      const doc = { ...op.doc, id: there.id };
      return this.write({ ...op, id: there.id, doc }, doc);
    }, true);
  }

  private async patch(id: string, changes: object, options: WriteOptions | undefined): Promise<Write<Doc>> {
    const to = target(this.handle, this.name, options);
    const patch = splitPatch(checkId(id), changes);
    return this.run.does(async () => {
      const there = await this.present(id);
      const doc = applyPatch(there.doc, patch) as Doc;
      if (this.validator !== undefined) validate(this.validator, doc);
      return this.write({ ...to, ...patch, kind: 'patch', id: there.id }, doc);
    }, true);
  }

  /** What the store has, with the writes of this run on top, in the order and up to the limit asked for. */
  private async query(checked: CheckedQuery<Doc>): Promise<Doc[]> {
    const { name, handle } = this;
    const own = new Map(this.mine);
    const { limit } = checked.out;
    const out = limit === undefined ? checked.out : { ...checked.out, limit: limit + own.size };
    let docs = (await handle.run((client) => client.query(name, out), 'query')) as Doc[];
    this.run.expected.answers.push({ collection: name, query: out, docs });
    if (own.size > 0) {
      const others = docs.filter((doc) => !own.has(doc.id as string));
      const all = [...others, ...[...own.values()].filter((doc) => doc !== undefined)];
      docs = handle.runNow((client) => client.sift(name, checked.out, all)) as Doc[];
    }
    return sift(docs.map(clone), checked, (doc) => doc);
  }
}
