/**
 * Random schedules against the app's own conflict functions or adapter: two devices, one fake server, everything goes wrong.
 *
 * Each schedule is made from its seed alone (actions, faults, ids, time), so that one that fails can be run again. In the
 * end the faults stop, everything must arrive, and the documents are judged by what was written. Takes the clock and the
 * source of chance of this process while it runs: one replay at a time.
 */

import { open } from './index.js';
import { Author } from './testing-author.js';
import { generator, type Random, seedChance } from './testing-chance.js';
import { FakeClock, settle } from './testing-clock.js';
import { type Device, type Doc, disagreement, loss, stuck } from './testing-judge.js';
import { Network } from './testing-network.js';
import { FakeServer } from './testing-server.js';
import type { CollectionOptions, Database } from './types.js';
import type { Adapter } from './types-adapter.js';
import type { SyncReport } from './types-sync.js';
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
/** How a database is told to end as a page that dies. */
const ABANDON = Symbol.for('seakeep.abandon');
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
      report.writes += schedule.author.writes;
      if (message !== undefined) report.violations.push({ seed: seed + number, message, trace: schedule.trace });
    }
    return report;
  } finally {
    running = false;
  }
}

class Schedule {
  readonly trace: string[] = [];
  private readonly random: Random;
  private readonly clock = new FakeClock();
  private readonly server = new FakeServer();
  private readonly devices: Device[] = [];
  readonly author: Author;
  private readonly network: Network;

  constructor(
    private readonly options: ReplayOptions,
    private readonly seed: number,
  ) {
    this.random = generator(seed);
    for (const device of [0, 1])
      this.devices.push({ name: `replay-${++opened}-${device}`, db: undefined, online: true, life: 0 });
    const { url, fetch } = this.server;
    const note = (text: string) => this.note(text);
    this.network = new Network(url, fetch, this.devices, this.random, note);
    this.author = new Author(options, this.random, note);
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
    const server = { url: this.server.url, fetch: this.network.fetchOf(at) };
    const through =
      adapter === undefined
        ? { ...server, auth: () => ({ authorization: 'Bearer replay' }) }
        : { adapter: this.network.adapterOf(at, adapter(server, at)) };
    device.db = await open(device.name, { storage: 'memory', collections, sync: { ...TIMES, ...sync, ...through } });
  }

  private async step(): Promise<void> {
    const at = this.below(2);
    const device = this.devices[at] as Device;
    const roll = this.below(100);
    if (roll < 56) await this.author.write(at, device.db as Database);
    else if (roll < 68) {
      device.online = !device.online;
      this.note(`device ${at} is ${device.online ? 'online' : 'offline'}`);
    } else if (roll < 74) await this.reopen(at, 'closed', () => device.db?.close());
    else if (roll < 82) await this.reopen(at, 'killed', () => this.kill(at, device.db as Database));
    else if (roll < 88 && this.options.docs === undefined) this.author.strange(this.server);
    else if (roll < 90) this.restore();
    await this.clock.advance(this.below(this.random() < 0.3 ? 40_000 : 2_000));
  }

  private async reopen(at: number, how: string, end: () => Promise<void> | undefined): Promise<void> {
    const device = this.devices[at] as Device;
    this.note(`device ${at} is ${how} and opened again`);
    await end();
    device.life += 1;
    await this.open(at);
  }

  /** The device dies, half of the time while it writes. */
  private async kill(at: number, db: Database): Promise<void> {
    const die = (db as unknown as { [ABANDON]: () => void })[ABANDON];
    if (this.random() < 0.5) return die();
    await this.author.write(at, db, die);
  }

  /** The server knows no checkpoints any more, which an adapter may not be told. */
  private restore(): void {
    if (this.options.adapter !== undefined) return;
    this.note('the server answers 410 to every checkpoint so far');
    this.server.forget();
  }

  private async heal(): Promise<void> {
    this.network.healed = true;
    this.note('the faults stop');
    for (const device of this.devices) device.online = true;
    for (let round = 0; round < 3; round++) {
      for (const { db } of this.devices) {
        if (db === undefined) continue;
        await this.pass(db);
        await unblock(db);
        await this.clock.until(() => db.sync.status.pending === 0, 600_000);
      }
    }
    await settle();
  }

  /** A whole pass; where a server asked for a pause, or for a login, after that. */
  private async pass(db: Database): Promise<void> {
    for (let tries = 0; tries < 30; tries++) {
      let report: SyncReport | undefined;
      void db.sync.now().then((said) => {
        report = said;
      });
      await this.clock.until(() => report !== undefined);
      if (report?.skipped === undefined) return;
      await this.clock.advance(5_000);
    }
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
      const wrong = await loss(name, docs, this.author.histories, this.devices);
      if (wrong !== undefined) return wrong;
      const own = this.options.check?.(name, docs);
      if (own !== undefined) return `${name}: ${own}`;
    }
    return undefined;
  }
}

/** Sends again what lost five requests in a row by chance, as a person would. */
async function unblock(db: Database): Promise<void> {
  for (const { mutationId, lastError } of await db.outbox.list({ state: 'parked' })) {
    if (lastError?.code === 'NETWORK_BLOCKED') await db.outbox.retry(mutationId);
  }
}
