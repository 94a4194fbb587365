/**
 * One open handle: the engine's client behind a guard, and what belongs to it: memory, listeners, watched changes.
 *
 * Every call goes through `run`: it refuses after close, makes a SeakeepError of every rejection, and settles even when
 * the engine has crashed. Decides nothing about documents. The engine calls `receive` from a fresh task.
 */

import type { Transport } from './adapter.js';
import type { Client, EngineEvent, NetworkOut, StatusOut } from './binding.js';
import { type CollectionCache, memoryTier } from './cache.js';
import type { Checked } from './config.js';
import { fromOut, isErrorOut, isSeakeepError, refuse, type SeakeepError, thrownName, toInfo } from './errors.js';
import { type Emitter, emitter, type Listeners, listeners } from './events.js';
import { LastErrors } from './last-errors.js';
import { causeName, type Log, logSync, logTo, STORE_LEVELS, SYNC_LEVELS } from './log.js';
import { Meter, type Timed } from './metrics.js';
import { receive } from './receive.js';
import type { SyncTriggers } from './types-sync.js';
import { Watches } from './watches.js';

/** What a standing query gives to be woken. */
export interface Wakeable {
  collection: string;
  wake(): void;
  close(): void;
}
/** The status as the engine told it last. */
export interface Told {
  status: StatusOut;
  network: NetworkOut;
  oldest?: number;
  triggers: SyncTriggers;
}

/** After so many turns everybody who awaits an answer, also through a few functions of the app, has gone on. */
const TURNS = 24;

/** State and wiring of one open database. */
export class Handle {
  /** Tells the app that one of its functions failed. */
  readonly report = (what: string, thrown: unknown): void => this.failed(what, thrown);
  readonly events: Emitter = emitter('on', Object.keys(STORE_LEVELS), this.report);
  readonly syncEvents: Emitter = emitter('sync.on', Object.keys(SYNC_LEVELS), this.report);
  readonly statusChanges: Listeners<Told> = listeners('subscribe', this.report);
  readonly settingChanges: Listeners<string> = listeners('settings.subscribe', this.report);
  readonly lives = new Set<Wakeable>();
  readonly watches = new Watches();
  readonly meter = new Meter(this.report);
  readonly lastErrors: LastErrors;
  readonly log: Log;
  /** Whether anybody reads the log: otherwise no line is made. */
  private readonly logs: boolean;
  private lastTold: Told;
  /** News that was fetched for its state and not passed on yet. */
  private unheard: EngineEvent[] = [];
  /** Whether the engine has news that was not fetched. */
  private behind = false;
  private client!: Client;
  private readonly caches: (collection: string) => CollectionCache;
  private readonly dropAll: () => void;
  private readonly open = new Set<(cause: SeakeepError) => void>();
  private ended: SeakeepError | undefined;
  private closing: Promise<void> | undefined;
  private listen: Transport['listen'] | undefined;
  private deaf: (() => void) | undefined;
  /** Called when no call of the engine is open. */
  private idle: (() => void) | undefined;

  constructor(
    readonly checked: Checked,
    online: boolean,
    private readonly release: () => void,
  ) {
    this.log = logTo(checked.log);
    this.lastErrors = new LastErrors([...checked.validators.keys()]);
    this.logs = checked.log !== 'off';
    const tier = memoryTier(checked.cache, () => this.run((client) => client.mark()), this.meter.cache);
    this.caches = tier.collection;
    this.dropAll = tier.drop;
    const { sync } = checked.config;
    const state = sync === undefined ? 'disabled' : 'idle';
    const counts = { pending: 0, parked: 0, conflicts: 0 };
    this.lastTold = {
      status: { state, phase: 'idle', online, leader: false, ...counts, holds: [] },
      network: { online, saveData: false, good: online },
      triggers: { running: [], waiting: [] },
    };
  }

  /** Gives the engine's client to a handle that has been told things before it was there. */
  attach(client: Client): void {
    this.client = client;
  }

