// The last hundred sync events of this tab, newest first, each as one line.
//
// A ring: the oldest line goes when the hundred and first comes. Lines say what happened and to which
// document (by id), and hold nothing of what the document contains. `progress` is left out: it is a stream.

import type { Sync, SyncEvents, SyncResult } from 'seakeep';
import { byId, el } from './dom.js';
import { clock, milliseconds, plural, relative } from './format.js';

const most = 100;
const grave = ['failed', 'parked', 'rejected', 'conflict', 'auth-required', 'update-required', 'captive-portal'];

export function createEventLog(sync: Sync): void {
  const list = byId('event-rows', HTMLOListElement);
  const none = byId('events-none', HTMLElement);
  list.tabIndex = 0; // It scrolls, so the keyboard must reach it.

  function listen<E extends keyof SyncEvents>(event: E, say: (detail: SyncEvents[E]) => string): void {
    sync.on(event, (detail) => {
      const kind = grave.includes(event) ? 'grave' : 'plain';
      list.prepend(
        el(
          'li',
          { class: 'event', 'data-testid': 'event-row', 'data-event': event, 'data-kind': kind },
          el('time', { class: 'event-time' }, clock(Date.now())),
          el('span', { class: 'event-name' }, event),
          el('span', { class: 'event-text' }, say(detail)),
        ),
      );
      if (list.children.length > most) list.lastElementChild?.remove();
      none.hidden = true;
    });
  }

  listen('started', ({ reason }) => reason);
  listen('completed', (r) => r.skipped ?? `${r.pushed} sent, ${r.pulled} fetched, ${milliseconds(r.durationMs)}`);
  listen('failed', ({ code, userMessage }) => `${code}: ${userMessage}`);
  listen('acknowledged', ({ tempId, id }) => (tempId && id ? `${short(tempId)} is now ${short(id)}` : short(id)));
  listen(
    'retrying',
    (r) => `${what(r)}, ${plural(r.attempts, 'try', 'tries')}, again ${relative(r.nextAttemptAt, Date.now())}`,
  );
  listen('parked', what);
  listen('rejected', what);
  listen('conflict', ({ id, type }) => `${short(id)}, ${type}`);
  listen('resolved', ({ id, strategy }) => `${short(id)}${strategy ? ` by ${strategy}` : ''}`);
  listen('pulled', ({ changed, deleted }) => `${changed} changed, ${deleted} deleted`);
  listen('network', ({ online, reachable }) => `${online ? 'online' : 'offline'}, server ${reach(reachable)}`);
  listen('leader', ({ leader, epoch }) => `${leader ? 'this tab sends' : 'another tab sends'}, epoch ${epoch}`);
  listen('breaker', ({ state, until }) => state + (until ? `, until ${clock(until)}` : ''));
  listen('auth-required', () => 'the server wants a sign-in');
  listen('update-required', () => 'the server wants a newer app');
  listen('captive-portal', () => 'a web page answered in place of the server');
}

function what({ id, tempId, error }: SyncResult): string {
  return `${short(id ?? tempId)}${error ? `, ${error.code}` : ''}`;
}

function reach(reachable: boolean | undefined): string {
  if (reachable === undefined) return 'not tried yet';
  return reachable ? 'reachable' : 'not reachable';
}

/** Temporary ids are long; their end tells them apart. */
function short(id: string | undefined): string {
  if (!id) return 'a document';
  return id.length > 22 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id;
}
