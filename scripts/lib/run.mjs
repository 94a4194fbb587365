// Runs other programs: with progress for the person waiting, a log for the one who looks later, a time limit,
// and nothing left behind. Each child leads a process group, so that a browser started by a driver started by a
// test runner ends with it, also on Ctrl-C.

import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { logs, root, toolsBin } from './paths.mjs';

const HEARTBEAT_MS = 15_000;
const groups = new Set();

/** A failure that is already explained: shown without a stack. */
export class Stop extends Error {}

/** One line of progress. It goes beside the results: `npm run -s size -- --json` stays JSON. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

/** Names a piece of work, says when it is done and how long it took. */
export async function step(name, work) {
  const start = Date.now();
  say(`▸ ${name}`);
  const result = await work();
  say(`✓ ${name} (${seconds(start)})`);
  return result;
}

/** The environment of every child: the project's own tools come first. */
export function environment(extra = {}) {
  const path = process.env.PATH ?? '';
  return { ...process.env, PATH: `${toolsBin}:${path}`, ...extra };
}

/**
 * Runs a program and returns what it printed. `show` streams it as well; otherwise a sign of life appears every
 * 15 seconds and the output only when it fails. Rejects with `Stop` on failure or past `timeout` milliseconds.
 */
export async function run(command, args = [], options = {}) {
  const { show = false, timeout = 0, env, cwd, log, name = [command, ...args].join(' ') } = options;
  const child = start(command, args, { env, cwd });
  const printed = collect(child, show, log);
  const watch = watched(child, timeout, show ? undefined : () => `${name.slice(0, 60)}: ${printed.last()}`);
  const code = await exitOf(child, command).finally(watch.stop);
  const output = printed.text();
  if (code === 0 && !watch.late()) return output;
  const why = watch.late() ? `took longer than ${timeout / 1000} s` : `ended with ${code}`;
  const error = new Stop([`${name}: ${why}`, ...(show ? [] : [output.trimEnd()])].join('\n'));
  error.output = output;
  throw error;
}

/** Starts a program that keeps running; the caller ends it with `end(child.pid)`, or the end of this process does. */
export function start(command, args = [], { env, cwd = root, stdio = ['ignore', 'pipe', 'pipe'] } = {}) {
  const child = spawn(command, args, { cwd, env: environment(env), stdio, detached: true });
  groups.add(child.pid);
  return child;
}

/** Whether a program answers at all, and what: its first line, or undefined. */
export async function answer(command, args = ['--version']) {
  try {
    return (await run(command, args, { timeout: 30_000 })).split('\n')[0].trim();
  } catch {
    return undefined;
  }
}

/** Ends a program's process group and what it started in groups of its own. */
export function end(pid) {
  if (!pid || !groups.delete(pid)) return;
  for (const target of [...descendants(pid), -pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Already gone: that is what was wanted.
    }
  }
}

/** Browser drivers put their browsers into groups of their own: found by asking who started whom. */
function descendants(pid) {
  const listing = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).stdout ?? '';
  const rows = listing
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent) => rows.filter(([, p]) => p === parent).flatMap(([p]) => [p, ...below(p)]);
  return below(pid);
}

/** Runs a script's main function: explained failures are shown plainly, everything started is ended. */
export async function main(work) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
  process.on('exit', () => [...groups].forEach(end));
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Stop ? `\n✗ ${error.message}` : error);
    process.exitCode = 1;
  } finally {
    [...groups].forEach(end);
  }
}

/** Keeps what a child prints, writes it to .tools/logs/ as it comes, and passes it on when it is to be shown. */
function collect(child, show, log) {
  const chunks = [];
  const file = log && openLog(log);
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    from.on('data', (data) => {
      chunks.push(data);
      file?.write(data);
      if (show) to.write(data);
    });
  }
  child.on('close', () => file?.end());
  const text = () => Buffer.concat(chunks).toString('utf8');
  return {
    text,
    last: () =>
      String(chunks.at(-1) ?? '')
        .trim()
        .split('\n')
        .at(-1)
        .slice(0, 80),
  };
}

/** Says every 15 seconds what a silent child is at, and ends one that takes too long. */
function watched(child, timeout, sign) {
  const since = Date.now();
  let late = false;
  const giveUp = () => {
    late = true;
    end(child.pid);
  };
  const beat = sign && setInterval(() => say(`  … ${seconds(since)} ${sign()}`), HEARTBEAT_MS);
  const limit = timeout > 0 && setTimeout(giveUp, timeout);
  const stop = () => {
    clearInterval(beat);
    clearTimeout(limit);
  };
  return { stop, late: () => late };
}

function exitOf(child, command) {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      reject(error.code === 'ENOENT' ? new Stop(`${command} is not installed or not on the PATH`) : error);
    });
    child.on('exit', (code, signal) => {
      // What it left running would keep the pipes open: it ends here, and nobody waits for one that escaped.
      end(child.pid);
      const done = () => resolve(code ?? signal);
      child.on('close', done);
      setTimeout(done, 5_000).unref();
    });
  });
}

function openLog(name) {
  mkdirSync(logs, { recursive: true });
  return createWriteStream(join(logs, `${name}.log`));
}
