/**
 * Answers of an adapter in the words of a server: what the engine reads as a response.
 *
 * Knows statuses and headers of the REST profile, and nothing about what an adapter gives.
 */

import { NO_RESULT } from './adapter-desk.js';

/** The result of one change, as a batch tells it. */
export interface Answer {
  mutationId: string;
  status: number;
  id?: string;
  revision?: string;
  doc?: object;
  problem?: object;
  /** Seconds. */
  retryAfter?: number;
}

/** The answer to a change that went alone. */
export function one(answer: Answer | undefined): Response {
  if (answer === undefined) return reply(500, NO_RESULT);
  const { status, revision, doc, problem, retryAfter } = answer;
  return reply(status, doc ?? problem, { etag: revision, 'retry-after': retryAfter });
}

/** A response with a JSON body, or without one. */
export function reply(status: number, body?: unknown, headers: { [name: string]: unknown } = {}): Response {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  const all = given.map(([name, value]): [string, string] => [name, name === 'etag' ? `"${value}"` : String(value)]);
  if (body === undefined) return new Response(null, { status: status === 200 ? 204 : status, headers: all });
  return new Response(JSON.stringify(body), { status, headers: [...all, ['content-type', 'application/json']] });
}
