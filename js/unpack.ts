/**
 * The shipped module carries its code taken apart, which makes it a seventh less to download; this puts it together.
 *
 * The other half of scripts/lib/pack.mjs. It knows no instruction, only tokens: which bytes to write, and how many numbers
 * to copy from which stream. What it makes of a damaged file is for the compiler to refuse.
 */

const SECTION = 'seakeep';
const STREAMS = 10;
const TOKENS = 256;
/** In place of a stream: a function ends with this token. */
const END = 6;

interface Token {
  readonly written: Uint8Array;
  readonly stream: number;
  readonly count: number;
}

/** The module that this one carries; itself when it carries none. */
export async function whole(module: WebAssembly.Module): Promise<WebAssembly.Module> {
  const [carried] = WebAssembly.Module.customSections(module, SECTION);
  return carried === undefined ? module : WebAssembly.compile(unpacked(new Uint8Array(carried)));
}

/** The bytes of a module, from those of the section. */
export function unpacked(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { cut, number } = reader(bytes);
  const module = new Uint8Array(number());
  const lengths = Array.from({ length: STREAMS }, number);
  const [head, tail, table, tokens, ...streams] = lengths.map(cut) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  module.set(head);
  module.set(tail, module.length - tail.length);
  join(module, head.length, tokensOf(table), tokens, streams);
  return module;
}

/** Gives bytes from the front on, and numbers of which each byte but the last says that another one follows. */
function reader(bytes: Uint8Array) {
  let at = 0;
  const cut = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const [byte = 0] = cut(1);
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  return { cut, number };
}

/** Writes the functions one after the other. */
function join(
  module: Uint8Array,
  from: number,
  kinds: readonly Token[],
  tokens: Uint8Array,
  streams: readonly Uint8Array[],
): void {
  const places = streams.map(() => 0);
  let [start, at] = [from, from];
  // Not for-of: an iterator of bytes costs twice the time before the loop is compiled.
  for (let n = 0; n < tokens.length; n++) {
    if (at > module.length) throw new RangeError();
    const token = tokens[n] as number;
    const { written, stream, count } = kinds[token] as Token;
    for (let i = 0; i < written.length; i++) module[at++] = written[i] as number;
    if (stream === END) {
      at = closed(module, start, at);
      start = at;
    } else if (count > 0) {
      const numbers = streams[stream] as Uint8Array;
      let place = places[stream] as number;
      for (let left = count; left > 0 && at < module.length; left -= (module[at++] as number) < 128 ? 1 : 0) {
        module[at] = numbers[place++] as number;
      }
      places[stream] = place;
    }
  }
}

/** Puts the length of a function before it; gives where it ends then. */
function closed(module: Uint8Array, start: number, end: number): number {
  let length = end - start;
  const size = Math.ceil((32 - Math.clz32(length)) / 7);
  module.copyWithin(start + size, start, end);
  for (let at = start; at < start + size; at++, length >>>= 7) module[at] = length > 127 ? length | 128 : length;
  return end + size;
}

/** For each token in bytes: how many it writes, and these; where its numbers are, and how many. */
function tokensOf(table: Uint8Array): Token[] {
  const { cut } = reader(table);
  const byte = () => cut(1)[0] ?? 0;
  return Array.from({ length: TOKENS }, () => ({ written: cut(byte()), stream: byte(), count: byte() }));
}
