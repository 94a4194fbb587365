/**
 * The lock between the tabs of a database, where the browser has such locks: who holds it is told when the one before
 * lets go, or dies.
 *
 * Nothing depends on it: without it, or with one that never comes, all goes on a little later.
 */

/** Asks for a lock and keeps it; `granted` is called when it is ours. Returns how to give it up, held or not. */
export function takeLock(name: string, granted: () => void): () => void {
  const controller = new AbortController();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hold = () => {
    if (!controller.signal.aborted) granted();
    return held;
  };
  try {
    // Refused, or given up before it came: then there is no lock.
    globalThis.navigator?.locks?.request(`seakeep:${name}`, { signal: controller.signal }, hold).catch(() => {});
  } catch {
    // A frame without an origin of its own has none.
  }
  return () => {
    release();
    controller.abort();
  };
}
