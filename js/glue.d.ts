/**
 * Stands in for the generated glue until it has been built, so that types can be checked without it.
 *
 * What it really exports is WasmModule of binding.ts; load.ts says so when it takes it over.
 */
declare module '*/pkg/seakeep.js' {
  const initialise: unknown;
  export default initialise;
}

/** Put in by the build; absent in unit tests. */
declare const __SEAKEEP_VERSION__: string | undefined;
declare const __SEAKEEP_BUILD__: string | undefined;
