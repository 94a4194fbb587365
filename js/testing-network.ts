/**
 * The way from a replay's devices to the server, where requests are lost, doubled, late, or answered with a refusal.
 *
 * What happens to a request is drawn from the schedule's chance, and noted in its trace. Knows requests only, no documents.
 */

import type { Random } from './testing-chance.js';
import type { Device } from './testing-judge.js';
import type { Adapter } from './types-adapter.js';

/** Faults of one request in a hundred, each up to its number. */
const FAULTS: [number, 'before' | 'after' | 'twice' | 'slow' | 'refused'][] = [
  [12, 'before'],
  [24, 'after'],
  [36, 'twice'],
  [46, 'slow'],
  [54, 'refused'],
];
/** What a server in trouble says, before it has done anything. */
const REFUSALS: [number, { [name: string]: string }][] = [
  [503, { 'retry-after': '3' }],
  [429, { 'retry-after': '2' }],
  [502, {}],
  [401, {}],
];

/** Carries the requests of one schedule. */
export class Network {
  /** While true nothing goes wrong any more. */
  healed = false;

  constructor(
    private readonly url: string,
    private readonly server: typeof fetch,
    private readonly devices: Device[],
    private readonly random: Random,
    private readonly note: (text: string) => void,
  ) {}

  /** The fetch of one device. */
  fetchOf(at: number): typeof fetch {
    const { life } = this.devices[at] as Device;
    return ((input: string, init: RequestInit) => {
      const what = `${init.method ?? 'GET'} ${input.slice(this.url.length)}`;
      return this.carry(at, life, what, () => this.server(input, init), refusal);
    }) as typeof fetch;
  }

  /** The device's adapter, whose calls go wrong as requests do. */
  adapterOf(at: number, adapter: Adapter): Adapter {
    const { life } = this.devices[at] as Device;
    const { pull, get, subscribe } = adapter;
    return {
      ...(subscribe && { subscribe: subscribe.bind(adapter) }),
      push: async (changes, context) => {
        const results = await this.carry(at, life, `push ${changes.length}`, () => adapter.push(changes, context));
        return this.random() < 0.3 && Array.isArray(results) ? [...results].reverse() : results;
      },
      ...(pull && {
        pull: (request, context) =>
          this.carry(at, life, `pull ${request.collection}`, () => pull.call(adapter, request, context)),
      }),
      ...(get && {
        get: (request, context) =>
          this.carry(at, life, `get ${request.collection}`, () => get.call(adapter, request, context)),
      }),
    };
  }

  /** One request: lost before or after, done twice, late, refused, or done. */
  private async carry<R>(
    at: number,
    life: number,
    what: string,
    send: () => Promise<R>,
    refused?: (roll: number) => R,
  ): Promise<R> {
    const device = this.devices[at] as Device;
    const roll = this.below(100);
    const drawn = this.healed ? undefined : FAULTS.find(([below]) => roll < below)?.[1];
    const fault = drawn === 'refused' && refused === undefined ? undefined : drawn;
    this.note(`device ${at}: ${what}${fault === undefined ? '' : ` (${fault})`}${device.online ? '' : ' (offline)'}`);
    if (!device.online || fault === 'before') throw new TypeError('no connection');
    if (fault === 'refused' && refused !== undefined) return refused(this.below(REFUSALS.length));
    if (fault === 'slow') await this.wait(this.below(9_000));
    if (fault === 'twice') await send().catch(() => undefined);
    const answer = await send();
    const heard = fault !== 'after' && device.online && device.life === life;
    if (!heard) throw new TypeError('the connection was lost');
    return answer;
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }

  private wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}

function refusal(roll: number): Response {
  const [status, headers] = REFUSALS[roll] as (typeof REFUSALS)[number];
  const date = new Date(Date.now()).toUTCString();
  const body = JSON.stringify({ title: 'not now', status });
  return new Response(body, { status, headers: { date, 'content-type': 'application/problem+json', ...headers } });
}
