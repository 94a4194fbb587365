/**
 * Bodies of responses, read in pieces: whole up to a bound, or as a stream of text.
 *
 * A body that is too long, or that does not end, is given up while it comes, so that no server can fill the memory. A
 * response without a stream (made by the app's own fetch) is read at once. What a text means is not looked at.
 */

/** Takes the next text and how many bytes were read so far; false gives the rest up. */
type Take = (text: string, bytes: number) => boolean;

/** The text of a body of at most `most` bytes; null when it is longer. */
export async function readText(response: Response, most: number): Promise<string | null> {
  let whole = '';
  const fits = await readPieces(response, (text, bytes) => {
    whole += text;
    return bytes <= most;
  });
  return fits ? whole : null;
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
