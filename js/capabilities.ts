/**
 * What the place this runs in offers of what the package uses: a look at each, never a try.
 *
 * A look that throws (a sandboxed frame forbids some) means that it is not there.
 */

/** The browser's parts that are looked at; any of them may be missing. */
interface Place {
  indexedDB?: unknown;
  BroadcastChannel?: unknown;
  isSecureContext?: unknown;
  WebAssembly?: { compileStreaming?: unknown };
  crypto?: { subtle?: unknown };
  document?: object;
  top?: { location: { origin: string } };
  location?: { origin: string };
  navigator?: {
    locks?: unknown;
    connection?: unknown;
    storage?: { persist?: unknown; estimate?: unknown };
  };
}

/** What there is, by name; `docs/troubleshooting.md` says what goes without each. */
export function capabilities(place: Place = globalThis as Place): { [name: string]: boolean } {
  const looks: { [name: string]: () => unknown } = {
    indexedDB: () => place.indexedDB,
    locks: () => place.navigator?.locks,
    broadcastChannel: () => place.BroadcastChannel,
    persist: () => place.navigator?.storage?.persist,
    estimate: () => place.navigator?.storage?.estimate,
    secureContext: () => place.isSecureContext,
    subtleCrypto: () => place.crypto?.subtle,
    compileStreaming: () => place.WebAssembly?.compileStreaming,
    networkInformation: () => place.navigator?.connection,
    freezing: () => place.document && 'onfreeze' in place.document,
    // In a frame of another site the browser keeps storage apart from that of the site's own pages (pitfalls A28).
    ownStorage: () => place.top === undefined || place.top.location.origin === place.location?.origin,
  };
  return Object.fromEntries(Object.entries(looks).map(([name, look]) => [name, isThere(look)]));
}

function isThere(look: () => unknown): boolean {
  try {
    return Boolean(look());
  } catch {
    return false;
  }
}
