/**
 * Seakeep in Node: for the app's own tests and for servers that import code shared with the browser.
 *
 * The same surface as index.ts; only the compiled module comes from the file system. There is no IndexedDB in Node, so
 * open() needs `storage: 'memory'` and rejects ENV_UNSUPPORTED otherwise.
 */

import { makeDestroy, makeOpen } from './open.js';
import type { DestroyFunction, OpenFunction } from './types.js';

export * from './public.js';

const source = async () => {
  const { readFile } = await import('node:fs/promises');
  return readFile(new URL('./wasm/seakeep_bg.wasm', import.meta.url));
};

/** Opens a database in memory; see the browser's entry. */
export const open: OpenFunction = /* @__PURE__ */ makeOpen(source);

/** Deletes a database; see the browser's entry. */
export const destroy: DestroyFunction = /* @__PURE__ */ makeDestroy(source);
