/**
 * `seakeep/testing`: what an app needs to test its own code on this package, in Node or in a browser.
 *
 * A database in memory, a fake server that speaks the REST profile and fails on order, a clock that goes when it is told
 * to, and `replay`, which runs conflict functions and adapters through random schedules. Costs nothing where it is not
 * imported.
 */

import { open } from './index.js';
import type { AnySchema, Database, OpenOptions, Schema } from './types.js';

export type { Random } from './testing-chance.js';
export { FakeClock } from './testing-clock.js';
export { type ReplayOptions, type ReplayReport, type ReplayViolation, replay } from './testing-replay.js';
export { FakeServer, type Fault, type SeenRequest } from './testing-server.js';

let made = 0;

/** Opens an empty database in memory under a name of its own; without `sync` it is local only. */
export async function openMemory<S extends Schema<S> = AnySchema>(
  options: Omit<OpenOptions<S>, 'storage'>,
): Promise<Database<S>> {
  made += 1;
  return open<S>(`testing-${made}-${Date.now()}`, { ...options, storage: 'memory' });
}
