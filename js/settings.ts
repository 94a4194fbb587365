/**
 * Small key-value settings: any JSON value under a key, never synced.
 *
 * Values are copied and checked like documents; keys follow the rules of ids.
 */

import { refuse } from './errors.js';
import { checkListener } from './events.js';
import type { Handle } from './handle.js';
import { checkId } from './ids.js';
import { clone, snapshotValue } from './snapshot.js';
import type { Settings } from './types-sync.js';

/** The `settings` of a database. */
export function settingsOf(handle: Handle): Settings {
  const read = async (key: string) => clone(await handle.run((client) => client.settingGet(key)));
  return {
    async get<V>(key: string) {
      return (await read(checkKey(key))) as V | undefined;
    },
    async set(key, value) {
      checkKey(key);
      const copy = snapshotValue(value);
      await handle.run((client) => client.settingSet(key, copy));
    },
    async remove(key) {
      await handle.run((client) => client.settingRemove(checkKey(key)));
    },
    subscribe(key, listener) {
      handle.alive();
      checkKey(key);
      checkListener('settings.subscribe', listener);
      return handle.settingChanges.add(async (changed) => {
        if (changed === key) listener(await read(key));
      });
    },
  };
}

function checkKey(key: string): string {
  try {
    return checkId(key);
  } catch {
    throw refuse('ARGUMENT_TYPE', 'a key must be text of 1-1,024 characters without control characters');
  }
}
