/**
 * Every code an error of this package can carry: its family, whether it may be retried, and what to tell a person.
 *
 * One table and nothing else; `docs/troubleshooting.md` says for each what to do. The engine's own list of codes
 * (`src/model/error.rs`) is compared with it by a test.
 */

/** The families of errors, and their codes. */
const FAMILIES = {
  network: ['NETWORK', 'NETWORK_BLOCKED', 'CAPTIVE_PORTAL'],
  timeout: ['TIMEOUT', 'TX_TIMEOUT', 'DB_OPEN_TIMEOUT', 'RESOLVER_TIMEOUT'],
  server: [
    ...(['SERVER', 'BAD_RESPONSE', 'RESPONSE_TOO_DEEP', 'RESPONSE_TOO_LARGE', 'UNEXPECTED_REDIRECT'] as const),
    ...(['PULL_NO_PROGRESS', 'SERVER_FULL'] as const),
  ],
  client: [
    'CLIENT',
    'TOO_LARGE',
    'HEADER_INVALID',
    'HEADER_RESERVED',
    'TRANSPORT_RESULT',
    'UPGRADE_REQUIRED',
    'ADAPTER_RESULT',
  ],
  conflict: ['CONFLICT', 'TX_CONFLICT', 'ID_MAP_CONFLICT', 'RESOLVER_FAILED', 'RESOLVER_RESULT'],
  authentication: ['AUTH_REQUIRED', 'AUTH_FAILED', 'AUTH_TIMEOUT', 'FORBIDDEN'],
  validation: [
    ...(['VALIDATION', 'DOC_CYCLE', 'DOC_READ_FAILED', 'DOC_TOO_DEEP', 'DOC_TOO_LARGE', 'DOC_TOO_MANY_KEYS'] as const),
    ...(['DOC_TYPE', 'DOC_UNDEFINED', 'DOC_UNSUPPORTED', 'KEY_FORBIDDEN', 'NUMBER_NOT_FINITE'] as const),
    ...(['NUMBER_UNSAFE', 'STRING_LONE_SURROGATE', 'PATCH_INVALID', 'PATCH_TYPE', 'ID_INVALID', 'ID_TYPE'] as const),
    ...(['ID_MISMATCH', 'ID_RESERVED', 'BULK_DUPLICATE_ID', 'BULK_TOO_LARGE'] as const),
  ],
  'rate-limit': ['RATE_LIMITED'],
  'breaker-open': ['BREAKER_OPEN'],
  consistency: [
    'INTEGRITY_FAILED',
    'REFERENCE_CYCLE',
    'REFERENCE_MISSING',
    'UNIQUE_VIOLATION',
    'ALREADY_EXISTS',
    'NOT_FOUND',
  ],
  storage: [
    ...(['STORAGE_UNAVAILABLE', 'QUOTA_EXCEEDED', 'TX_ABORTED', 'DB_UPGRADE_BLOCKED', 'DB_VERSION_NEWER'] as const),
    ...(['SCHEMA_CHANGED', 'SCHEMA_MISMATCH'] as const),
  ],
  operation: [
    ...(['ABORTED', 'CLOSED', 'DISCARDED', 'IN_FLIGHT', 'MUTATION_UNKNOWN', 'OUTBOX_FULL', 'PENDING_EXIST'] as const),
    ...(['QUERY_INVALID', 'QUERY_RANGE', 'QUERY_TOO_LARGE', 'FILTER_FAILED', 'STORE_UNKNOWN'] as const),
    ...([
      'NAME_RESERVED',
      'ARGUMENT_TYPE',
      'CONFIG_ENUM',
      'CONFIG_INVALID',
      'CONFIG_RANGE',
      'CONFIG_REQUIRED',
    ] as const),
    ...(['CONFIG_TYPE', 'CONFIG_UNKNOWN_KEY', 'CONFIG_UNSUPPORTED', 'CONFIG_URL', 'LISTENER_ERROR'] as const),
    ...(['TX_ENDED', 'TX_NESTED'] as const),
    ...(['ENGINE_CRASHED', 'ENV_UNSUPPORTED', 'WASM_FETCH_FAILED', 'WASM_BLOCKED_BY_CSP', 'BUILD_MISMATCH'] as const),
  ],
} as const;

/** What kind of thing went wrong; decides what an app can do about it. */
export type ErrorFamily = keyof typeof FAMILIES;
/** The codes of this version. */
export type KnownCode = (typeof FAMILIES)[ErrorFamily][number];

/** Codes after which the same call can succeed later. */
const RETRYABLE: readonly KnownCode[] = [
  ...(['NETWORK', 'CAPTIVE_PORTAL', 'TIMEOUT', 'TX_TIMEOUT', 'DB_OPEN_TIMEOUT', 'SERVER', 'SERVER_FULL'] as const),
  ...([
    'BAD_RESPONSE',
    'CONFLICT',
    'TX_CONFLICT',
    'AUTH_REQUIRED',
    'AUTH_FAILED',
    'AUTH_TIMEOUT',
    'RATE_LIMITED',
    'BREAKER_OPEN',
  ] as const),
  ...(['QUOTA_EXCEEDED', 'TX_ABORTED', 'DB_UPGRADE_BLOCKED', 'IN_FLIGHT', 'OUTBOX_FULL', 'WASM_FETCH_FAILED'] as const),
];

