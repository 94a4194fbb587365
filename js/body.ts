/**
 * Bodies of responses, read in pieces: whole up to a bound, or as a stream of text.
 *
 * A body that is too long, or that does not end, is given up while it comes, so that no server can fill the memory. A
 * response without a stream (made by the app's own fetch) is read at once. What a text means is looked at only where it
 * holds something that no store can be trusted with: in a page, documents with such a thing are marked and taken out.
 */

/** Takes the next text and how many bytes were read so far; false gives the rest up. */
type Take = (text: string, bytes: number) => boolean;

/** Levels of arrays and objects in a text: more than the store's copies and comparisons are sure to take. */
const MAX_DEPTH = 500;

/** What `readText` gives where there is no text: too long, nested too deep, a number that is none. */
type NoText = null | undefined | false;

/** The text of a body of at most `most` bytes; null when it is longer, undefined or false when it is JSON that cannot be kept. */
export async function readText(response: Response, most: number): Promise<string | NoText> {
  let whole = '';
  const fits = await readPieces(response, (text, bytes) => {
    whole += text;
    return bytes <= most;
  });
  if (!fits) return null;
  return isDoubtful(whole) || /\d{309}/.test(whole) ? mended(whole) : whole;
}

/** A page without the documents that cannot be kept, each marked `unfit`; any other text that cannot be kept is none. */
function mended(text: string): string | NoText {
  let value: { items?: { doc?: unknown; unfit?: boolean }[] };
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return thrown instanceof RangeError ? undefined : text;
  }
  if (Array.isArray(value?.items)) {
    for (const item of value.items) if (unfit(item?.doc) !== '') Object.assign(item, { doc: null, unfit: true });
  }
  const why = unfit(value);
  return why === '' ? JSON.stringify(value) : why === 'deep' ? undefined : false;
}

/** Why a value cannot be kept, level by level; '' when it can. */
function unfit(value: unknown): '' | 'deep' | 'number' {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return 'deep';
    const below: unknown[] = [];
    for (const one of level) {
      if (typeof one === 'number' && !Number.isFinite(one)) return 'number';
      if (typeof one === 'object' && one !== null) for (const part of Object.values(one)) below.push(part);
    }
    level = below;
  }
  return '';
}

/** Counts the brackets outside of strings and looks for exponents. What is no JSON may count wrong. */
function isDoubtful(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      do at = text.indexOf('"', at + 1);
      while (at > 0 && isEscaped(text, at));
      if (at < 0) return false;
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
    // `true` and `false` end in the letter of an exponent too.
    else if ((code === 0x65 || code === 0x45) && isDigit(text.charCodeAt(at - 1))) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether an odd number of backslashes stands before. */
function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text.charCodeAt(from - 1) === 0x5c) from--;
  return (at - from) % 2 === 1;
}

/** Reads a body to its end; false when `take` gave it up. Rejects when the connection ends early. */
export async function readPieces(response: Response, take: Take): Promise<boolean> {
  const reader = response.body?.getReader?.();
  if (reader === undefined) {
    const text = await response.text();
    return take(text, text.length);
  }
  const decoder = new TextDecoder();
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return take(decoder.decode(), bytes);
    bytes += value.byteLength;
    if (take(decoder.decode(value, { stream: true }), bytes)) continue;
    // What is left is nobody's business; a stream that cannot be cancelled ends with the page.
    reader.cancel().catch(() => {});
    return false;
  }
}
