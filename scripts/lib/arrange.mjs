// Puts the functions of the module into an order in which each is much like the one before it: what a page downloads
// becomes 4 % smaller, and nothing else changes. Functions of one type stand together; among them follows the one
// that shares the most runs of three instructions with the last. The hints about alignment, which no engine needs, go too.

import { readFileSync, writeFileSync } from 'node:fs';
import {
  afterLocals,
  CALL,
  CONSTANT,
  endOfInstruction,
  functionsOf,
  isLocal,
  isMemory,
  REFERENCE,
} from './instructions.mjs';
import { endOfImport, leb, number, rebuilt, sections } from './module.mjs';
import { Stop } from './run.mjs';

const SECTION = { imports: 2, functions: 3, exports: 7, start: 8, elements: 9, code: 10 };
/** Runs of instructions that stand in more functions than this tell nothing. */
const COMMON = 800;
const RUN = 3;

/** Rewrites the file in place. */
export function arrange(path) {
  const module = readFileSync(path);
  const found = Object.fromEntries([...sections(module)].map(({ id, content }) => [id, content]));
  const imported = importedFunctions(found[SECTION.imports]);
  const types = numbers(found[SECTION.functions]);
  const bodies = functionsOf(found[SECTION.code]).map((bytes) => functionOf(Buffer.from(bytes)));
  const order = orderOf(bodies, types);
  const places = new Map(order.map((from, to) => [from + imported, to + imported]));
  const place = (index) => leb(places.get(index) ?? index);
  const change = {
    [SECTION.functions]: () => [leb(order.length), ...order.map((index) => leb(types[index]))],
    [SECTION.exports]: (content) => placedExports(content, place),
    [SECTION.start]: (content) => [place(number(content, 0)[0])],
    [SECTION.elements]: (content) => placedElements(content, place),
    [SECTION.code]: () => [leb(order.length), ...order.map((index) => placedBody(bodies[index], place))],
  };
  const arranged = rebuilt(module, (id, content) => (change[id] ? Buffer.concat(change[id](content)) : content));
  if (!WebAssembly.validate(arranged)) throw new Stop('the arranged module is none');
  writeFileSync(path, arranged);
}

function importedFunctions(content) {
  let functions = 0;
  let [count, at] = number(content, 0);
  while (count-- > 0) {
    const afterModule = afterName(content, at);
    const kind = afterName(content, afterModule);
    if (content[kind] === 0) functions += 1;
    at = endOfImport(content, kind);
  }
  return functions;
}

function afterName(content, at) {
  const [length, start] = number(content, at);
  return start + length;
}

function numbers(content) {
  let [count, at] = number(content, 0);
  const all = [];
  while (count-- > 0) {
    const [value, after] = number(content, at);
    all.push(value);
    at = after;
  }
  return all;
}

/** A function: its bytes, where the numbers of other functions stand in them, and its runs of instructions. */
function functionOf(bytes) {
  let at = afterLocals(bytes);
  const calls = [];
  const words = [];
  while (at < bytes.length) {
    const code = bytes[at];
    const end = endOfInstruction(bytes, at);
    if (code === CALL || code === REFERENCE) calls.push([at + 1, end]);
    if (isMemory(code)) bytes[at + 1] = 0;
    words.push(wordOf(bytes, at));
    at = end;
  }
  return { bytes, calls, runs: runsOf(words) };
}

/** An instruction as one number: its code, and which local or offset it is about. */
function wordOf(bytes, at) {
  const code = bytes[at];
  if (isLocal(code) || code === 0x23 || code === 0x24) return code * 256 + bytes[at + 1];
  return isMemory(code) ? code * 256 + (number(bytes, at + 2)[0] & 0xff) : code * 256;
}

function runsOf(words) {
  const runs = new Set();
  for (let at = 0; at + RUN <= Math.max(words.length, RUN); at += 1) runs.add(words.slice(at, at + RUN).join());
  return runs;
}

function orderOf(bodies, types) {
  const places = [...bodies.keys()].sort((a, b) => bodies[a].bytes.length - bodies[b].bytes.length || a - b);
  const having = holders(bodies);
  const kinds = [...new Set(types)].sort((a, b) => a - b);
  return kinds.flatMap((type) =>
    chain(
      places.filter((index) => types[index] === type),
      bodies,
      having,
    ),
  );
}

/** In which functions each run of instructions stands. */
function holders(bodies) {
  const having = new Map();
  for (const [index, { runs }] of bodies.entries()) {
    for (const run of runs) {
      if (!having.has(run)) having.set(run, []);
      having.get(run).push(index);
    }
  }
  return having;
}

/** From the shortest on, always the likest of those that are left. */
function chain(places, bodies, having) {
  const left = new Set(places);
  const order = [];
  for (let next = places[0]; next !== undefined; next = likest(next, left, bodies, having) ?? [...left][0]) {
    left.delete(next);
    order.push(next);
  }
  return order;
}

function likest(index, left, bodies, having) {
  const common = new Map();
  for (const run of bodies[index].runs) {
    const holding = having.get(run);
    if (holding.length > COMMON) continue;
    for (const other of holding) if (left.has(other)) common.set(other, (common.get(other) ?? 0) + 1);
  }
  const size = bodies[index].runs.size;
  let best;
  let most = 0;
  for (const [other, shared] of common) {
    const likeness = shared / (size + bodies[other].runs.size - shared);
    if (likeness > most || (likeness === most && other < best)) [best, most] = [other, likeness];
  }
  return best;
}

function placedBody({ bytes, calls }, place) {
  const parts = [];
  let at = 0;
  for (const [from, to] of calls) {
    parts.push(bytes.subarray(at, from), place(number(bytes, from)[0]));
    at = to;
  }
  const body = Buffer.concat([...parts, bytes.subarray(at)]);
  return Buffer.concat([leb(body.length), body]);
}

function placedExports(content, place) {
  let [count, at] = number(content, 0);
  const parts = [leb(count)];
  while (count-- > 0) {
    const kind = afterName(content, at);
    const [index, end] = number(content, kind + 1);
    parts.push(content.subarray(at, kind + 1), content[kind] === 0 ? place(index) : content.subarray(kind + 1, end));
    at = end;
  }
  return parts;
}

/** Segments of function numbers, put into a table at a constant place. */
function placedElements(content, place) {
  let [count, at] = number(content, 0);
  const parts = [leb(count)];
  while (count-- > 0) {
    const start = at;
    at = afterElementHead(content, start);
    let [length, first] = number(content, at);
    parts.push(content.subarray(start, first));
    while (length-- > 0) {
      const [index, after] = number(content, first);
      parts.push(place(index));
      first = after;
    }
    at = first;
  }
  return parts;
}

function afterElementHead(content, at) {
  const [form, afterForm] = number(content, at);
  const constant = form === 2 ? number(content, afterForm)[1] : afterForm;
  if ((form !== 0 && form !== 2) || content[constant] !== CONSTANT) {
    throw new Stop('arrange.mjs does not know this form of a segment of functions');
  }
  // The constant, the end of its expression; and, where a table is named, the kind of what it holds.
  return number(content, constant + 1)[1] + 1 + (form === 2 ? 1 : 0);
}
