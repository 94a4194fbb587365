/**
 * Random schedules against the app's own conflict functions or adapter: two devices, one fake server, everything goes wrong.
 *
 * Each schedule is made from its seed alone (actions, faults, ids, time), so that one that fails can be run again. In the
 * end the faults stop, everything must arrive, and the documents are judged by what was written. Takes the clock and the
 * source of chance of this process while it runs: one replay at a time.
 */

import { open } from './index.js';
import { defaultChange, defaultDocument, generator, type Random, seedChance } from './testing-chance.js';
import { FakeClock, settle } from './testing-clock.js';
import { type Device, type Doc, disagreement, type History, loss, stuck } from './testing-judge.js';
import { FakeServer } from './testing-server.js';
import type { CollectionOptions, Database } from './types.js';
import type { Adapter } from './types-adapter.js';
import type { SyncOptions } from './types-sync-options.js';

/** What to run. */
export interface ReplayOptions {
  /** As given to open(), with the conflict functions to be tried. */
  // biome-ignore lint/suspicious/noExplicitAny: the documents are the app's own.
  collections: { [name: string]: CollectionOptions<any> };
  /** How many schedules (default 50). */
  schedules?: number;
  /** Of the first schedule; the next ones count up (default: by chance). */
  seed?: number;
  /** Actions in each (default 40). */
  steps?: number;
  /** The adapter to be tried, one for each device, over a fetch that fails; without it the devices speak the REST profile. */
  adapter?: (server: { url: string; fetch: typeof fetch }, device: number) => Adapter;
  /** Where the adapter's back end is not the fake server: the documents it has. */
  docs?: (collection: string) => object[] | Promise<object[]>;
  /** A new document, without `id` and `tag` (the replay's own mark); default: a few fields. */
  create?: (random: Random) => object;
  /** Changes of a document by field; default: one or two of those fields. */
  change?: (doc: Doc, random: Random) => object;
  /** Whether devices also remove documents (default false): then only that all agree is checked for those. */
  removes?: boolean;
  /** The app's own rules for what a collection holds in the end; returns what is wrong. */
  check?: (collection: string, docs: Doc[]) => string | undefined;
  /** Further options of sync. */
  sync?: Partial<SyncOptions>;
}
/** Something that must not be. */
export interface ReplayViolation {
  /** `replay({ ...options, seed, schedules: 1 })` does it again. */
  seed: number;
  /** What is wrong. */
  message: string;
  /** What happened, in order. */
  trace: string[];
}
/** What came of it. */
export interface ReplayReport {
  schedules: number;
  seed: number;
  writes: number;
  violations: ReplayViolation[];
}

const TIMES = { startDelay: 0, interval: 30_000, pullInterval: 5_000, timeout: 10_000 };
/** Faults of one request in a hundred. */
const FAULTS: [number, 'before' | 'after' | 'twice' | 'slow'][] = [
  [12, 'before'],
  [24, 'after'],
  [36, 'twice'],
  [46, 'slow'],
];
let running = false;
let opened = 0;

/** Runs schedules and reports what was violated, each with its seed. */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  if (running) throw new Error('replay(): another one is running; it has the clock of this process');
  running = true;
  try {
    const seed = options.seed ?? Math.floor(Math.random() * 1_000_000_000);
    const report: ReplayReport = { schedules: options.schedules ?? 50, seed, writes: 0, violations: [] };
    for (let number = 0; number < report.schedules; number++) {
      const schedule = new Schedule(options, seed + number);
      const message = await schedule.run();
      report.writes += schedule.writes;
      if (message !== undefined) report.violations.push({ seed: seed + number, message, trace: schedule.trace });
    }
    return report;
  } finally {
    running = false;
  }
}

class Schedule {
  readonly trace: string[] = [];
  writes = 0;
  private readonly random: Random;
  private readonly clock = new FakeClock();
  private readonly server = new FakeServer();
  private readonly devices: Device[] = [];
  private readonly histories = new Map<string, History>();
  private healed = false;

  constructor(
    private readonly options: ReplayOptions,
    private readonly seed: number,
  ) {
    this.random = generator(seed);
    for (const device of [0, 1])
      this.devices.push({ name: `replay-${++opened}-${device}`, db: undefined, online: true });
  }

