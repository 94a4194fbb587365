/**
 * The report on everything: what a person who reports a fault should send along.
 *
 * It is made when things fail, so nothing in it may fail or wait: what does not answer within two seconds is left out, and
 * a handle that has crashed or was taken over still says what it knows. It holds no document, no id, no user, no header and
 * no address; names are those that the app gave to its database and its collections.
 */

import { capabilities } from './capabilities.js';
import type { Handle } from './handle.js';
import { BUILD, version } from './load.js';
import type { Diagnosis } from './types-diagnosis.js';

const PATIENCE = 2_000;

/** The report; CLOSED once the app has closed the handle. */
export async function diagnose(handle: Handle, name: string): Promise<Diagnosis> {
  handle.unclosed();
  const { config } = handle.checked;
  const { storage } = globalThis.navigator ?? {};
  const [answers = false, space = {}, persisted, stats] = await Promise.all([
    inTime(() => handle.run(async (client) => (await client.mark()) !== undefined)),
    inTime<StorageEstimate>(() => storage?.estimate?.()),
    inTime<boolean>(() => storage?.persisted?.()),
    inTime(() => handle.run((client) => client.stats())),
  ]);
  const { storeId = '', clockOffset = 0 } = handle.about();
  const { status, network, oldest } = handle.told;
  const { pending, parked, conflicts, holds, error: _, progress: _progress, ...sync } = status;
  const { measured: _measured, ...metrics } = handle.meter.snapshot();
  return given({
    at: Date.now(),
    version,
    build: BUILD,
    capabilities: capabilities(),
    storage: {
      kind: config.storage,
      durability: config.durability,
      answers,
      usage: space.usage,
      quota: space.quota,
      persisted,
    },
    sync: { ...network, ...sync, auto: config.sync?.auto ?? false, holds: holds.length, clockOffset },
    counters: { pending, parked, conflicts, oldest, stats, metrics },
    lastErrors: handle.lastErrors.list(),
    database: { name, schemaVersion: config.version, storeId },
  }) as Diagnosis;
}

/** What a question is answered with; undefined when it fails, when nobody can be asked, or when it takes too long. */
async function inTime<A>(ask: () => Promise<A> | undefined): Promise<A | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The same without what is not known. */
function given(report: { [part: string]: unknown }): object {
  const known = ([, value]: [string, unknown]) => value !== undefined;
  const part = (value: unknown) =>
    value?.constructor === Object ? given(value as { [part: string]: unknown }) : value;
  return Object.fromEntries(
    Object.entries(report)
      .filter(known)
      .map(([name, value]) => [name, part(value)]),
  );
}
