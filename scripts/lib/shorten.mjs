// Short names between the module and its glue: wasm-bindgen's are long, carry a hash each, and stand in both files.
//
// The imports are taken from a module named by the build, so that files of two builds still do not fit together.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

/** The two steps of the glue's own start that the face takes by itself. */
const STEPS = '\nexport { __wbg_get_imports as imports, __wbg_finalize_init as started };\n';
const TYPES = `
export function imports(): WebAssembly.Imports;
export function started(instance: WebAssembly.Instance, module: WebAssembly.Module): unknown;
`;
const MAGIC = 8;
const IMPORTS = 2;
const EXPORTS = 7;
const LIMITS = 1;
/** How many bytes and numbers follow a name, by kind of what is imported: function, table, memory, global. */
const AFTER = { function: 0, table: 1, memory: 2, global: 3 };

/** Rewrites both files in place. */
export function shorten(modulePath, gluePath, build) {
  const module = readFileSync(modulePath);
  const [imports, exports] = [namer(), namer()];
  const parts = [module.subarray(0, MAGIC)];
  for (const { id, content } of sections(module)) {
    let body = content;
    if (id === IMPORTS) body = renamedImports(content, imports.name, build);
    if (id === EXPORTS) body = renamedExports(content, exports.name);
    parts.push(Buffer.of(id), leb(body.length), body);
  }
  writeFileSync(modulePath, Buffer.concat(parts));
  const glue = readFileSync(gluePath, 'utf8')
    .replace(/^( {8})(\w+)(?=: (?:function|wasm\.|\())/gm, (whole, indent, name) => {
      const short = imports.names.get(name);
      return short === undefined ? whole : indent + short;
    })
    .replace(/\bwasm\.(\w+)/g, (whole, name) => {
      const short = exports.names.get(name);
      return short === undefined ? whole : `wasm.${short}`;
    })
    .replace(/"\.\/seakeep_bg\.js"/g, JSON.stringify(build))
    .concat(STEPS);
  writeFileSync(gluePath, glue);
  appendFileSync(gluePath.replace(/\.js$/, '.d.ts'), TYPES);
}

/** Gives each name a short one, the same for the same. */
function namer() {
  const names = new Map();
  const name = (long) => {
    if (!names.has(long)) names.set(long, `_${names.size.toString(36)}`);
    return names.get(long);
  };
  return { name, names };
}

function* sections(module) {
  for (let at = MAGIC; at < module.length; ) {
    const id = module[at];
    const [length, start] = number(module, at + 1);
    yield { id, content: module.subarray(start, start + length) };
    at = start + length;
  }
}

function renamedImports(content, name, from) {
  let [count, at] = number(content, 0);
  const parts = [leb(count)];
  while (count-- > 0) {
    const [, , afterModule] = text(content, at);
    const [long, , afterName] = text(content, afterModule);
    at = endOfImport(content, afterName);
    parts.push(written(from), written(name(long)), content.subarray(afterName, at));
  }
  return Buffer.concat(parts);
}

/** Where the description of an import ends. */
function endOfImport(content, at) {
  const kind = content[at];
  if (kind === AFTER.function) return number(content, at + 1)[1];
  if (kind === AFTER.global) return at + 3;
  const flags = at + (kind === AFTER.table ? 2 : 1);
  const [limits, afterFlags] = number(content, flags);
  const [, afterLeast] = number(content, afterFlags);
  return (limits & LIMITS) === 0 ? afterLeast : number(content, afterLeast)[1];
}

function renamedExports(content, name) {
  let [count, at] = number(content, 0);
  const parts = [leb(count)];
  while (count-- > 0) {
    const [long, , afterName] = text(content, at);
    at = number(content, afterName + 1)[1];
    parts.push(written(name(long)), content.subarray(afterName, at));
  }
  return Buffer.concat(parts);
}

function text(bytes, at) {
  const [length, start] = number(bytes, at);
  return [bytes.toString('utf8', start, start + length), start, start + length];
}

function written(name) {
  return Buffer.concat([leb(Buffer.byteLength(name)), Buffer.from(name)]);
}

/** An unsigned LEB128 number, and where it ends. */
function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
