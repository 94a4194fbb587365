// One set-up or build at a time in one clone: a directory is the lock, because making one is atomic everywhere.
// A lock whose process is gone is taken over.

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tools } from './paths.mjs';
import { say } from './run.mjs';

/** Runs `work` while no other process of this clone holds the lock `name`. Not re-entrant. */
export async function locked(name, work) {
  const lock = join(tools, `${name}.lock`);
  const release = () => rmSync(lock, { recursive: true, force: true });
  mkdirSync(tools, { recursive: true });
  for (let told = false; !take(lock); await sleep(300)) {
    if (!told) say(`  waiting for another ${name} in this clone`);
    told = true;
  }
  process.on('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function take(lock) {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (holderIsGone(lock)) rmSync(lock, { recursive: true, force: true });
  return false;
}

function holderIsGone(lock) {
  try {
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH' || (error.code === 'ENOENT' && olderThan(lock, 10_000));
  }
}

/** A lock without a pid belongs to a holder between its two steps, or to one that died there. */
function olderThan(lock, ms) {
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - since > ms;
}
