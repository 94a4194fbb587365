// The pinned versions of everything that is not in Cargo.lock or package-lock.json.

import { readFileSync } from 'node:fs';

export const versions = JSON.parse(readFileSync(new URL('../versions.json', import.meta.url), 'utf8'));

/** Compares dotted versions by number. */
export function atLeast(version, minimum) {
  const [a, b] = [version, minimum].map((v) => v.split('.').map((n) => Number.parseInt(n, 10)));
  const at = b.findIndex((n, i) => n !== (a[i] ?? 0));
  return at < 0 || (a[at] ?? 0) > b[at];
}
