// Waiting for what must become true, with a deadline; nothing here sleeps for a guessed time.

const EVERY_MS = 30;
const TIMEOUT_MS = 15_000;

/** Asks again until the answer is there; an answer is anything but undefined, null and false. */
export async function until(what, ask, timeout = TIMEOUT_MS) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last !== undefined && last !== null && last !== false) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${timeout} ms in vain: ${what}; at the end: ${shown(last)}`);
    await pause();
  }
}

/** Repeats a block of assertions until all of them hold. */
export async function eventually(what, assertions, timeout) {
  await until(
    what,
    async () => {
      await assertions();
      return true;
    },
    timeout,
  );
}

/** A promise that must settle in time. */
export function within(what, promise, timeout = TIMEOUT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${timeout} ms`)), timeout);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}

function shown(value) {
  return value instanceof Error ? value.message : JSON.stringify(value);
}
