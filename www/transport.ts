// The page's own way to the server: `fetch` with a switch in front of it and a stopwatch behind it.
//
// Switched off, it behaves as a dead network does: new requests and those on their way reject with a
// TypeError. It sends no events and tells Seakeep nothing, which must find out as it would at sea.
// The switch belongs to this tab (sessionStorage): another tab keeps its own connection.

export interface RequestTiming {
  method: string;
  path: string;
  status: number | 'failed';
  ms: number;
}

export interface Transport {
  readonly fetch: typeof fetch;
  readonly offline: boolean;
  setOffline(offline: boolean): void;
  onSwitch(listener: (offline: boolean) => void): void;
  onRequest(listener: (timing: RequestTiming) => void): void;
}

const storageKey = 'assistant-market:offline';

export function createTransport(): Transport {
  const inFlight = new Set<AbortController>();
  const switchListeners: ((offline: boolean) => void)[] = [];
  const requestListeners: ((timing: RequestTiming) => void)[] = [];
  let offline = readSwitch();

  const switchableFetch: typeof fetch = async (input, init) => {
    if (offline) throw deadNetwork();
    const controller = follow(init?.signal ?? (input instanceof Request ? input.signal : undefined));
    inFlight.add(controller);
    const started = performance.now();
    const report = (status: number | 'failed') => {
      const timing = { ...describe(input, init), status, ms: performance.now() - started };
      for (const listener of requestListeners) listener(timing);
    };
    try {
      const response = await fetch(input, { ...init, signal: controller.signal });
      report(response.status);
      return response;
    } catch (error) {
      inFlight.delete(controller);
      report('failed');
      throw error;
    }
  };

  return {
    fetch: switchableFetch,
    get offline() {
      return offline;
    },
    setOffline(value) {
      if (value === offline) return;
      offline = value;
      writeSwitch(value);
      if (value) for (const controller of inFlight) controller.abort(deadNetwork());
      inFlight.clear();
      for (const listener of switchListeners) listener(value);
    },
    onSwitch: (listener) => switchListeners.push(listener),
    onRequest: (listener) => requestListeners.push(listener),
  };
}

function deadNetwork(): TypeError {
  return new TypeError('Failed to fetch');
}

/** A controller of our own that also obeys the caller's signal. */
function follow(signal: AbortSignal | null | undefined): AbortController {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort(signal.reason);
  signal?.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}

function describe(input: RequestInfo | URL, init?: RequestInit): { method: string; path: string } {
  const request = input instanceof Request ? input : undefined;
  const url = new URL(request?.url ?? String(input), location.href);
  return { method: init?.method ?? request?.method ?? 'GET', path: url.pathname };
}

function readSwitch(): boolean {
  try {
    return sessionStorage.getItem(storageKey) === 'yes';
  } catch {
    return false; // Storage may be forbidden; then the switch lasts as long as the page.
  }
}

function writeSwitch(offline: boolean): void {
  try {
    sessionStorage.setItem(storageKey, offline ? 'yes' : 'no');
  } catch {
    // As above.
  }
}
