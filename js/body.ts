/**
 * Bodies of responses, read in pieces: whole up to a bound, or as a stream of text.
 *
 * A body that is too long, or that does not end, is given up while it comes, so that no server can fill the memory. A
 * response without a stream (made by the app's own fetch) is read at once. What a text means is not looked at.
 */

/** Takes the next text and how many bytes were read so far; false gives the rest up. */
type Take = (text: string, bytes: number) => boolean;

/** Levels of arrays and objects in a text: more than the store's copies and comparisons are sure to take. */
const MAX_DEPTH = 500;

/** The text of a body of at most `most` bytes; null when it is longer, undefined when it is JSON nested too deep. */
export async function readText(response: Response, most: number): Promise<string | null | undefined> {
  let whole = '';
  const fits = await readPieces(response, (text, bytes) => {
    whole += text;
    return bytes <= most;
  });
  if (!fits) return null;
  return isTooDeep(whole) ? undefined : whole;
}

/** Counts the brackets outside of strings. What is no JSON may count wrong. */
function isTooDeep(text: string): boolean {
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
  }
  return false;
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
