// The database handle, sync, the outbox and the settings.

import type {
  AnySchema,
  AuditEntry,
  Collection,
  Database,
  Diagnosis,
  ErrorFamily,
  ErrorInfo,
  Histogram,
  Metrics,
  NetworkState,
  Outbox,
  PendingChange,
  PendingState,
  Settings,
  Sync,
  SyncEvents,
  SyncReport,
  SyncResult,
  SyncStats,
  SyncStatus,
  Unsubscribe,
} from 'seakeep';
import { type Has, type HasNot, is, type Same } from './assert.js';

interface App {
  notes: { id: string; text: string };
}

declare const db: Database<App>;

is<Has<Database<App>, 'name' | 'user' | 'collection' | 'sync' | 'outbox' | 'settings' | 'close'>>();
is<Has<Database<App>, 'conflicts' | 'metrics' | 'audit' | 'diagnose'>>();
type Later = 'storage' | 'importLegacy' | 'export' | 'import' | 'check' | 'repair' | 'logout';
is<HasNot<Database<App>, Later>>();

is<Same<ReturnType<typeof db.diagnose>, Promise<Diagnosis>>>();
/** The contract's own words for it. */
interface Agreed {
  version: string;
  build: string;
  capabilities: { [name: string]: boolean };
  storage: object;
  counters: object;
  lastErrors: ErrorInfo[];
  database: { name: string; schemaVersion: number; storeId: string };
}
const agreed: Agreed = {} as Diagnosis;
void agreed;

is<Same<typeof db.name, string>>();
is<Same<typeof db.user, string | undefined>>();
is<Same<typeof db.sync, Sync>>();
is<Same<typeof db.outbox, Outbox>>();
is<Same<typeof db.settings, Settings>>();
is<Same<ReturnType<typeof db.close>, Promise<void>>>();
const notes: Collection<{ id: string; text: string }> = db.collection('notes');
// @ts-expect-error a collection that was not declared
db.collection('others');
declare const loose: Database<AnySchema>;
loose.collection('anything').peek('a')?.whatever;

is<Has<Sync, 'status' | 'subscribe' | 'now' | 'start' | 'stop' | 'hold' | 'on' | 'network'>>();
is<Has<Sync, 'schedule' | 'stats' | 'resetStats'>>();
is<Has<Sync, 'schedule' | 'stats' | 'resetStats' | 'triggers'>>();
is<Same<ReturnType<typeof db.sync.schedule>, () => void>>();
is<Same<Awaited<ReturnType<typeof db.sync.stats>>, SyncStats>>();
is<Same<SyncStats['requestMs'], Histogram>>();
is<Same<typeof db.metrics, Metrics>>();
is<Same<Awaited<ReturnType<typeof db.audit.list>>, AuditEntry[]>>();
is<Same<ErrorInfo['family'], ErrorFamily>>();
// @ts-expect-error no time
db.sync.schedule('tomorrow');
is<Same<typeof db.sync.status, SyncStatus>>();
is<Same<typeof db.sync.network, NetworkState>>();
is<Same<ReturnType<typeof db.sync.now>, Promise<SyncReport>>>();
is<Same<ReturnType<typeof db.sync.hold>, () => void>>();
void db.sync.now({ collection: 'notes', push: true, pull: false, full: true });
const stops: Unsubscribe[] = [
  db.sync.subscribe((status) => is<Same<typeof status, SyncStatus>>()),
  db.sync.on('acknowledged', (result) => is<Same<typeof result, SyncResult>>()),
  db.sync.on('completed', (report) => is<Same<typeof report, SyncReport>>()),
  db.sync.on('retrying', ({ nextAttemptAt }) => is<Same<typeof nextAttemptAt, number>>()),
  db.sync.on('network', (network) => is<Same<typeof network, NetworkState>>()),
];
is<
  Has<SyncEvents, 'started' | 'completed' | 'failed' | 'acknowledged' | 'retrying' | 'parked' | 'rejected' | 'pulled'>
>();
// @ts-expect-error an event that does not exist
db.sync.on('whatever', () => {});

function status({ state, phase, online, leader, pending, parked, lastSyncedAt, holds, error }: SyncStatus): void {
  const words: [string, 'idle' | 'pushing' | 'pulling'] = [state, phase];
  const flags: [boolean, boolean] = [online, leader];
  const numbers: [number, number, number | undefined] = [pending, parked, lastSyncedAt];
  is<Same<typeof holds, readonly string[]>>();
  is<Same<typeof error, ErrorInfo | undefined>>();
  void [words, flags, numbers];
}

function report({ skipped, pushed, pulled, failed, results }: SyncReport): void {
  is<Same<typeof results, SyncResult[]>>();
  const [first] = results;
  const outcome: [boolean | undefined, string | undefined] = [first?.success, first?.tempId];
  void [skipped, pushed + pulled + failed, outcome];
}

is<Has<Outbox, 'list' | 'count' | 'subscribe' | 'retry' | 'discard' | 'edit'>>();
is<Same<ReturnType<Outbox['list']>, Promise<PendingChange[]>>>();
is<Same<ReturnType<Outbox['count']>, Promise<number>>>();
is<Same<ReturnType<Outbox['retry']>, Promise<number>>>();
is<Same<ReturnType<Outbox['discard']>, Promise<void>>>();
is<Same<ReturnType<Outbox['edit']>, Promise<void>>>();
is<Same<PendingState, 'waiting' | 'sending' | 'parked' | 'conflict'>>();
void db.outbox.list({ collection: 'notes', state: 'parked', limit: 10, after: 3 });
void db.outbox.edit('m1', { text: 'corrected' });
stops.push(db.outbox.subscribe(({ pending, parked, oldest }) => void [pending + parked, oldest]));

function change({ tempId, kind, data, createdAt, retryCount, lastError, dependsOn }: PendingChange): void {
  is<Same<typeof tempId, string | undefined>>();
  is<Same<typeof kind, 'create' | 'update' | 'delete'>>();
  is<Same<typeof data, object | undefined>>();
  is<Same<typeof lastError, ErrorInfo | undefined>>();
  is<Same<typeof dependsOn, string[]>>();
  void (createdAt + retryCount);
}

async function settings(): Promise<void> {
  const theme = await db.settings.get<'dark' | 'light'>('theme');
  is<Same<typeof theme, 'dark' | 'light' | undefined>>();
  await db.settings.set('theme', 'dark');
  await db.settings.remove('theme');
  stops.push(db.settings.subscribe('theme', (value) => is<Same<typeof value, unknown>>()));
}
void [notes, status, report, change, settings];
