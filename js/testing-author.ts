/**
 * Who writes in a replay: the persons at the devices, and one behind another client; and what they wrote, for the judge.
 *
 * Takes chance from the schedule alone. Judges nothing.
 */

import { defaultChange, defaultDocument, type Random } from './testing-chance.js';
import type { Doc, History } from './testing-judge.js';
import type { ReplayOptions } from './testing-replay.js';
import type { FakeServer } from './testing-server.js';
import type { Database } from './types.js';

/** Who writes as somebody else's client. */
const STRANGER = 2;

/** All writers of one schedule. */
export class Author {
  writes = 0;
  /** What was written, by the mark of a document. */
  readonly histories = new Map<string, History>();

  constructor(
    private readonly options: ReplayOptions,
    private readonly random: Random,
    private readonly note: (text: string) => void,
  ) {}

  /** A device makes, changes or removes a document; `dies` ends it before that has an answer. */
  async write(at: number, db: Database, dies?: () => void): Promise<void> {
    const names = Object.keys(this.options.collections);
    const name = names[this.below(names.length)] as string;
    const collection = db.collection(name);
    const docs: Doc[] = (await collection.query()).filter((doc) => this.histories.has(doc.tag));
    const doc = docs[this.below(docs.length)];
    if (doc === undefined || (docs.length < 4 && this.random() < 0.3)) {
      const tag = `d${this.histories.size}`;
      const made = { ...(this.options.create ?? defaultDocument)(this.random), tag } as Doc;
      const history: History = { collection: name, fields: new Map(), removed: false, doubtful: false };
      this.histories.set(tag, history);
      this.note(`device ${at} makes ${name} ${tag}: ${JSON.stringify(made)}`);
      history.doubtful = !(await done(collection.put(made), dies));
      return this.wrote(at, tag, made);
    }
    const history = this.histories.get(doc.tag) as History;
    if (this.options.removes && this.random() < 0.1) {
      this.note(`device ${at} removes ${name} ${doc.tag}`);
      await done(collection.remove(doc.id), dies);
      history.removed = true;
      return;
    }
    const changes = (this.options.change ?? defaultChange)(doc, this.random) as Doc;
    this.note(`device ${at} changes ${name} ${doc.tag}: ${JSON.stringify(changes)}`);
    const sure = await done(collection.patch(doc.id, changes), dies);
    this.wrote(at, doc.tag, changes, sure);
  }

  private wrote(at: number, tag: string, values: Doc, sure = true): void {
    this.writes += 1;
    const { fields } = this.histories.get(tag) as History;
    for (const [field, value] of Object.entries(values)) {
      const known = fields.get(field) ?? { last: new Map(), all: new Set(), doubtful: false };
      const text = JSON.stringify(value) ?? 'removed';
      known.last.set(at, text);
      known.all.add(text);
      known.doubtful ||= !sure;
      fields.set(field, known);
    }
  }

  /** Another client, which is not one of the devices, changes what the fake server has. */
  strange(server: FakeServer): void {
    const names = Object.keys(this.options.collections);
    const name = names[this.below(names.length)] as string;
    const docs = server.docs<Doc>(name).filter((doc) => this.histories.has(doc.tag));
    const doc = docs[this.below(docs.length)];
    if (doc === undefined) return;
    const changes = (this.options.change ?? defaultChange)(doc, this.random) as Doc;
    this.note(`somebody else changes ${name} ${doc.tag}: ${JSON.stringify(changes)}`);
    server.patch(name, doc.id, changes);
    this.wrote(STRANGER, doc.tag, changes);
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }
}

/** Whether a write was acknowledged; when its device dies meanwhile it may have been made or not. */
async function done(write: Promise<unknown>, dies: (() => void) | undefined): Promise<boolean> {
  if (dies === undefined) {
    await write;
    return true;
  }
  const ended = write.then(
    () => true,
    () => false,
  );
  dies();
  return ended;
}
