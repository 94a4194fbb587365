/**
 * What the engine tells, passed on to whom it concerns: memory, standing queries, watched changes, the app's listeners.
 *
 * Called by the engine from a fresh task. An event that fails stops none of the others. Errors in details become public
 * ones here; nothing else is decided.
 */

import type { EngineEvent } from './binding.js';
import { answerQuestion, publicConflict } from './conflicts.js';
import { isErrorOut, refuse, thrownName, toInfo } from './errors.js';
import type { Handle } from './handle.js';

/** Everything that happened since the last call, in order; standing queries are asked again once. */
export function receive(handle: Handle, batch: EngineEvent[]): void {
  const touched = new Set<string>();
  for (const event of batch) {
    try {
      take(handle, event, touched);
    } catch (thrown) {
      handle.log('error', 'face', `an event of type ${event.type} failed: ${thrownName(thrown)}`);
    }
  }
  for (const live of [...handle.lives]) if (touched.has(live.collection)) live.wake();
}

function take(handle: Handle, event: EngineEvent, touched: Set<string>): void {
  switch (event.type) {
    case 'changes':
      for (const change of event.changes) remember(handle, change, touched);
      break;
    case 'stale':
      for (const name of event.collections) handle.cache(name).drop();
      add(touched, event.collections);
      break;
    case 'states':
      add(touched, event.collections);
      break;
    case 'complete':
      touched.add(event.collection);
      break;
    case 'settled':
      noteIn(handle, event.error);
      handle.watches.settle(event);
      break;
    case 'status':
      noteIn(handle, event.status.error);
      handle.told = event;
      handle.statusChanges.emit(event);
      break;
    case 'sync':
      noteIn(handle, (event.detail as { error?: unknown }).error);
      handle.countSync(event.name, event.detail);
      handle.syncEvents.emit(event.name, syncDetail(event.name, event.detail));
      break;
    case 'question':
      void answerQuestion(handle, event.conflict);
      break;
    case 'database':
      databaseEvent(handle, event.name, event.detail);
      break;
    case 'setting':
      handle.settingChanges.emit(event.key);
      break;
    case 'log':
      handle.log(event.level, event.scope, event.message, event.detail);
      break;
  }
}

function noteIn(handle: Handle, error: unknown): void {
  if (isErrorOut(error)) handle.lastErrors.note(error);
}

type Change = Extract<EngineEvent, { type: 'changes' }>['changes'][number];

function remember(handle: Handle, change: Change, touched: Set<string>): void {
  const cache = handle.cache(change.collection);
  if (change.previousId !== undefined) cache.set(change.previousId, undefined);
  cache.set(change.id, change.doc);
  touched.add(change.collection);
}

function databaseEvent(handle: Handle, name: string, detail: object): void {
  handle.logStore(name);
  if (name === 'storage-lost') {
    handle.forget();
    for (const live of [...handle.lives]) live.wake();
  }
  const deleted = name === 'deleted';
  const closed = deleted || name === 'closed-for-upgrade';
  handle.events.emit(closed ? 'closed-for-upgrade' : name, publicDetail(detail));
  if (!closed) return;
  handle.retire(
    deleted
      ? refuse('CLOSED', 'this handle was closed because its database is deleted')
      : refuse('DB_VERSION_NEWER', 'newer code has taken the database over in another tab', {
          hint: 'load the newer code; what was acknowledged is kept and will be sent',
        }),
  );
}

function add(touched: Set<string>, collections: string[]): void {
  for (const name of collections) touched.add(name);
}

/** A detail with userMessage in every error of it; `end`: its change goes no further by itself. */
function publicDetail(detail: object, end?: 'parked' | 'rejected'): object {
  const out = { ...detail } as { [key: string]: unknown };
  if (Array.isArray(out.results)) out.results = out.results.map((result) => publicDetail(result, 'parked'));
  if (isErrorOut(out.error)) out.error = toInfo(out.error, end);
  return isErrorOut(out) ? toInfo(out) : out;
}

function syncDetail(name: string, detail: object): object {
  const told = name === 'conflict' || name === 'resolved';
  if (told) return publicConflict(detail as Parameters<typeof publicConflict>[0]);
  return publicDetail(detail, name === 'parked' || name === 'rejected' ? name : undefined);
}
