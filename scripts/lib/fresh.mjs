// Skips a build step whose inputs and outputs are as they were left: a digest of the inputs is kept beside the tools.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shown, tools } from './paths.mjs';
import { say, step } from './run.mjs';

/** Runs `work` unless the files `from` (and the words in `also`) are unchanged and every file of `to` exists. */
export async function fresh(name, { from, to, also = [] }, work) {
  const mark = join(tools, 'fresh', name.replaceAll(/\W+/g, '-'));
  const wanted = digest(from, also);
  if (to.every(existsSync) && existsSync(mark) && readFileSync(mark, 'utf8') === wanted) {
    return say(`· ${name}: nothing changed`);
  }
  await step(name, work);
  mkdirSync(join(tools, 'fresh'), { recursive: true });
  writeFileSync(mark, wanted);
}

/** All files below a folder, or the file itself; what does not exist holds none. */
export function filesIn(path, keep = () => true) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (stat.isFile()) return keep(path) ? [path] : [];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesIn(join(path, name), keep));
}

/** One name for the contents of many files (by their place in the repository) and some words. */
export function digest(files, words = []) {
  const hash = createHash('sha256').update(words.join('\n'));
  for (const file of files) hash.update(`\0${shown(file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}
