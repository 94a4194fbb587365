/**
 * The compiled module: fetched, compiled and started once per page, at the first open().
 *
 * Tells apart why it could not be (not found, blocked by the page's policy, another build than this script, no
 * WebAssembly at all), from facts and never from an engine's message text. Touches nothing when imported.
 */

/// <reference path="./glue.d.ts" />

import { buildId, destroyDatabase, imports, openClient, started } from '../pkg/seakeep.js';
import type { WasmModule } from './binding.js';
import { isSeakeepError, refuse } from './errors.js';
import type { OpenOptions } from './types.js';
import { whole } from './unpack.js';

/** Where the module may come from. */
export type WasmSource = NonNullable<OpenOptions<object>['wasm']>;
/** A source that needs no request. */
type Here = WebAssembly.Module | BufferSource;
/** Brings the module when the app does not say where it is. */
export type DefaultSource = () => WasmSource | Promise<WasmSource>;
/** A module with no import, no export and no code: whatever runs WebAssembly accepts it. */
const EMPTY = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Replaced by the build. */
export const version: string = typeof __SEAKEEP_VERSION__ === 'string' ? __SEAKEEP_VERSION__ : '0.0.0';
/** Identity of this build, the same for script and module; empty in one made for trying. */
export const BUILD: string = typeof __SEAKEEP_BUILD__ === 'string' ? __SEAKEEP_BUILD__ : '';

let running: Promise<WasmModule> | undefined;
let memory: WebAssembly.Memory | undefined;

/** The running module; a failed start is forgotten, so that another open() can try again. */
export function load(source: WasmSource | undefined, fallback: DefaultSource): Promise<WasmModule> {
  running ??= start(source, fallback).catch((cause) => {
    running = undefined;
    throw cause;
  });
  return running;
}

/** The module's memory in bytes; 0 before it runs. */
export function wasmBytes(): number {
  return memory?.buffer.byteLength ?? 0;
}

async function start(source: WasmSource | undefined, fallback: DefaultSource): Promise<WasmModule> {
  if (typeof WebAssembly === 'undefined') throw refuse('ENV_UNSUPPORTED', 'this environment has no WebAssembly');
  const module = await compile(await given(source, fallback));
  const wasm: WasmModule = { buildId, openClient, destroyDatabase };
  try {
    // The glue's own start also fetches and compiles, which was done above: what is not named here is not downloaded.
    const instance = await WebAssembly.instantiate(module, imports());
    memory = Object.values(instance.exports).find((one) => one instanceof WebAssembly.Memory);
    started(instance, module);
    const found = buildId();
    if (BUILD === '' || found === BUILD) return wasm;
    throw mismatch(found);
  } catch (thrown) {
    // Imports and exports are named by build: those of another one do not fit together.
    if (thrown instanceof WebAssembly.LinkError || thrown instanceof TypeError) throw mismatch('unknown');
    throw thrown;
  }
}

/** What the app or the entry gives: a promise that rejects, or an address that cannot be made, brings no module. */
async function given(source: WasmSource | undefined, fallback: DefaultSource): Promise<Awaited<WasmSource>> {
  try {
    return await (source ?? fallback());
  } catch {
    throw notFetched('the compiled module', undefined, 'its address or the request for it failed');
  }
}

async function compile(source: Exclude<WasmSource, Promise<Response>>): Promise<WebAssembly.Module> {
  const isHere = source instanceof WebAssembly.Module || source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  const response = isHere ? undefined : await fetched(source as URL | string | Response);
  try {
    return await whole(await (response === undefined ? compileHere(source as Here) : compileResponse(response)));
  } catch (thrown) {
    if (isSeakeepError(thrown)) throw thrown;
    if (isBlocked()) throw blocked();
    throw notFetched(response?.url ?? 'what was given', response?.status, 'what came is not a WebAssembly module');
  }
}

async function compileHere(source: Here): Promise<WebAssembly.Module> {
  return source instanceof WebAssembly.Module ? source : WebAssembly.compile(source);
}

/** Streams when the server names the right type; otherwise the bytes do. */
async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok || type.includes('text/html'))
    throw notFetched(response.url, response.status, `answered ${response.status} ${type}`);
  const streams = type.startsWith('application/wasm') && typeof WebAssembly.compileStreaming === 'function';
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

async function fetched(source: URL | string | Response): Promise<Response> {
  if (typeof source === 'object' && 'arrayBuffer' in source) return source;
  try {
    return await fetch(source);
  } catch {
    throw notFetched(String(source), undefined, 'the request failed');
  }
}

function isBlocked(): boolean {
  try {
    new WebAssembly.Module(new Uint8Array(EMPTY));
    return false;
  } catch {
    return true;
  }
}

function notFetched(url: string, status: number | undefined, what: string): Error {
  const hint = 'serve seakeep_bg.wasm at this address, or pass its address as the option "wasm"';
  const where = url === '' ? 'the response given' : url;
  return refuse('WASM_FETCH_FAILED', `${where}: ${what}`, { status, path: url, hint, retryable: true });
}

function blocked(): Error {
  const hint = "add 'wasm-unsafe-eval' to script-src";
  return refuse('WASM_BLOCKED_BY_CSP', "the page's content security policy does not allow WebAssembly", { hint });
}

function mismatch(found: string): Error {
  const hint = 'clear caches and serve both files from one build';
  return refuse('BUILD_MISMATCH', `script ${BUILD || version}, wasm ${found}`, { hint });
}
