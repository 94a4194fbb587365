/**
 * Stands in for the generated glue until it has been built, so that types can be checked without it.
 */
declare module '*/pkg/seakeep.js' {
  /** As in WasmModule of binding.ts. */
  export function buildId(): string;
  export function openClient(config: unknown, hooks: unknown): Promise<never>;
  export function destroyDatabase(name: string, discardPending: boolean): Promise<void>;
  /** What the module is to be given. */
  export function imports(): WebAssembly.Imports;
  /** Takes over a module that was started. */
  export function started(instance: WebAssembly.Instance, module: WebAssembly.Module): unknown;
}

/** Put in by the build; absent in unit tests. */
declare const __SEAKEEP_VERSION__: string | undefined;
declare const __SEAKEEP_WRITER__: number | undefined;
declare const __SEAKEEP_BUILD__: string | undefined;
