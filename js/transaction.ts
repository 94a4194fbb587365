/**
 * Transactions: several reads and writes over several collections, all or nothing.
 *
 * Optimistic: nothing is locked. Writes are kept here until the app's function has ended, reads are remembered; then
 * all of it is one write of the engine, which refuses it (TX_CONFLICT) when something that was read is different by
 * then, and the function is run again. What the app awaits inside is its own affair: it only makes that likelier.
 */

import type { Expected, WriteOp, WriteOutcome } from './binding.js';
import { mustBe } from './check.js';
import { type Doc, nameReserved, remember } from './collection.js';
import { isSeakeepError, refuse } from './errors.js';
import type { Handle } from './handle.js';
import { clone } from './snapshot.js';
import { checkCollection } from './sync.js';
import { type Course, type Face, Part } from './transaction-part.js';
import type { AnySchema, Transaction, Write } from './types.js';
import { writeOf } from './write.js';

type Body<R> = (tx: Transaction<AnySchema>) => R | Promise<R>;

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
class Run implements Course {
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
