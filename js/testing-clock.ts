/**
 * A clock that stands still until it is told to go on, in place of the host's own.
 *
 * While it is installed `Date.now`, `setTimeout`, `setInterval` and what clears them are its own everywhere in this
 * process, so that hours pass in no time and always in the same way. Timers fire in their order, each after everything before it has settled.
 * Touches nothing until it is installed, and puts everything back.
 */

type Timer = { id: number; at: number; call: () => void; every?: number };
const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
const host = { setTimeout, clearTimeout, setInterval, clearInterval };
const { now } = Date;

/** Lets everything settle that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise<void>((resolve) => {
      const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => void };
      if (setImmediate === undefined) host.setTimeout(resolve, 0);
      else setImmediate(resolve);
    });
  }
}

/** A clock for tests. */
export class FakeClock {
  private timers: Timer[] = [];
  private last = 0;
  private time: number;

  /** Stands at `start`, in milliseconds since the Unix epoch. */
  constructor(start = 1_700_000_000_000) {
    this.time = start;
  }

  /** The time it shows. */
  now(): number {
    return this.time;
  }

  /** Takes the place of the host's clock; returns how to give it back. */
  install(): () => void {
    Date.now = () => this.time;
    const set = (repeats: boolean) =>
      ((call: (...args: unknown[]) => void, delay = 0, ...args: unknown[]) =>
        this.set(() => call(...args), Number(delay) || 0, repeats)) as unknown as typeof host.setTimeout;
    const clear = (id: unknown) => this.clear(id);
    const mine = { setTimeout: set(false), setInterval: set(true), clearTimeout: clear, clearInterval: clear };
    Object.assign(globalThis, mine);
    return () => {
      Date.now = now;
      Object.assign(globalThis, host);
    };
  }

  /** Goes on by so many milliseconds, timer by timer. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settle();
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.time = Math.max(this.time, next.at);
      next.call();
      await settle();
    }
    this.time = end;
  }

  /** Goes on until something holds, at most so many milliseconds; says whether it does. */
  async until(holds: () => boolean | Promise<boolean>, milliseconds = 3_600_000): Promise<boolean> {
    const end = this.time + milliseconds;
    await settle();
    while (!(await holds())) {
      const next = this.next(end);
      if (next === undefined) return false;
      this.time = Math.max(this.time, next.at);
      next.call();
      await settle();
    }
    return true;
  }

  private set(call: () => void, delay: number, repeats: boolean): number {
    this.last += 1;
    // A host waits at least a millisecond before it repeats; without that no time would ever pass.
    const wait = Math.max(repeats ? 1 : 0, delay);
    this.timers.push({ id: this.last, at: this.time + wait, call, ...(repeats && { every: wait }) });
    return this.last;
  }

  private clear(id: unknown): void {
    const mine = this.timers.length;
    this.timers = this.timers.filter((timer) => timer.id !== id);
    if (mine === this.timers.length) host.clearTimeout(id as never);
  }

  private next(end: number): Timer | undefined {
    const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at || a.id - b.id)[0];
    if (due === undefined) return undefined;
    if (due.every === undefined) this.timers = this.timers.filter((timer) => timer !== due);
    else
      this.timers = this.timers.map((timer) =>
        timer === due ? { ...due, at: due.at + (due.every as number) } : timer,
      );
    return due;
  }
}
