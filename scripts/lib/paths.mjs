// Where everything is, from the repository's root. Pure values: no file is touched by importing this.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const tools = join(root, '.tools');
export const toolsBin = join(tools, 'bin');
export const logs = join(tools, 'logs');
export const pkg = join(root, 'pkg');
export const dist = join(root, 'dist');
export const www = join(root, 'www');
export const wwwDist = join(www, 'dist');
export const nodeBin = join(root, 'node_modules', '.bin');

/** A path as a person reads it: relative to the repository. */
export function shown(path) {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
