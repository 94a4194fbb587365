// Tells a module that was started by its name from one that was imported.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function isScript(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}
