/**
 * The `sync` option: checked, and filled with the defaults that api.d.ts names.
 *
 * Refuses what does not exist yet (CONFIG_UNSUPPORTED) instead of ignoring it, and addresses that no request could go to.
 */

import type { SyncConfig } from './binding.js';
import {
  checkPath,
  flag,
  integer,
  invalid,
  mustBe,
  oneOf,
  optionalFunction,
  plainOptions,
  real,
  refuseUnsupported,
} from './check.js';
import { refuse } from './errors.js';
import type { Adapter } from './types-adapter.js';
import type { SyncOptions } from './types-sync-options.js';

/** Presets: the periodic 30 s loop, 5 attempts, 3 request retries of 1 s/2 s/4 s, 1 s between items, 5 s start delay. */
export const assistantSync: Readonly<Partial<SyncOptions>> = /* @__PURE__ */ Object.freeze({
  interval: 30_000,
  maxAttempts: 5,
  requestRetries: 3,
  backoff: /* @__PURE__ */ Object.freeze({ base: 1000, factor: 2, max: 60_000, jitter: 'none' }),
  delayBetween: 1000,
  startDelay: 5000,
  concurrency: 1,
  retry: 'interval',
  breaker: false,
});

/** What of the sync options stays in the face, and what goes to the engine. */
export interface CheckedSync {
  config: SyncConfig;
  auth: (() => unknown) | undefined;
  fetch: typeof fetch | undefined;
  adapter: Adapter | undefined;
}

const DAY = 86_400_000;
/** Where requests to an adapter go: nowhere on the network. */
const ADAPTER_URL = 'https://adapter.invalid';
const KNOWN = (
  'url adapter auth interval pullInterval startDelay maxAttempts backoff requestRetries retry concurrency delayBetween ' +
  'batchSize timeout breaker maxPending rest fetch auto onSlowNetwork'
).split(' ');
/** Parts of the profile that a server may have, with their paths; the probe is asked for unless the app says no. */
const PARTS = { batch: '_batch', events: '_events', health: '_health' } as const;
const REST_UNSUPPORTED =
  'idField revision updatedAtField deletedField items envelope paging pageParam limitParam update verify'.split(' ');

/** Checks the `sync` option; `page` is the address that relative ones are relative to. */
export function checkSync(value: unknown, page: string | undefined): CheckedSync {
  const given = plainOptions(value, 'sync', KNOWN);
  const adapter = checkAdapter(given.adapter);
  if (adapter !== undefined && given.url !== undefined)
    throw invalid('sync.adapter', 'sync takes a url or an adapter, not both');
  const config: SyncConfig = {
    url: adapter === undefined ? checkUrl(given.url, page) : ADAPTER_URL,
    ...(adapter === undefined ? {} : { adapter: true, pulls: adapter.pull !== undefined }),
    interval: integer(given.interval, 'sync.interval', 1000, DAY, 30_000),
    pullInterval: given.pullInterval === 0 ? 0 : integer(given.pullInterval, 'sync.pullInterval', 1000, DAY, 60_000),
    startDelay: integer(given.startDelay, 'sync.startDelay', 0, DAY, 5000),
    maxAttempts: integer(given.maxAttempts, 'sync.maxAttempts', 1, 1000, 5),
    backoff: checkBackoff(given.backoff),
    requestRetries: integer(given.requestRetries, 'sync.requestRetries', 1, 10, 1),
    retry: oneOf(given.retry, 'sync.retry', ['backoff', 'interval'], 'backoff'),
    concurrency: integer(given.concurrency, 'sync.concurrency', 1, 16, 4),
    delayBetween: integer(given.delayBetween, 'sync.delayBetween', 0, 3_600_000, 0),
    batchSize: integer(given.batchSize, 'sync.batchSize', 1, 1000, 50),
    timeout: integer(given.timeout, 'sync.timeout', 1000, 600_000, 30_000),
    ...checkBreaker(given.breaker),
    maxPending: integer(given.maxPending, 'sync.maxPending', 1, 10_000_000, 100_000),
    auto: flag(given.auto, 'sync.auto', true),
    rest: adapter === undefined ? checkRest(given.rest) : { batch: PARTS.batch },
    onSlowNetwork: oneOf(given.onSlowNetwork, 'sync.onSlowNetwork', ['all', 'push-only', 'none'], 'push-only'),
  };
  return {
    config,
    auth: optionalFunction(given.auth, 'sync.auth'),
    fetch: optionalFunction(given.fetch, 'sync.fetch'),
    adapter,
  };
}

/** An object of functions; it may be an instance of a class. */
function checkAdapter(value: unknown): Adapter | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) throw mustBe('CONFIG_TYPE', 'sync.adapter', 'an object', value);
  const adapter = value as Adapter;
  if (typeof adapter.push !== 'function') throw mustBe('CONFIG_TYPE', 'sync.adapter.push', 'a function', adapter.push);
  optionalFunction(adapter.pull, 'sync.adapter.pull');
  optionalFunction(adapter.get, 'sync.adapter.get');
  optionalFunction(adapter.subscribe, 'sync.adapter.subscribe');
  return adapter;
}

function checkBackoff(value: unknown): SyncConfig['backoff'] {
  const given = plainOptions(value, 'sync.backoff', ['base', 'factor', 'max', 'jitter']);
  const base = integer(given.base, 'sync.backoff.base', 1, DAY, 1000);
  const max = integer(given.max, 'sync.backoff.max', 1, DAY, Math.max(base, 60_000));
  if (max < base)
    throw refuse('CONFIG_RANGE', 'sync.backoff.max must be >= sync.backoff.base', { path: 'sync.backoff.max' });
  const factor = real(given.factor, 'sync.backoff.factor', 1, 100, 2);
  return { base, factor, max, jitter: oneOf(given.jitter, 'sync.backoff.jitter', ['full', 'none'], 'full') === 'full' };
}

function checkBreaker(value: unknown): Pick<SyncConfig, 'breaker'> {
  if (value === false) return {};
  const given = plainOptions(value, 'sync.breaker', ['failures', 'cooldown']);
  const failures = integer(given.failures, 'sync.breaker.failures', 1, 100, 5);
  return { breaker: { failures, cooldown: integer(given.cooldown, 'sync.breaker.cooldown', 1000, 3_600_000, 30_000) } };
}

function checkRest(value: unknown): SyncConfig['rest'] {
  refuseUnsupported(value, REST_UNSUPPORTED);
  const given = plainOptions(value, 'sync.rest', Object.keys(PARTS));
  const rest: SyncConfig['rest'] = {};
  for (const part of ['batch', 'events', 'health'] as const) {
    const path = given[part] ?? part === 'health';
    if (path === true) rest[part] = PARTS[part];
    else if (path !== false) rest[part] = checkPath(path, `sync.rest.${part}`);
  }
  return rest;
}

/** The base URL without a slash at its end. */
function checkUrl(value: unknown, page: string | undefined): string {
  if (value === undefined) throw refuse('CONFIG_REQUIRED', 'sync needs a url or an adapter', { path: 'sync.url' });
  const url = typeof value === 'string' ? parsed(value, page) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw refuse('CONFIG_URL', 'sync.url must be an absolute http(s) URL without user info', { path: 'sync.url' });
  }
  if (url.search !== '' || url.hash !== '') throw invalid('sync.url', 'sync.url must not have a query or a fragment');
  return url.href.replace(/\/+$/, '');
}

function parsed(text: string, page: string | undefined): URL | undefined {
  try {
    return new URL(text, page);
  } catch {
    return undefined;
  }
}
