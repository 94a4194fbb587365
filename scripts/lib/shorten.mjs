// Short names between the module and its glue: wasm-bindgen's are long, carry a hash each, and stand in both files. What
// may throw is caught where it is called: wasm-bindgen makes a function and a list of arguments for each of these calls.
//
// The imports are taken from a module named by the build, so that files of two builds still do not fit together.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { endOfImport, leb, number, rebuilt } from './module.mjs';
import { Stop } from './run.mjs';

/** The two steps of the glue's own start that the face takes by itself. */
const STEPS = '\nexport { __wbg_get_imports as imports, __wbg_finalize_init as started };\n';
const TYPES = `
export function imports(): WebAssembly.Imports;
export function started(instance: WebAssembly.Instance, module: WebAssembly.Module): unknown;
`;
const IMPORTS = 2;
const EXPORTS = 7;

/** Rewrites both files in place. */
export function shorten(modulePath, gluePath, build) {
  const module = readFileSync(modulePath);
  const [imports, exports] = [namer(), namer()];
  const short = rebuilt(module, (id, content) => {
    if (id === IMPORTS) return renamedImports(content, imports.name, build);
    return id === EXPORTS ? renamedExports(content, exports.name) : content;
  });
  writeFileSync(modulePath, short);
  const glue = catching(readFileSync(gluePath, 'utf8'))
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

/** Calls that catch by themselves; the one function behind them keeps what was thrown for the module. */
function catching(glue) {
  const calls = /function\(\) \{ return handleError\(function \(([^)]*)\) \{\n([\s\S]*?)\n {8}\}, arguments\); \}/g;
  const keeper = /function handleError\(f, args\) \{\n {4}try \{\n.*\n {4}(\} catch \(e\) \{\n[\s\S]*?)\n\}\n/;
  const caught = glue
    .replace(calls, 'function($1) { try {\n$2\n        } catch (e) { handleError(e); } }')
    .replace(keeper, (_, rest) => `function handleError(e) ${rest.replace(/^\} catch \(e\) /, '')}\n`);
  if (/handleError\(f/.test(caught)) throw new Stop('the glue catches in a way that is not known here');
  return caught;
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
