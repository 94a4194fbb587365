/**
 * Small questions about text that several checks share: is it well-formed, is it a field path, which word was meant.
 *
 * Pure; knows nothing of documents, options or errors.
 */

const SURROGATE = /\p{Cs}/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const NAME = /^[$_\p{ID_Start}](?:[$\p{ID_Continue}]|\u200c|\u200d)*$/u;

/** Index of the first unpaired surrogate, or -1. */
export function loneSurrogate(text: string): number {
  return text.search(SURROGATE);
}

/** Whether every surrogate has its pair. The engine's own test is many times faster than a pattern. */
export function isWellFormed(text: string): boolean {
  const own = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return own === undefined ? !SURROGATE.test(text) : own.call(text);
}

/** Index of the first control character or unpaired surrogate, or -1. */
export function badCharacter(text: string): number {
  const control = text.search(CONTROL);
  const surrogate = isWellFormed(text) ? -1 : loneSurrogate(text);
  return control < 0 || (surrogate >= 0 && surrogate < control) ? surrogate : control;
}

/** What is wrong with a field path that IndexedDB is to index, or undefined. */
export function pathFault(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'is not a string';
  if (path.length > 500) return 'is longer than 500 characters';
  const segments = path.split('.');
  if (segments.includes('')) return 'has an empty segment';
  if (segments.includes('__proto__')) return 'names "__proto__"';
  return segments.every((segment) => NAME.test(segment)) ? undefined : 'has a segment that is not a plain name';
}

/** `; did you mean "x"?` for the known word nearest to a mistyped one, or an empty string. */
export function didYouMean(word: string, known: Iterable<string>): string {
  let best = '';
  let least = 4;
  for (const candidate of known) {
    const steps =
      Math.abs(candidate.length - word.length) < least ? distance(word.toLowerCase(), candidate.toLowerCase()) : least;
    if (steps < least && steps < candidate.length) [best, least] = [candidate, steps];
  }
  return best === '' ? '' : `; did you mean "${best}"?`;
}

/** A name from the app's own code, short enough for a message. */
export function shown(name: string): string {
  return name.length > 60 ? `${name.slice(0, 57)}...` : name;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
