/**
 * How the database performs on this page: durations, the memory tier, counters of sync; for the app and for OpenTelemetry.
 *
 * Counting is always on and nearly free; spans exist only while somebody exports, timers only while somebody listens and
 * something happens. Never holds ids or content of documents.
 */

import { mustBe } from './check.js';
import { refuse } from './errors.js';
import { type Listeners, listeners, type Report } from './events.js';
import { Durations } from './histogram.js';
import { causeName } from './log.js';
import type { MetricItem, MetricSpan, Metrics, MetricsSnapshot } from './types-told.js';

/** What is timed. */
export type Timed = 'write' | 'read' | 'query' | 'request';
/** Counts of the memory tier. */
export interface CacheCounts {
  hits: number;
  misses: number;
  evictions: number;
}

const MOST_NAMES = 100;
const MOST_SPANS = 512;
const BETWEEN = 1000;
const COUNTED: { [event: string]: keyof MetricsSnapshot['sync'] } = {
  acknowledged: 'succeeded',
  parked: 'failed',
  rejected: 'failed',
  retrying: 'retried',
};

/** Counts what one handle does. */
export class Meter {
  readonly cache: CacheCounts = { hits: 0, misses: 0, evictions: 0 };
  openMs = 0;
  /** Memory of the compiled module, once it is there. */
  wasmBytes: () => number = () => 0;
  private readonly sync = { succeeded: 0, failed: 0, retried: 0 };
  private readonly timed = {
    write: new Durations(),
    read: new Durations(),
    query: new Durations(),
    request: new Durations(),
  };
  private readonly measured = new Map<string, Durations>();
  private readonly told: Listeners<MetricsSnapshot>;
  private readonly sinks: Listeners<MetricItem[]>;
  private readonly trace = hex(16);
  private readonly begun = performance.now();
  private spans: MetricSpan[] = [];
  private lastSpan = 0;
  private sent: { [name: string]: number } = {};
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(report: Report) {
    this.told = listeners('metrics.subscribe', report);
    this.sinks = listeners('metrics.export', report);
  }

  /** Something that began at `since` has ended. */
  note(what: Timed, since: number, failed?: unknown): void {
    const now = performance.now();
    this.timed[what].add(now - since);
    if (this.sinks.size > 0) this.span(`seakeep.${what}`, since, now, failed);
    this.moved();
  }

  /** An event of sync. */
  count(event: string): void {
    const what = COUNTED[event];
    if (what === undefined) return;
    this.sync[what]++;
    this.moved();
  }

  /** Times work of the app. */
  async measure<R>(name: string, work: () => Promise<R>): Promise<R> {
    if (typeof name !== 'string' || name === '') throw mustBe('ARGUMENT_TYPE', 'name', 'a non-empty string', name);
    if (typeof work !== 'function') throw mustBe('ARGUMENT_TYPE', 'work', 'a function', work);
    const since = performance.now();
    const end = (failed?: unknown) => {
      const now = performance.now();
      this.durations(name)?.add(now - since);
      if (this.sinks.size > 0) this.span(name, since, now, failed);
      this.moved();
    };
    try {
      const result = await work();
      end();
      return result;
    } catch (thrown) {
      end(thrown ?? refuse('CLIENT', 'the work failed'));
      throw thrown;
    }
  }

  snapshot(): MetricsSnapshot {
    const { write, read, query, request } = this.timed;
    return {
      cache: { ...this.cache },
      writeMs: write.summary(),
      readMs: read.summary(),
      queryMs: query.summary(),
      requestMs: request.summary(),
      sync: { ...this.sync },
      measured: Object.fromEntries([...this.measured].map(([name, durations]) => [name, durations.summary()])),
      wasmBytes: this.wasmBytes(),
      openMs: this.openMs,
    };
  }

  /** The public face. */
  face(alive: () => void): Metrics {
    return {
      measure: (name, work) => this.measure(name, work),
      snapshot: () => this.snapshot(),
      subscribe: (listener) => {
        alive();
        return this.told.addNow(listener, this.snapshot());
      },
      export: (sink) => {
        alive();
        const stop = this.sinks.add(sink);
        return () => {
          this.flush();
          stop();
        };
      },
    };
  }

  /** Hands out what is left, and stops. */
  end(): void {
    this.flush();
    this.told.clear();
    this.sinks.clear();
    clearTimeout(this.timer);
  }

  private durations(name: string): Durations | undefined {
    const known = this.measured.get(name);
    if (known !== undefined || this.measured.size >= MOST_NAMES) return known;
    const durations = new Durations();
    this.measured.set(name, durations);
    return durations;
  }

  private moved(): void {
    if (this.timer !== undefined || this.told.size + this.sinks.size === 0) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
      if (this.told.size > 0) this.told.emit(this.snapshot());
    }, BETWEEN);
  }

  private span(name: string, since: number, now: number, failed: unknown): void {
    const status: MetricSpan['status'] = failed === undefined ? { code: 1 } : { code: 2, message: causeName(failed) };
    this.spans.push({
      type: 'span',
      traceId: this.trace,
      spanId: (++this.lastSpan).toString(16).padStart(16, '0'),
      name,
      startTimeUnixNano: nano(since),
      endTimeUnixNano: nano(now),
      attributes: {},
      status,
    });
    if (this.spans.length >= MOST_SPANS) this.flush();
  }

  /** Spans since the last time, and the counters that moved. */
  private flush(): void {
    if (this.sinks.size === 0) return;
    const batch: MetricItem[] = this.spans;
    this.spans = [];
    const [startTimeUnixNano, timeUnixNano] = [nano(this.begun), nano(performance.now())];
    const counters = { ...prefixed('seakeep.cache.', this.cache), ...prefixed('seakeep.sync.', this.sync) };
    for (const [name, value] of Object.entries(counters)) {
      if (value === (this.sent[name] ?? 0)) continue;
      this.sent[name] = value;
      batch.push({ type: 'sum', name, unit: '1', startTimeUnixNano, timeUnixNano, value, attributes: {} });
    }
    if (batch.length > 0) this.sinks.emit(batch);
  }
}

function prefixed(prefix: string, counts: object): { [name: string]: number } {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [prefix + name, value]));
}

/** A moment of the page's steady clock as nanoseconds since the epoch. */
function nano(at: number): string {
  return String(BigInt(Math.round((performance.timeOrigin + at) * 1000)) * 1000n);
}

/** Random bytes as text. */
function hex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
}
