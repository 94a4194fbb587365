/**
 * Durations in a fixed number of buckets: adding one costs a few nanoseconds, and memory does not grow.
 *
 * Four buckets for each octave from a microsecond to four hours; a percentile is right within a tenth. Least and most
 * are exact.
 */

import type { Histogram } from './types-told.js';

const PER_OCTAVE = 4;
const BUCKETS = 34 * PER_OCTAVE;
/** Buckets begin at 1/1024 ms. */
const FINEST = 1024;

/** Counts durations. */
export class Durations {
  private readonly buckets = new Uint32Array(BUCKETS);
  private count = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = 0;

  /** Adds one, in milliseconds. A clock that went back counts as no time. */
  add(ms: number): void {
    const took = ms > 0 ? ms : 0;
    const at = took * FINEST <= 1 ? 0 : Math.floor(Math.log2(took * FINEST) * PER_OCTAVE);
    const bucket = at < BUCKETS ? at : BUCKETS - 1;
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1;
    this.count++;
    if (took < this.min) this.min = took;
    if (took > this.max) this.max = took;
  }

  /** The distribution so far; all 0 when there was nothing. */
  summary(): Histogram {
    const { count, max } = this;
    if (count === 0) return { count, min: 0, p50: 0, p95: 0, p99: 0, max };
    return {
      count,
      min: this.min,
      p50: this.percentile(0.5),
      p95: this.percentile(0.95),
      p99: this.percentile(0.99),
      max,
    };
  }

  private percentile(part: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * part));
    let seen = 0;
    let bucket = -1;
    while (seen < wanted) seen += this.buckets[++bucket] as number;
    const middle = 2 ** ((bucket + 0.5) / PER_OCTAVE) / FINEST;
    return Math.min(this.max, Math.max(this.min, middle));
  }
}
