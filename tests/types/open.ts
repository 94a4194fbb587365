// open(), destroy() and what they take: with a schema of one's own, and without one.

import {
  type AnySchema,
  assistantSync,
  type CollectionOptions,
  type Database,
  destroy,
  type IndexPath,
  isSeakeepError,
  type OpenOptions,
  open,
  type SeakeepError,
  type SyncOptions,
  type version,
} from 'seakeep';
import { is, type Same } from './assert.js';

interface Note {
  id: string;
  text: string;
  rank: number;
  owner?: { id: string };
}
interface App {
  notes: Note;
  tags: { id: string; label: string };
}

const typed = open<App>('app', {
  version: 2,
  user: 'someone',
  durability: 'relaxed',
  storage: 'memory',
  persist: false,
  cache: { items: 10, ttl: 1000 },
  wasm: new URL('https://example.org/seakeep.wasm'),
  log: (entry) => [entry.at, entry.level, entry.scope, entry.message],
  collections: {
    notes: {
      indexes: [
        'rank',
        'owner.id',
        ['rank', 'text'],
        { path: 'text', unique: true },
        { path: ['rank', 'text'], multi: false },
      ],
      references: { tag: 'tags' },
      validate: (note) => (note.text.length > 0 ? undefined : { text: 'required' }),
      rejected: 'rollback',
      path: 'v1/notes',
    },
    tags: { local: true },
  },
  sync: {
    ...assistantSync,
    url: '/api',
    auth: async () => ({ authorization: 'Bearer …' }),
    interval: 30_000,
    pullInterval: 0,
    startDelay: 0,
    maxAttempts: 5,
    backoff: { base: 1000, factor: 2, max: 60_000, jitter: 'full' },
    requestRetries: 3,
    concurrency: 4,
    delayBetween: 1000,
    timeout: 30_000,
    maxPending: 100,
    fetch,
    auto: false,
  },
});
is<Same<typeof typed, Promise<Database<App>>>>();

const untyped = open('app', { collections: { notes: {} }, cache: false, log: 'debug' });
is<Same<Awaited<typeof untyped>, Database<AnySchema>>>();

// @ts-expect-error a collection that the schema does not have
void open<App>('app', { collections: { notes: {}, tags: {}, others: {} } });
// @ts-expect-error a collection of the schema is missing
void open<App>('app', { collections: { notes: {} } });
// @ts-expect-error durability has two values
void open('app', { collections: {}, durability: 'eventual' });

async function transfer(db: Database<App>): Promise<number> {
  const moved = await db.transaction(['notes'], async (tx) => {
    const notes = tx.collection('notes');
    is<Same<ReturnType<typeof notes.get>, Promise<Note | undefined>>>();
    await notes.patch('a', { rank: 1 });
    // @ts-expect-error pages are not read inside a transaction
    void notes.live;
    return (await notes.query({ where: { rank: 1 } })).length;
  });
  // @ts-expect-error a collection that the schema does not have
  void db.transaction(['others'], () => 1);
  is<Same<typeof moved, number>>();
  return moved;
}
void transfer;

is<Same<ReturnType<typeof destroy>, Promise<void>>>();
void destroy('app', { user: 'someone', discardPending: true });
is<Same<typeof version, string>>();

const preset: Readonly<Partial<SyncOptions>> = assistantSync;
const path: IndexPath = ['rank', 'text'];
const options: OpenOptions<App> = { collections: { notes: {}, tags: {} } };
const collection: CollectionOptions<Note> = { validate: () => {} };
void [preset, path, options, collection];

function caught(error: unknown): string | undefined {
  if (isSeakeepError(error, 'VALIDATION')) return error.fields?.text;
  if (!isSeakeepError(error)) return undefined;
  is<Same<typeof error, SeakeepError>>();
  const { name, code, message, userMessage, retryable, parked, path, status, hint } = error;
  const family: 'SeakeepError' = name;
  const flags: [boolean, boolean | undefined] = [retryable, parked];
  void [family, flags, path, status, hint];
  return code === 'QUOTA_EXCEEDED' ? userMessage : message;
}
void caught;