  /** Takes the news of an adapter, as long as sync runs. */
  follow(listen: Transport['listen'] | undefined): void {
    this.listen = listen;
    if (this.checked.config.sync?.auto) this.hear(true);
  }

  /** Begins or ends to hear of news. */
  hear(on: boolean): void {
    this.deaf?.();
    const pull = (collection: string | undefined) => {
      const pass = { push: false, pull: true, full: false, ...(collection === undefined ? {} : { collection }) };
      return this.run((client) => client.now(pass)).catch(() => undefined);
    };
    this.deaf = on ? this.listen?.(pull) : undefined;
  }

  cache(collection: string): CollectionCache {
    return this.caches(collection);
  }

  /** Whether this handle can do nothing more. */
  isEnded(): boolean {
    return this.ended !== undefined;
  }

  /** Throws once the app has closed it: a handle that ended otherwise can still say why. */
  unclosed(): void {
    if (this.closing !== undefined) this.alive();
  }

  /** What the engine says of itself, as long as there is one. */
  about(): Partial<ReturnType<Client['about']>> {
    try {
      return this.ended?.code === 'ENGINE_CRASHED' ? {} : this.client.about();
    } catch {
      return {};
    }
  }

  /** Checks what the app gives: a refusal of it is among the last errors. */
  checks<R>(work: () => R): R {
    try {
      return work();
    } catch (thrown) {
      if (isSeakeepError(thrown)) this.lastErrors.note(thrown);
      throw thrown;
    }
  }

  /** Throws CLOSED or ENGINE_CRASHED when this handle can do nothing more. */
  alive(): void {
    if (this.ended !== undefined) throw this.ended;
  }