const AGAIN = 'It will be tried again.';
const LATER = 'Your change is kept and sent later.';
const KEPT = 'Your change is kept.';
const UNDONE = 'Your change was undone.';
const UP_TO_YOU = 'Your change is kept until you try again.';

/** What to tell a person, by family; codes that have their own text stand below. */
const BY_FAMILY: { [F in ErrorFamily]: string } = {
  network: `No connection right now. ${LATER}`,
  timeout: `This takes too long right now. ${AGAIN}`,
  server: `The server has a problem. ${KEPT}`,
  client: `The server could not accept this. ${KEPT}`,
  conflict: 'Someone else changed this at the same time.',
  authentication: 'Please sign in again to continue syncing.',
  validation: 'Some entries need to be corrected.',
  'rate-limit': `The server is busy. ${AGAIN}`,
  'breaker-open': `The server has had problems and gets a short rest. ${AGAIN}`,
  consistency: 'This entry does not fit the others.',
  storage: 'This browser could not store the data.',
  operation: 'Something went wrong in this app.',
};

const BY_CODE: { [C in KnownCode]?: string } = {
  NETWORK_BLOCKED: 'Something in this network blocks this change.',
  CAPTIVE_PORTAL: 'This network wants you to sign in first. Open a web page to do so.',
  TIMEOUT: `The server does not answer. ${AGAIN}`,
  SERVER: `The server has a problem. ${AGAIN}`,
  SERVER_FULL: `The server has no space left. ${AGAIN}`,
  TOO_LARGE: 'This change is too large for the server.',
  UPGRADE_REQUIRED: 'This app is out of date. Please reload the page.',
  TX_CONFLICT: 'Something else changed this data at the same time. Please try again.',
  FORBIDDEN: 'You are not allowed to make this change.',
  DOC_TOO_LARGE: 'This entry is too large to be saved.',
  INTEGRITY_FAILED: 'A stored entry is damaged.',
  REFERENCE_CYCLE: 'This entry and another one refer to each other, so that neither can be saved first.',
  REFERENCE_MISSING: 'This entry refers to one that no longer exists.',
  UNIQUE_VIOLATION: 'There is already an entry with this value.',
  ALREADY_EXISTS: 'This entry exists already.',
  NOT_FOUND: 'This entry no longer exists.',
  STORAGE_UNAVAILABLE: 'This browser does not allow data to be stored here.',
  QUOTA_EXCEEDED: 'There is no space left on this device.',
  DB_UPGRADE_BLOCKED: 'The app is open in another tab that has to be closed or reloaded first.',
  DB_VERSION_NEWER: 'The app was updated. Please reload the page.',
  SCHEMA_CHANGED: 'The app was updated. Please reload the page.',
  ABORTED: 'The action was cancelled.',
  CLOSED: 'Please reload the page to continue.',
  DISCARDED: 'This change was discarded.',
  IN_FLIGHT: 'This change is being sent right now. Please try again in a moment.',
  MUTATION_UNKNOWN: 'This change has been sent or discarded already.',
  OUTBOX_FULL: 'Too many changes are waiting to be sent.',
  PENDING_EXIST: 'Some changes have not been sent yet.',
  QUERY_TOO_LARGE: 'There are too many entries to show at once.',
  ENGINE_CRASHED: 'Something went wrong. Please reload the page; what was saved is kept.',
  ENV_UNSUPPORTED: 'This does not work here.',
  WASM_FETCH_FAILED: 'A part of the app could not be loaded. Please reload the page.',
  WASM_BLOCKED_BY_CSP: 'A part of the app was blocked from running.',
  BUILD_MISMATCH: 'The app was updated. Please reload the page.',
};

/** The family of a code; one that is not known is an operation that failed. */
export function familyOf(code: string): ErrorFamily {
  const all = Object.entries(FAMILIES) as [ErrorFamily, readonly string[]][];
  return all.find(([, codes]) => codes.includes(code))?.[0] ?? 'operation';
}

/** Whether the same call can succeed later. */
export function isRetryable(code: string): boolean {
  return RETRYABLE.includes(code as KnownCode);
}

/** What to tell a person: of a parked change never that it is tried again by itself, of a rejected one never that it is kept. */
export function userMessage(code: string, end?: 'parked' | 'rejected'): string {
  const text = (Object.hasOwn(BY_CODE, code) ? BY_CODE[code as KnownCode] : undefined) ?? BY_FAMILY[familyOf(code)];
  if (end === 'rejected') return [AGAIN, LATER, KEPT].reduce((said, hope) => said.replace(hope, UNDONE), text);
  return end === 'parked' ? text.replace(AGAIN, UP_TO_YOU).replace(LATER, UP_TO_YOU) : text;
}
