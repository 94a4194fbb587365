/**
 * One collection inside of a run of a transaction: reads that are remembered, writes that are seen by the reads after them.
 *
 * Checks what it is given before the first await, like a collection outside. What becomes of the run is not known here.
 */

import type { Expected, WriteOp } from './binding.js';
import { type Doc, draftOf, notFound, target } from './collection.js';
import type { Validate } from './config.js';
import { refuse } from './errors.js';
import type { Handle } from './handle.js';
import { checkId, isTemporary, temporaryId } from './ids.js';
import { applyPatch, splitPatch } from './patch.js';
import { type CheckedQuery, checkQuery, sift } from './query.js';
import { clone } from './snapshot.js';
import type { AnySchema, Transaction, Write, WriteOptions } from './types.js';
import { validate } from './validate.js';

/** What the app's function gets of one collection. */
export type Face = ReturnType<Transaction<AnySchema>['collection']>;

/** The run that a collection is part of. */
export interface Course {
  /** What was read so far. */
  readonly expected: Expected;
  /** A write: after those before it. A read: after the writes before it. Both before the end. Rejects TX_ENDED. */
  does<V>(work: () => Promise<V>, writes: boolean): Promise<V>;
  /** Keeps a write, with the document it leaves. */
  write(op: WriteOp, doc: Doc | undefined): Write<Doc>;
}

/** One collection inside of a run. */
export class Part {
  readonly face: Face;
  private readonly validator: Validate | undefined;
  private readonly reads = new Map<string, object | undefined>();
  /** The documents as the writes of this run leave them. */
  private readonly mine = new Map<string, Doc | undefined>();

  constructor(
    private readonly run: Course,
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
    const to = target(this.handle, this.name, options);
    const op = this.handle.checks(() => draftOf(this.validator, kind, value, to));
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
    const patch = this.handle.checks(() => splitPatch(checkId(id), changes));
    return this.run.does(async () => {
      const there = await this.present(id);
      const { validator } = this;
      const doc = this.handle.checks(() => applyPatch(there.doc, patch)) as Doc;
      if (validator !== undefined) this.handle.checks(() => validate(validator, doc));
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
