// The header: whether there is a connection, what still waits, when the server was last heard, who sends.
//
// It repeats `sync.status` and adds one thing the package cannot know: that this page's own transport is
// switched off. With two tabs open it says which one sends. It never calls anything "saved on the server"
// that is not.

import type { SyncReport, SyncStatus } from 'seakeep';
import type { Announcer } from './announce.js';
import type { MarketDatabase } from './db.js';
import { byId, isBusy, setAttribute, setBusy, setText } from './dom.js';
import { plural, timeElement } from './format.js';
import type { Transport } from './transport.js';
import { readable } from './undo.js';

export interface HeaderDeps {
  db: MarketDatabase;
  transport: Transport;
  announcer: Announcer;
  /** Called when the connection came or went. */
  connectionChanged(): void;
}

export function isOffline(db: MarketDatabase, transport: Transport): boolean {
  return transport.offline || !db.sync.status.online || db.sync.status.state === 'offline';
}

export function createHeader({ db, transport, announcer, connectionChanged }: HeaderDeps): void {
  const offlineSwitch = byId('offline-switch', HTMLButtonElement);
  const syncNow = byId('sync-now', HTMLButtonElement);
  let wasOffline = isOffline(db, transport);

  function render(): void {
    const { status } = db.sync;
    const offline = isOffline(db, transport);
    setAttribute(offlineSwitch, 'aria-checked', String(transport.offline));
    setText(byId('online-state', HTMLElement), offline ? 'Offline' : 'Online');
    document.documentElement.dataset.connection = offline ? 'offline' : 'online';
    document.documentElement.dataset.mood = mood(status, offline);
    setText(byId('pending-count', HTMLElement), String(status.pending));
    setText(byId('parked-count', HTMLElement), String(status.parked));
    byId('parked-link', HTMLElement).dataset.some = String(status.parked > 0);
    setText(byId('conflict-count', HTMLElement), String(status.conflicts));
    byId('conflict-link', HTMLElement).dataset.some = String(status.conflicts > 0);
    setText(byId('sync-state', HTMLElement), stateText(status, transport.offline));
    setText(byId('leader', HTMLElement), roleText(status, transport.offline, offline));
    showLastSync(status.lastSyncedAt);
    if (offline !== wasOffline) {
      wasOffline = offline;
      announcer.say(offline ? 'Offline. Changes are kept on this device.' : 'Online again.');
      connectionChanged();
    }
  }

  async function syncOnce(): Promise<void> {
    if (isBusy(syncNow)) return;
    setBusy(syncNow, true);
    setText(syncNow, 'Syncing…');
    try {
      announcer.say(reportText(await db.sync.now()));
    } catch (error) {
      announcer.say(readable(error));
    } finally {
      setBusy(syncNow, false);
      setText(syncNow, 'Sync now');
    }
  }

  offlineSwitch.addEventListener('click', () => transport.setOffline(!transport.offline));
  transport.onSwitch((offline) => {
    render();
    if (!offline) db.sync.now().catch((error) => announcer.say(readable(error)));
  });
  syncNow.addEventListener('click', () => void syncOnce());
  db.sync.subscribe(render);
  render();
}

/** What the waterline under the header shows. */
function mood(status: SyncStatus, offline: boolean): string {
  if (offline) return 'offline';
  if (status.state === 'syncing') return 'syncing';
  const stuck = status.parked + status.conflicts > 0;
  if (stuck || ['error', 'breaker-open', 'needs-auth', 'needs-update'].includes(status.state)) return 'trouble';
  return status.pending > 0 ? 'pending' : 'calm';
}

function stateText(status: SyncStatus, switchedOff: boolean): string {
  const kept = status.pending > 0 ? ` ${plural(status.pending, 'change')} kept here.` : '';
  if (switchedOff && status.leader) return `This tab is cut off.${kept}`;
  switch (status.state) {
    case 'disabled':
      return 'Sync is off.';
    case 'syncing':
      return status.phase === 'pulling' ? 'Fetching changes…' : 'Sending changes…';
    case 'offline':
      return `No connection.${kept}`;
    case 'waiting':
      return `Waiting to try again.${kept}`;
    case 'held':
      return `Held: ${status.holds.join(', ')}.`;
    case 'needs-auth':
      return `The server wants you to sign in.${kept}`;
    case 'needs-update':
      return `The server needs a newer version of this app.${kept}`;
    case 'rate-limited':
      return `The server asked to slow down.${kept}`;
    case 'breaker-open':
      return `The server keeps failing; giving it a pause.${kept}`;
    case 'error':
      return status.error?.userMessage ?? 'Sync has a problem.';
    case 'idle':
      return idleText(status);
  }
}

function idleText(status: SyncStatus): string {
  const stuck = status.parked + status.conflicts;
  if (stuck > 0) return `${plural(stuck, 'change')} ${stuck === 1 ? 'needs' : 'need'} your help.`;
  if (status.pending > 0) return `${plural(status.pending, 'change')} waiting to be sent.`;
  return status.lastSyncedAt ? 'Everything is on the server.' : 'Not synced yet.';
}

function roleText(status: SyncStatus, switchedOff: boolean, offline: boolean): string {
  if (status.leader) return offline ? 'This tab is the one to send' : 'This tab sends';
  return switchedOff ? 'Cut off here' : 'This tab does not send now';
}

function showLastSync(at: number | undefined): void {
  const target = byId('last-sync', HTMLElement);
  if (target.dataset.at === String(at)) return;
  target.dataset.at = String(at);
  target.replaceChildren(at ? timeElement(at) : 'never');
}

function reportText(report: SyncReport): string {
  if (report.skipped) return `Not synced: ${report.skipped}.`;
  const parts = [`${report.pushed} sent`, `${report.pulled} fetched`];
  if (report.failed > 0) parts.push(`${report.failed} failed`);
  if (report.parked > 0) parts.push(`${report.parked} parked`);
  return `Sync finished: ${parts.join(', ')}.`;
}
