/**
 * Who waits for the end of which change.
 *
 * A change may end in the very commit that made it, before anybody could watch it: such ends are kept for a while. Each
 * end is told once. What an end means is not looked at.
 */

import type { EngineEvent } from './binding.js';
import type { SeakeepError } from './errors.js';

/** The end of one change. */
export type Settled = Extract<EngineEvent, { type: 'settled' }>;
/** Called once: with the end, or with why there will be none. */
export type Settle = (settled: Settled | SeakeepError) => void;

/** How many ends are kept for those who watch a moment later. */
const MOST_EARLY = 256;

/** The watched changes of one handle. */
export class Watches {
  private readonly waiting = new Map<string, Settle[]>();
  private readonly early = new Map<string, Settled>();

  /** Calls `settle` when the change has reached its end: now, when it already has. */
  add(mutationId: string, settle: Settle): void {
    const early = this.early.get(mutationId);
    const others = this.waiting.get(mutationId);
    if (early !== undefined) settle(early);
    else if (others === undefined) this.waiting.set(mutationId, [settle]);
    else others.push(settle);
  }

  /** A change has ended. */
  settle(event: Settled): void {
    const waiting = this.waiting.get(event.mutationId);
    this.waiting.delete(event.mutationId);
    waiting?.forEach((settle) => void settle(event));
    if (waiting === undefined) this.keep(event);
  }

  /** No end will come any more. */
  fail(cause: SeakeepError): void {
    for (const settles of this.waiting.values()) for (const settle of settles) settle(cause);
    this.waiting.clear();
  }

  private keep(event: Settled): void {
    this.early.set(event.mutationId, event);
    const oldest = this.early.keys().next();
    if (this.early.size > MOST_EARLY && !oldest.done) this.early.delete(oldest.value);
  }
}
