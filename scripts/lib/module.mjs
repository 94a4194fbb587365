// A WebAssembly module as bytes: its sections, and the numbers in them. Knows nothing of what they mean.

const MAGIC = 8;

/** The sections of a module, in their order. */
export function* sections(module) {
  for (let at = MAGIC; at < module.length; ) {
    const id = module[at];
    const [length, start] = number(module, at + 1);
    yield { id, content: module.subarray(start, start + length) };
    at = start + length;
  }
}

/** The module again, each section as `change` gives it. */
export function rebuilt(module, change) {
  const parts = [module.subarray(0, MAGIC)];
  for (const { id, content } of sections(module)) {
    const body = change(id, content);
    parts.push(Buffer.of(id), leb(body.length), body);
  }
  return Buffer.concat(parts);
}

/** An unsigned LEB128 number, and where it ends. */
export function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

/** A number as unsigned LEB128. */
export function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}

/** Where a description in the import section ends; `at` is at its kind. */
export function endOfImport(content, at) {
  const [FUNCTION, TABLE, GLOBAL] = [0, 1, 3];
  const kind = content[at];
  if (kind === FUNCTION) return number(content, at + 1)[1];
  if (kind === GLOBAL) return at + 3;
  const flags = at + (kind === TABLE ? 2 : 1);
  const [limits, afterFlags] = number(content, flags);
  const [, afterLeast] = number(content, afterFlags);
  return (limits & 1) === 0 ? afterLeast : number(content, afterLeast)[1];
}
