// The rows of the HTTP table (SPEC, section 8), and what a test may see of each.

import { lost, opaqueRedirect, START, silent } from './scripted.mjs';

export const DAY = 86_400_000;
export const problem = (name) => ({ type: `https://x.test/problems/${name}`, title: name, errors: { n: 'is wrong' } });
/** A pause by the date, of so many milliseconds after the server's clock, which is a year ahead of the client's. */
const YEAR = 365 * DAY;
const dated = (milliseconds) => ({
  date: new Date(START + YEAR).toUTCString(),
  'retry-after': new Date(START + YEAR + milliseconds).toUTCString(),
});

// What a row leads to: where the change stands and how many attempts count, who waits with it, and what is told. No state:
// the change is gone.
const PARKED = { state: 'parked', counted: 1, holds: 'lane', events: ['parked'], status: 'idle', passed: 'error' };
const UNCOUNTED = { ...PARKED, counted: 0 };
const BACKS_OFF = { state: 'waiting', counted: 1, holds: 'lane', events: ['retrying'], status: 'waiting', after: 1000 };
const ENDPOINT = {
  state: 'waiting',
  counted: 0,
  holds: 'endpoint',
  events: ['retrying'],
  status: 'waiting',
  after: 1000,
};
const PORTAL = { ...ENDPOINT, code: 'CAPTIVE_PORTAL', events: ['captive-portal', 'retrying'], status: 'offline' };
const LIMITED = { ...ENDPOINT, code: 'RATE_LIMITED', status: 'rate-limited' };
const DONE = { holds: 'nobody', events: ['acknowledged'], status: 'idle' };

