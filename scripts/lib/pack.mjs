// Takes the code of a module apart before it is compressed: the instructions into one stream; the locals, offsets, constants,
// functions and blocks that they name into one stream each. The same code is 14 % less to download.
//
// What comes out is a module again, which has no code and carries all this in a section of its own: servers and bundlers
// treat it as what it was. js/unpack.ts puts the code together, byte for byte. It knows no instruction, only tokens:
// which bytes to write, and how many numbers to copy from which stream.

import {
  afterLocals,
  BRANCH_TABLE,
  CALL,
  CONSTANT,
  endOfInstruction,
  functionsOf,
  isBranch,
  isConstant,
  isControl,
  isLocal,
  isMemory,
  LOCAL_GET,
  STORES,
} from './instructions.mjs';
import { leb, number, sections } from './module.mjs';
import { Stop } from './run.mjs';

const NAME = Buffer.from('seakeep');
const CODE = 10;
const MAGIC = 8;
/** What a token's numbers are copied from; the last word says that a function ends with it. */
const STREAM = { declarations: 0, locals: 1, offsets: 2, constants: 3, calls: 4, branches: 5 };
const STREAMS = 6;
const END = STREAMS;
const TOKENS = 256;
/** Of these instructions the most frequent are tokens together with what they name. */
const FREQUENT = new Map([
  [LOCAL_GET, 6],
  [CALL, 64],
]);

/** The module as it is shipped. */
export function packed(module) {
  const { content } = [...sections(module)].find(({ id }) => id === CODE);
  const begin = content.byteOffset - module.byteOffset;
  const functions = functionsOf(content).map(piecesOf);
  const frequent = frequentOf(functions.flatMap((pieces) => pieces.slice(1)));
  const parts = functions.flatMap((pieces) => pieces.map((piece, place) => partOf(piece, place, pieces, frequent)));
  const tokens = tokensOf(parts);
  const places = new Map(tokens.map((token, place) => [token?.key, place]));
  const streams = [
    module.subarray(0, begin + number(content, 0)[1]),
    module.subarray(begin + content.length),
    Buffer.concat(tokens.map((token) => described(token))),
    Buffer.from(parts.map(({ key }) => places.get(key))),
    ...streamsOf(parts),
  ];
  const lengths = [module, ...streams].map(({ length }) => leb(length));
  const section = Buffer.concat([leb(NAME.length), NAME, ...lengths, ...streams]);
  return Buffer.concat([module.subarray(0, MAGIC), Buffer.of(0), leb(section.length), section]);
}

/** A function in pieces: what declares its locals, then its instructions. */
function piecesOf(bytes) {
  let at = afterLocals(bytes);
  const pieces = [bytes.subarray(0, at)];
  while (at < bytes.length) {
    const end = endOfInstruction(bytes, at);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Those that are tokens together with what they name, as text. */
function frequentOf(pieces) {
  const uses = new Map();
  for (const piece of pieces) {
    if (!FREQUENT.has(piece[0])) continue;
    const text = piece.toString('hex');
    uses.set(text, (uses.get(text) ?? 0) + 1);
  }
  const sorted = [...uses.keys()].sort((a, b) => uses.get(b) - uses.get(a));
  const most = ([code, count]) =>
    sorted.filter((text) => Number.parseInt(text.slice(0, 2), 16) === code).slice(0, count);
  return new Set([...FREQUENT].flatMap(most));
}

/** A piece as a token and the numbers that the token copies. */
function partOf(bytes, place, pieces, frequent) {
  const [code] = bytes;
  if (place === 0) return part(bytes, 1, STREAM.declarations);
  if (place === pieces.length - 1) return part(bytes, bytes.length, END);
  if (frequent.has(bytes.toString('hex'))) return part(bytes, bytes.length, 0);
  if (isLocal(code)) return part(bytes, 1, STREAM.locals);
  if (isMemory(code)) return part(bytes, 2, STREAM.offsets);
  if (isConstant(code)) return part(bytes, 1, STREAM.constants);
  if (code === CALL) return part(bytes, 1, STREAM.calls);
  if (code === BRANCH_TABLE) return part(bytes, number(bytes, 1)[1], STREAM.branches);
  return isBranch(code) ? part(bytes, 1, STREAM.branches) : part(bytes, bytes.length, 0);
}

/** The first bytes stand for the token itself; the numbers after them are copied from a stream. */
function part(bytes, own, stream) {
  const numbers = bytes.subarray(own);
  let count = 0;
  for (let at = 0; at < numbers.length; count += 1) at = number(numbers, at)[1];
  const written = bytes.subarray(0, own);
  return { key: `${stream} ${count} ${written.toString('hex')}`, written, stream, count, numbers };
}

function streamsOf(parts) {
  const streams = Array.from({ length: STREAMS }, () => []);
  for (const { stream, numbers } of parts) streams[stream]?.push(numbers);
  return streams.map((numbers) => Buffer.concat(numbers));
}

/**
 * At most 256 tokens, each at its place. Brotli guesses a byte by the classes of the two before it, whose borders are
 * fixed: tokens of one kind are put into one class, the frequent ones first.
 */
function tokensOf(parts) {
  const uses = new Map();
  for (const { key } of parts) uses.set(key, (uses.get(key) ?? 0) + 1);
  const kinds = new Map(parts.map((one) => [one.key, one]));
  const frequent = [...kinds.values()].sort((a, b) => uses.get(b.key) - uses.get(a.key));
  const tokens = new Array(TOKENS).fill(undefined);
  for (const kind of frequent) {
    const place = tokens.indexOf(undefined, classOf(kind));
    const free = place < 0 ? tokens.indexOf(undefined) : place;
    if (free < 0) throw new Stop('pack.mjs: the code has more kinds of instructions than there are tokens');
    tokens[free] = kind;
  }
  return tokens;
}

/** Where the classes of brotli begin: 0, 1, 16, 64, 128, 192, 240, 255. */
function classOf({ written, stream }) {
  const [code] = written;
  if (stream === STREAM.declarations || stream === END || code === CALL) return 128;
  if (code === CONSTANT) return 255;
  if (code === LOCAL_GET && written.length === 1) return 0;
  if (isLocal(code)) return 192;
  if (isMemory(code)) return code < STORES ? 1 : 240;
  return isControl(code) ? 64 : 16;
}

function described({ written, stream, count } = { written: Buffer.alloc(0), stream: 0, count: 0 }) {
  return Buffer.concat([Buffer.of(written.length), written, Buffer.of(stream, count)]);
}
