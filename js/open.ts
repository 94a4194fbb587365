/**
 * open() and destroy(), given where the compiled module is: the entries differ in nothing else.
 *
 * Everything is checked before the module is loaded; nothing is touched when this file is imported. Each open() has its
 * own handle; two of one name in one page must agree on the schema.
 */

import type { Transport } from './adapter.js';
import type { Client, Hooks } from './binding.js';
import { readPieces, readText } from './body.js';
import { flag, plainOptions } from './check.js';
import { type Checked, checkName, checkOptions, checkUser } from './config.js';
import { databaseOf } from './database.js';
import { fromOut, isErrorOut, isSeakeepError, refuse, thrownName } from './errors.js';
import { Handle } from './handle.js';
import { checkId, isTemporary } from './ids.js';
import { type DefaultSource, load, wasmBytes } from './load.js';
import { takeLock } from './locks.js';
import { isPlain, snapshotDocument, snapshotValue } from './snapshot.js';
import type { DestroyFunction, OpenFunction, OpenOptions } from './types.js';
import type { Adapter } from './types-adapter.js';
import { storedName } from './user.js';

/** The schemas of open handles by stored name: a Set holds one entry for each handle. */
const inUse = new Map<string, Set<{ schema: string }>>();

/** open() for an entry. */
export function makeOpen(source: DefaultSource): OpenFunction {
  const open = async (name: string, options: OpenOptions<never>) => {
    const checked = checkOptions(name, options, globalThis.location?.href);
    if (checked.config.storage === 'indexeddb') checkEnvironment();
    const stored = await storedName(name, checked.config.user);
    const release = claim(stored, checked.schema);
    try {
      const handle = await connect({ ...checked, config: { ...checked.config, name: stored } }, source, release);
      return databaseOf(handle, name);
    } catch (thrown) {
      release();
      throw explain(thrown);
    }
  };
  return open as unknown as OpenFunction;
}

/** destroy() for an entry. */
export function makeDestroy(source: DefaultSource): DestroyFunction {
  return async (name, options = {}) => {
    checkName(name);
    const given = plainOptions(options, 'options', ['user', 'discardPending']);
    const stored = await storedName(name, checkUser(given.user));
    const discard = flag(given.discardPending, 'discardPending', false);
    try {
      await (await load(undefined, source)).destroyDatabase(stored, discard);
    } catch (thrown) {
      // A database in memory can be destroyed anywhere; for any other one this place may be the reason.
      if (isErrorOut(thrown) && thrown.code === 'STORAGE_UNAVAILABLE') checkEnvironment();
      throw explain(thrown);
    }
  };
}

async function connect(checked: Checked, source: DefaultSource, release: () => void): Promise<Handle> {
  const since = performance.now();
  const wasm = await load(checked.wasm, source);
  const handle = new Handle(checked, globalThis.navigator?.onLine ?? true, release);
  const hooks: Hooks = {
    fetch: (url, init) => handle.request(checked.fetch ?? globalThis.fetch, url, init),
    text: readText,
    pieces: readPieces,
    lock: takeLock,
    events: (batch) => (batch === undefined ? void handle.hasNews() : handle.receive(batch)),
    crashed: (text) => handle.crash(text),
  };
  const transport = checked.adapter && (await transportTo(checked.adapter, handle));
  if (transport !== undefined) hooks.fetch = transport.fetch;
  else if (checked.auth !== undefined) hooks.auth = checked.auth;
  const client: Client = await wasm.openClient(checked.config, hooks);
  handle.attach(client);
  handle.follow(transport?.listen);
  handle.meter.wasmBytes = wasmBytes;
  handle.meter.openMs = performance.now() - since;
  return handle;
}

/** What stands in for the network where the app has an adapter: a part of the package that is loaded only then. */
async function transportTo(adapter: Adapter, { checked, log }: Handle): Promise<Transport> {
  const { transportOf } = await import('./adapter.js').catch(() => {
    throw refuse('WASM_FETCH_FAILED', 'adapter.js, a part of this package, could not be loaded', { retryable: true });
  });
  const collections = new Map(checked.config.collections.map(({ name, path }) => [path, name]));
  const fetch: typeof globalThis.fetch = (url, init) => (checked.fetch ?? globalThis.fetch)(url, init);
  const helpers = { isPlain, snapshotDocument, snapshotValue, checkId, isTemporary, thrownName };
  return transportOf(adapter, { ...helpers, log, collections, auth: checked.auth, fetch });
}

/** Takes part in a name; SCHEMA_MISMATCH when a handle of this page has it with another schema. */
function claim(stored: string, schema: string): () => void {
  const users = inUse.get(stored) ?? new Set();
  for (const user of users) {
    if (user.schema !== schema) throw refuse('SCHEMA_MISMATCH', 'already open in this page with another schema');
  }
  const entry = { schema };
  inUse.set(stored, users.add(entry));
  return () => {
    users.delete(entry);
    if (users.size === 0 && inUse.get(stored) === users) inUse.delete(stored);
  };
}

/** ENV_UNSUPPORTED outside of browsers, STORAGE_UNAVAILABLE in one that gives no storage here. */
function checkEnvironment(): void {
  const scope = globalThis as { indexedDB?: unknown; document?: unknown; WorkerGlobalScope?: unknown };
  try {
    if (scope.indexedDB) return;
  } catch {
    // A sandboxed frame throws at the mere look.
  }
  if (scope.document === undefined && scope.WorkerGlobalScope === undefined) {
    throw refuse('ENV_UNSUPPORTED', 'open() needs a browser; import is safe on servers', {
      hint: "or use storage: 'memory'",
    });
  }
  throw refuse('STORAGE_UNAVAILABLE', 'IndexedDB is blocked (sandboxed frame?)', {
    hint: "storage: 'memory' works without it",
  });
}

function explain(thrown: unknown): unknown {
  if (isSeakeepError(thrown)) return thrown;
  return isErrorOut(thrown) ? fromOut(thrown) : refuse('ENGINE_CRASHED', `the engine stopped: ${thrownName(thrown)}`);
}