  /** A call of the engine that settles in any case; timed as what it is for. */
  run<R>(work: (client: Client) => Promise<R>, timed?: Timed): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      if (this.ended !== undefined) return reject(this.ended);
      this.open.add(reject);
      const since = timed === undefined ? 0 : performance.now();
      const done = (result: R) => {
        if (timed !== undefined) this.took(timed, since);
        resolve(result);
        settled();
      };
      const failed = (thrown: unknown) => {
        const cause = this.explain(thrown);
        if (timed !== undefined) this.took(timed, since, cause);
        reject(cause);
        settled();
      };
      const settled = () => {
        this.open.delete(reject);
        if (this.open.size === 0) this.idle?.();
      };
      try {
        work(this.client).then(done, failed);
      } catch (thrown) {
        failed(thrown);
      }
    });
  }

  /** One request of the engine by the app's fetch, or the global one. */
  async request(send: typeof fetch, url: string, init: RequestInit): Promise<Response> {
    const since = performance.now();
    const about = { method: init.method ?? 'GET' };
    try {
      const response = await send(url, init);
      this.took('request', since, undefined, { ...about, status: response?.status });
      return response;
    } catch (thrown) {
      this.took('request', since, thrown ?? 'nothing', about);
      throw thrown;
    }
  }

  /** A call of the engine that answers at once. */
  runNow<R>(work: (client: Client) => R): R {
    this.alive();
    try {
      return work(this.client);
    } catch (thrown) {
      throw this.explain(thrown);
    }
  }

  /** Closes once; every call gets the same promise. */
  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  /** Ends as a page that dies does; for the test kit. */
  abandon(): void {
    this.end(refuse('CLOSED', 'this handle was abandoned'));
    this.client.abandon();
  }

  /** The engine can do nothing more: whatever is open is rejected. */
  crash(text: string): void {
    const cause = refuse('ENGINE_CRASHED', `the engine stopped: ${text}`, {
      hint: 'reload the page; what was acknowledged is stored',
    });
    this.lastErrors.note(cause);
    this.end(cause);
  }

  /** The status as the engine told it last. */
  get told(): Told {
    if (this.behind) {
      this.unheard.push(...this.fetch());
      // Who is told the newest one is told none of those before it afterwards.
      const newest = this.unheard.filter((event) => event.type === 'status').at(-1);
      this.unheard = this.unheard.filter((event) => event.type !== 'status' || event === newest);
      this.lastTold = newest ?? this.lastTold;
    }
    return this.lastTold;
  }

  set told(told: Told) {
    this.lastTold = told;
  }

  /** Everything that happened since the last call, in order. */
  receive(batch: EngineEvent[]): void {
    receive(this, [...this.unheard.splice(0), ...batch]);
  }

  /** The engine has news that came with an answer: it is passed on after that answer. */
  async hasNews(): Promise<void> {
    this.behind = true;
    for (let turn = 0; turn < TURNS; turn++) await undefined;
    this.receive(this.fetch());
  }

  private fetch(): EngineEvent[] {
    this.behind = false;
    try {
      return this.ended?.code === 'ENGINE_CRASHED' ? [] : this.client.news();
    } catch (thrown) {
      this.explain(thrown);
      return [];
    }
  }

  /** An event of sync, for the numbers and the log. */
  countSync(name: string, detail: object): void {
    this.meter.count(name);
    if (this.logs) logSync(this.log, name, detail);
  }

  /** An event of the store, for the log. */
  logStore(name: string): void {
    if (this.logs) this.log(STORE_LEVELS[name] ?? 'info', 'store', name);
  }

  /** What is kept in memory is not to be believed any more. */
  forget(): void {
    this.dropAll();
  }

  private failed(what: string, thrown: unknown): void {
    const message = `a listener of ${what} threw ${thrownName(thrown)}`;
    this.log('warn', 'listener', message);
    if (what.includes('listener-error')) return;
    if (this.checked.log === 'off' && this.events.count('listener-error') === 0) console.error(`[seakeep] ${message}`);
    const error = { code: 'LISTENER_ERROR', message, retryable: false, at: Date.now() };
    this.lastErrors.note(error);
    this.events.emit('listener-error', toInfo(error));
  }

  private took(what: Timed, since: number, failed?: unknown, about?: object): void {
    this.meter.note(what, since, failed);
    if (!this.logs) return;
    const ms = Math.round((performance.now() - since) * 1000) / 1000;
    const end = failed === undefined ? 'done' : `failed: ${causeName(failed)}`;
    const scope = what === 'request' ? 'net' : 'store';
    this.log(failed === undefined ? 'debug' : 'info', scope, `${what} ${end}`, { ms, ...about });
  }

  private async shut(): Promise<void> {
    const crashed = this.ended !== undefined;
    this.end(refuse('CLOSED', 'this handle is closed'), false);
    this.events.clear();
    this.syncEvents.clear();
    if (!crashed)
      await this.client.close().catch((thrown) => this.log('warn', 'close', `closing failed: ${thrownName(thrown)}`));
    this.release();
  }

  /** Nothing more begins here; what is under way is told how it really ended, then the engine closes. */
  retire(cause: SeakeepError): void {
    this.lastErrors.note(cause);
    this.end(cause, false);
    this.idle = () => {
      this.idle = undefined;
      void this.client.close().catch(() => undefined);
      this.release();
    };
    if (this.open.size === 0) this.idle();
  }

  /** Calls already made go on to their own end when the engine still can. */
  private end(cause: SeakeepError, rejectOpen = true): void {
    if (this.ended !== undefined) return;
    this.ended = cause;
    this.hear(false);
    if (rejectOpen) for (const reject of this.open) reject(cause);
    this.watches.fail(cause);
    for (const live of [...this.lives]) live.close();
    this.statusChanges.clear();
    this.meter.end();
    this.settingChanges.clear();
    this.dropAll();
    if (rejectOpen) this.release();
  }

  /** A rejection that is not an error of the engine's own kind is a crash. */
  private explain(thrown: unknown): SeakeepError {
    if (isSeakeepError(thrown)) return thrown;
    if (isErrorOut(thrown)) {
      this.lastErrors.note(thrown);
      return fromOut(thrown);
    }
    this.crash(thrownName(thrown));
    return this.ended as SeakeepError;
  }
}
