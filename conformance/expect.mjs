// What a check says: this must hold, this is not offered here. Messages are for the server's author: what was asked,
// what came.

import { isDeepStrictEqual } from 'node:util';

/** A rule that does not hold. */
export class Failed extends Error {}

/** A rule that cannot be judged here. */
export class Skipped extends Error {}

export function expect(holds, message) {
  if (!holds) throw new Failed(message);
}

export function skip(message) {
  throw new Skipped(message);
}

/** The answer must have one of these statuses. */
export function expectStatus(answer, ...statuses) {
  expect(statuses.includes(answer.status), `${answer.asked}: expected ${statuses.join(' or ')}, got ${seen(answer)}`);
  return answer;
}

/** Any answer of success. */
export function expectSuccess(answer) {
  expect(answer.ok, `${answer.asked}: expected success, got ${seen(answer)}`);
  return answer;
}

/** A refusal of the client's request: 4xx, never 5xx. */
export function expectRefusal(answer, why) {
  const refused = answer.status >= 400 && answer.status < 500;
  expect(refused, `${answer.asked} (${why}): expected a refusal (4xx), got ${seen(answer)}`);
  return answer;
}

export function expectEqual(actual, expected, what) {
  expect(isDeepStrictEqual(actual, expected), `${what}: expected ${short(expected)}, got ${short(actual)}`);
}

/** Every field that was sent is in the document as it was sent. */
export function expectHolds(doc, sent, what) {
  expect(isObject(doc), `${what}: expected a JSON object, got ${short(doc)}`);
  for (const [name, value] of Object.entries(sent)) expectEqual(doc[name], value, `${what}, field "${name}"`);
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as a message shows it. */
export function short(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}

function seen({ status, body, text }) {
  const about = isObject(body) ? (body.code ?? body.title ?? body.detail) : text.slice(0, 60).trim();
  return about ? `${status} (${short(about)})` : String(status);
}