  /** What is wrong in the end, if anything. */
  async run(): Promise<string | undefined> {
    const restore = [this.clock.install(), seedChance(generator(this.seed + 0.5))];
    try {
      for (const device of [0, 1]) await this.open(device);
      for (let step = 0; step < (this.options.steps ?? 40); step++) await this.step();
      await this.heal();
      return await this.judge();
    } catch (thrown) {
      return `the schedule failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    } finally {
      for (const { db } of this.devices) await db?.close();
      for (const back of restore) back();
    }
  }

  private note(text: string): void {
    this.trace.push(`${String(this.clock.now() - 1_700_000_000_000).padStart(8)} ${text}`);
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }

  private async open(at: number): Promise<void> {
    const device = this.devices[at] as Device;
    const { adapter, collections, sync } = this.options;
    const through =
      adapter === undefined
        ? { url: this.server.url, fetch: this.network(at) }
        : { adapter: this.wrapped(adapter({ url: this.server.url, fetch: this.network(at) }, at), at) };
    device.db = await open(device.name, { storage: 'memory', collections, sync: { ...TIMES, ...sync, ...through } });
  }

  /** The way from one device to the server. */
  private network(at: number): typeof fetch {
    return ((input: string, init: RequestInit) =>
      this.carry(at, `${init.method ?? 'GET'} ${input.slice(this.server.url.length)}`, () =>
        this.server.fetch(input, init),
      )) as typeof fetch;
  }

  private wrapped(adapter: Adapter, at: number): Adapter {
    const { pull, get } = adapter;
    return {
      push: async (changes, context) => {
        const results = await this.carry(at, `push ${changes.length}`, () => adapter.push(changes, context));
        return this.random() < 0.3 && Array.isArray(results) ? [...results].reverse() : results;
      },
      ...(pull && {
        pull: (request, context) =>
          this.carry(at, `pull ${request.collection}`, () => pull.call(adapter, request, context)),
      }),
      ...(get && {
        get: (request, context) =>
          this.carry(at, `get ${request.collection}`, () => get.call(adapter, request, context)),
      }),
    };
  }

  /** One request: lost before or after, done twice, late, or done. */
  private async carry<R>(at: number, what: string, send: () => Promise<R>): Promise<R> {
    const device = this.devices[at] as Device;
    const roll = this.below(100);
    const fault = this.healed ? undefined : FAULTS.find(([below]) => roll < below)?.[1];
    this.note(`device ${at}: ${what}${fault === undefined ? '' : ` (${fault})`}${device.online ? '' : ' (offline)'}`);
    if (!device.online || fault === 'before') throw new TypeError('no connection');
    if (fault === 'slow') await this.wait(this.below(9_000));
    if (fault === 'twice') await send().catch(() => undefined);
    const answer = await send();
    if (fault === 'after' || !device.online) throw new TypeError('the connection was lost');
    return answer;
  }

  private wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  private async step(): Promise<void> {
    const at = this.below(2);
    const device = this.devices[at] as Device;
    const roll = this.below(100);
    if (roll < 60) await this.write(at, device.db as Database);
    else if (roll < 72) {
      device.online = !device.online;
      this.note(`device ${at} is ${device.online ? 'online' : 'offline'}`);
    } else if (roll < 80) {
      this.note(`device ${at} is closed and opened again`);
      await device.db?.close();
      await this.open(at);
    }
    await this.clock.advance(this.below(this.random() < 0.3 ? 40_000 : 2_000));
  }

  private async write(at: number, db: Database): Promise<void> {
    const names = Object.keys(this.options.collections);
    const name = names[this.below(names.length)] as string;
    const collection = db.collection(name);
    const docs: Doc[] = (await collection.query()).filter((doc) => this.histories.has(doc.tag));
    const doc = docs[this.below(docs.length)];
    if (doc === undefined || (docs.length < 4 && this.random() < 0.3)) {
      const tag = `d${this.histories.size}`;
      const made = { ...(this.options.create ?? defaultDocument)(this.random), tag } as Doc;
      this.histories.set(tag, { collection: name, fields: new Map(), removed: false });
      this.note(`device ${at} makes ${name} ${tag}: ${JSON.stringify(made)}`);
      await collection.put(made);
      return this.wrote(at, tag, made);
    }
    const history = this.histories.get(doc.tag) as History;
    if (this.options.removes && this.random() < 0.1) {
      this.note(`device ${at} removes ${name} ${doc.tag}`);
      await collection.remove(doc.id);
      history.removed = true;
      return;
    }
    const changes = (this.options.change ?? defaultChange)(doc, this.random) as Doc;
    this.note(`device ${at} changes ${name} ${doc.tag}: ${JSON.stringify(changes)}`);
    await collection.patch(doc.id, changes);
    this.wrote(at, doc.tag, changes);
  }

  private wrote(at: number, tag: string, values: Doc): void {
    this.writes += 1;
    const { fields } = this.histories.get(tag) as History;
    for (const [field, value] of Object.entries(values)) {
      const known = fields.get(field) ?? { last: new Map(), all: new Set() };
      const text = JSON.stringify(value) ?? 'removed';
      known.last.set(at, text);
      known.all.add(text);
      fields.set(field, known);
    }
  }

  private async heal(): Promise<void> {
    this.healed = true;
    this.note('the faults stop');
    for (const device of this.devices) device.online = true;
    for (let round = 0; round < 3; round++) {
      for (const { db } of this.devices) {
        let done = false;
        db?.sync.now().finally(() => {
          done = true;
        });
        await this.clock.until(() => done);
        await this.clock.until(() => db?.sync.status.pending === 0, 600_000);
      }
    }
    await settle();
  }

  private async judge(): Promise<string | undefined> {
    const waits = await stuck(this.devices);
    if (waits !== undefined) return waits;
    const there = async (name: string) => (await (this.options.docs?.(name) ?? this.server.docs(name))) as Doc[];
    const names = Object.keys(this.options.collections);
    for (const name of names) {
      const wrong = await disagreement(name, await there(name), this.devices);
      if (wrong !== undefined) return wrong;
    }
    for (const name of names) {
      const docs = await there(name);
      const wrong = loss(name, docs, this.histories);
      if (wrong !== undefined) return wrong;
      const own = this.options.check?.(name, docs);
      if (own !== undefined) return `${name}: ${own}`;
    }
    return undefined;
  }
}