/** `kind` is update where it is not said; `batch: false` where no result of a batch can say it. */
export const ROWS = [
  { row: '2xx valid', answers: [200], body: { id: 'a', n: 1 }, ...DONE },
  { row: '2xx valid', answers: [204], ...DONE },
  { row: '2xx valid', kind: 'delete', answers: [200, 204], ...DONE },
  { row: '2xx valid', kind: 'own', answers: [200, 201], body: { id: 'c', n: 1 }, ...DONE },
  { row: '2xx valid', kind: 'create', answers: [200, 201], body: { id: 's9', n: 1 }, ...DONE },
  { row: '2xx valid, a number as id', kind: 'create', answers: [201], body: { id: 7, n: 1 }, ...DONE },
  { row: '2xx no answer', answers: [202, 203, 206, 299], body: { id: 'a' }, ...ENDPOINT, code: 'BAD_RESPONSE' },
  { row: '2xx invalid body', answers: [200], body: '{"id":"a","n":', batch: false, ...ENDPOINT, code: 'BAD_RESPONSE' },
  { row: '2xx invalid body', answers: [200], body: { n: 1 }, ...ENDPOINT, code: 'BAD_RESPONSE' },
  { row: '2xx invalid body', answers: [200], body: [], batch: false, ...ENDPOINT, code: 'BAD_RESPONSE' },
  { row: '2xx another document', answers: [200], body: { id: 'b' }, ...ENDPOINT, code: 'BAD_RESPONSE' },
  { row: '2xx create without id', kind: 'create', answers: [200, 201, 204], ...ENDPOINT, code: 'BAD_RESPONSE' },
  {
    row: '2xx create with an id of ours',
    kind: 'create',
    answers: [201],
    body: { id: 'pending-1700000000000-abcdef' },
    ...ENDPOINT,
    code: 'BAD_RESPONSE',
  },
  { row: '2xx HTML', answers: [200, 201, 203], body: '<p>canary-7f3a</p>', batch: false, ...PORTAL },
  { row: '3xx on write', answers: [0], make: opaqueRedirect, batch: false, ...UNCOUNTED, code: 'UNEXPECTED_REDIRECT' },
  { row: '3xx on write', answers: [300, 301, 302, 303, 304, 307, 308], ...UNCOUNTED, code: 'UNEXPECTED_REDIRECT' },
  { row: '403', answers: [403], ...PARKED, code: 'FORBIDDEN' },
  { row: '400, 422', answers: [400, 422], body: problem('invalid'), ...PARKED, code: 'VALIDATION', fields: true },
  { row: '422 key reused', answers: [422], body: problem('idempotency-key-reused'), ...PARKED, code: 'CLIENT' },
  { row: '404 on a create', kind: 'own', answers: [404, 410], ...PARKED, code: 'NOT_FOUND' },
  { row: '404 on a create', kind: 'create', answers: [404, 410], ...PARKED, code: 'NOT_FOUND' },
  {
    row: '4xx for good',
    answers: [402, 405, 406, 407, 411, 414, 415, 416, 417, 418, 421, 423, 424, 431, 451],
    ...PARKED,
    code: 'CLIENT',
  },
  { row: '404/410 on DELETE', kind: 'delete', answers: [404, 410], ...DONE },
  {
    row: '404/410 on an update',
    answers: [404, 410],
    ...UNCOUNTED,
    state: 'conflict',
    code: 'CONFLICT',
    events: ['conflict'],
    passed: 'idle',
  },
  {
    row: '5xx, 425',
    answers: [425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 529],
    ...BACKS_OFF,
    code: 'SERVER',
  },
  { row: '5xx on a create', kind: 'create', answers: [500], ...BACKS_OFF, code: 'SERVER' },
  {
    row: '5xx as a page',
    answers: [502, 503],
    body: '<h1>Bad Gateway</h1>',
    batch: false,
    ...BACKS_OFF,
    code: 'SERVER',
  },
  { row: '408', answers: [408], ...BACKS_OFF, code: 'TIMEOUT' },
  {
    row: 'pause on 5xx',
    answers: [500, 502, 504, 408, 425],
    after: 20_000,
    headers: { 'retry-after': '20' },
    ...LANE(),
  },
  {
    row: 'timeout while others get through',
    make: () => silent,
    batch: false,
    ...BACKS_OFF,
    code: 'TIMEOUT',
    late: 30_000,
  },
  { row: 'network', make: () => lost, batch: false, ...ENDPOINT, code: 'NETWORK', status: 'offline' },
  { row: '409 create', kind: 'create', answers: [409], body: problem('taken'), ...UNCOUNTED, code: 'CONFLICT' },
  {
    row: '409 key-in-progress',
    answers: [409],
    body: problem('idempotency-in-progress'),
    ...ENDPOINT,
    holds: 'lane',
    after: [1000, 5000],
    events: [],
  },
  { row: '413', answers: [413], ...UNCOUNTED, code: 'TOO_LARGE' },
  {
    row: '426',
    answers: [426],
    ...ENDPOINT,
    code: 'UPGRADE_REQUIRED',
    events: ['update-required', 'retrying'],
    status: 'needs-update',
    after: Infinity,
  },
  { row: '429', answers: [429], ...LIMITED },
  { row: '429 seconds', answers: [429], headers: { 'retry-after': '20' }, ...LIMITED, after: 20_000 },
  { row: '429 by date', answers: [429], headers: dated(30_000), batch: false, ...LIMITED, after: 30_000 },
  {
    row: '503 by date',
    answers: [503],
    headers: dated(30_000),
    batch: false,
    ...ENDPOINT,
    code: 'SERVER',
    after: 30_000,
  },
  { row: '429 absurd date', answers: [429], headers: dated(400 * DAY), batch: false, ...LIMITED, after: DAY },
  { row: '429 date of the past', answers: [429], headers: dated(-60_000), batch: false, ...LIMITED },
  {
    row: '429 absurd',
    answers: [429, 503],
    headers: { 'retry-after': '9'.repeat(25) },
    batch: false,
    ...ENDPOINT,
    status: undefined,
    after: DAY,
  },
  ...['soon', '-5', '1e9', '1.5', '', ' '].map((text) => ({
    row: `429 garbage ${JSON.stringify(text)}`,
    answers: [429],
    headers: { 'retry-after': text },
    batch: false,
    ...LIMITED,
  })),
  {
    row: '503 with a pause',
    answers: [503],
    headers: { 'retry-after': '20' },
    ...ENDPOINT,
    code: 'SERVER',
    after: 20_000,
  },
  {
    row: '503 with garbage',
    answers: [503],
    headers: { 'retry-after': 'soon' },
    batch: false,
    ...BACKS_OFF,
    code: 'SERVER',
  },
  { row: '501, 505', answers: [501, 505], ...PARKED, code: 'SERVER' },
  { row: '507', answers: [507], ...ENDPOINT, code: 'SERVER_FULL', after: 300_000 },
  {
    row: '507 with a longer pause',
    answers: [507],
    headers: { 'retry-after': '900' },
    ...ENDPOINT,
    code: 'SERVER_FULL',
    after: 900_000,
  },
  { row: '511', answers: [511], body: '<p>canary-7f3a</p>', batch: false, ...PORTAL },
  { row: 'no such status', answers: [199, 600, 999], batch: false, ...ENDPOINT, code: 'BAD_RESPONSE' },
];

/** A pause that the server ordered for one change. */
function LANE() {
  return { ...BACKS_OFF, counted: 0, after: 20_000, code: undefined };
}

export const KINDS = {
  update: { method: 'PATCH', id: 'a', write: (notes) => notes.patch('a', { n: 1 }), guard: '1' },
  delete: { method: 'DELETE', id: 'a', write: (notes) => notes.remove('a'), guard: '1' },
  own: { method: 'PUT', id: 'c', write: (notes) => notes.put({ id: 'c', n: 1 }), guard: '*' },
  create: { method: 'POST', id: undefined, write: (notes) => notes.put({ n: 1 }), guard: undefined },
};
