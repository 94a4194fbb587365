// The instructions of a WebAssembly function: where each begins and ends, and what their numbers are about.
//
// Only instructions that the compiler emits for this crate are known; another one ends the build.

import { number } from './module.mjs';
import { Stop } from './run.mjs';

export const CALL = 0x10;
export const BRANCH_TABLE = 0x0e;
export const CONSTANT = 0x41;
export const REFERENCE = 0xd2;
export const LOCAL_GET = 0x20;
/** The first of them; loads come before. */
export const STORES = 0x36;
const LONG_CONSTANT = 0x42;
const INDIRECT_CALL = 0x11;

/** The functions of a code section, each as its bytes without their length. */
export function functionsOf(content) {
  let [count, at] = number(content, 0);
  const all = [];
  while (count-- > 0) {
    const [length, start] = number(content, at);
    at = start + length;
    all.push(content.subarray(start, at));
  }
  return all;
}

/** Where the instructions of a function begin: after what declares its locals. */
export function afterLocals(bytes) {
  let [groups, at] = number(bytes, 0);
  while (groups-- > 0) at = number(bytes, at)[1] + 1;
  return at;
}

/** Loads and stores: a hint about alignment, always of one byte, and an offset. */
export function isMemory(code) {
  return code >= 0x28 && code <= 0x3e;
}

/** Gets, sets, or sets and keeps a local. */
export function isLocal(code) {
  return code >= LOCAL_GET && code <= 0x22;
}

/** Blocks, branches, calls. */
export function isControl(code) {
  return code <= INDIRECT_CALL;
}

export function isBranch(code) {
  return code >= 0x0c && code <= BRANCH_TABLE;
}

export function isConstant(code) {
  return code === CONSTANT || code === LONG_CONSTANT;
}

export function endOfInstruction(bytes, at) {
  const code = bytes[at];
  const after = (count) => {
    let end = at + 1;
    while (count-- > 0) end = number(bytes, end)[1];
    return end;
  };
  if (code === BRANCH_TABLE) return after(number(bytes, at + 1)[0] + 2);
  if (code === 0x1c) return number(bytes, at + 1)[1] + number(bytes, at + 1)[0];
  if (code === 0x43) return at + 5;
  if (code === 0x44) return at + 9;
  if (code === INDIRECT_CALL || isMemory(code)) return after(2);
  if (code === 0xfc) return after(1 + ofPrefixed(number(bytes, at + 1)[0]));
  if (ONE.has(code) || (code >= 0x20 && code <= 0x26)) return after(1);
  if (NONE.has(code) || (code >= 0x45 && code <= 0xc4)) return at + 1;
  throw new Stop(`instructions.mjs does not know the instruction 0x${code.toString(16)}`);
}

/** Blocks, branches, calls, size and growth of memory, constants, null and references: one number follows. */
const ONE = new Set([0x02, 0x03, 0x04, 0x0c, 0x0d, CALL, 0x3f, 0x40, CONSTANT, LONG_CONSTANT, 0xd0, REFERENCE]);
/** Unreachable, nop, else, end, return, drop, select, whether a reference is null. */
const NONE = new Set([0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1]);

/** How many numbers follow: none after a conversion, one or two after what fills, copies or grows. */
function ofPrefixed(code) {
  if (code < 8) return 0;
  return [8, 10, 12, 14].includes(code) ? 2 : 1;
}
