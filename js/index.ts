/**
 * Seakeep in browsers, workers and bundlers: write locally at once, reach the server exactly once, in order.
 *
 * Importing this does nothing and is safe anywhere; open() does the work. The compiled module is fetched from beside
 * this file, unless the option `wasm` says where it is.
 */

import { makeDestroy, makeOpen } from './open.js';
import type { DestroyFunction, OpenFunction } from './types.js';

export * from './public.js';

const source = () => new URL('./wasm/seakeep_bg.wasm', import.meta.url);

/**
 * Opens (creating or upgrading) a database. Import is harmless anywhere (SSR, Node, workers); only open() needs a browser.
 *
 * Rejects with the code of the first wrong option (CONFIG_*, NAME_RESERVED), ENV_UNSUPPORTED outside of browsers,
 * STORAGE_UNAVAILABLE where the browser gives no storage, SCHEMA_MISMATCH when it is open in this page with another
 * schema, WASM_FETCH_FAILED, WASM_BLOCKED_BY_CSP or BUILD_MISMATCH when the compiled module cannot be used.
 */
export const open: OpenFunction = /* @__PURE__ */ makeOpen(source);

/** Deletes a database and its keys. Rejects PENDING_EXIST while unsent changes exist unless discardPending is true. */
export const destroy: DestroyFunction = /* @__PURE__ */ makeDestroy(source);
