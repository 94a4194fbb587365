// Collections: reading, writing, asking, watching.

import type {
  BulkWrite,
  Collection,
  Condition,
  Draft,
  ErrorInfo,
  Live,
  LiveResult,
  Patch,
  Query,
  RecordMeta,
  RecordState,
  Row,
  SeakeepError,
  SyncReport,
  Unsubscribe,
  Write,
  WriteOptions,
} from 'seakeep';
import { type Has, type HasNot, is, type Same } from './assert.js';

interface Note {
  id: string;
  text: string;
  rank: number;
  done: boolean | null;
}

declare const notes: Collection<Note>;

type Present =
  | 'name'
  | 'get'
  | 'getMany'
  | 'peek'
  | 'put'
  | 'add'
  | 'patch'
  | 'remove'
  | 'putMany'
  | 'removeMany'
  | 'query'
  | 'count'
  | 'live'
  | 'meta'
  | 'refresh';
is<Has<Collection<Note>, Present>>();
is<HasNot<Collection<Note>, 'page' | 'scan' | 'invalidate'>>();

is<Same<typeof notes.name, string>>();
is<Same<ReturnType<typeof notes.get>, Promise<Note | undefined>>>();
is<Same<ReturnType<typeof notes.getMany>, Promise<(Note | undefined)[]>>>();
is<Same<ReturnType<typeof notes.peek>, Note | undefined>>();
is<Same<ReturnType<typeof notes.put>, Promise<Write<Note>>>>();
is<Same<ReturnType<typeof notes.add>, Promise<Write<Note>>>>();
is<Same<ReturnType<typeof notes.patch>, Promise<Write<Note>>>>();
is<Same<ReturnType<typeof notes.remove>, Promise<Write<Note>>>>();
is<Same<ReturnType<typeof notes.putMany>, Promise<BulkWrite>>>();
is<Same<ReturnType<typeof notes.removeMany>, Promise<BulkWrite>>>();
is<Same<ReturnType<typeof notes.query>, Promise<Note[]>>>();
is<Same<ReturnType<typeof notes.count>, Promise<number>>>();
is<Same<ReturnType<typeof notes.live>, Live<Note>>>();
is<Same<ReturnType<typeof notes.meta>, Promise<RecordMeta | undefined>>>();
is<Same<ReturnType<typeof notes.refresh>, Promise<SyncReport>>>();

void notes.get('a', { fresh: true });
void notes.put({ text: 'without an id', rank: 1, done: null }, { priority: 'background', local: true });
void notes.put({ id: 'chosen', text: '', rank: 1, done: true }, { signal: new AbortController().signal });
void notes.putMany([{ text: '', rank: 1, done: false }], { priority: 'high' });
void notes.patch('a', { text: 'new', rank: undefined, done: null });
void notes.refresh({ full: true });
// @ts-expect-error a field of the wrong type
void notes.put({ text: 1, rank: 1, done: null });
// @ts-expect-error a field is missing
void notes.add({ text: 'x' });
// @ts-expect-error a field that the document does not have
void notes.patch('a', { colour: 'red' });

is<Same<Draft<Note>, Omit<Note, 'id'> & { id?: string }>>();
const patch: Patch<Note> = { rank: null };
const options: WriteOptions = { priority: 'user' };
void [patch, options];

const query: Query<Note> = {
  where: { rank: { gte: 1, lt: 9 }, text: { startsWith: 'a' }, done: true, 'owner.id': 'someone' },
  orderBy: ['rank', 'text'],
  direction: 'desc',
  limit: 10,
  filter: (note) => note.done === true,
};
const condition: Condition<number> = { in: [1, 2] };
void notes.query(query);
void notes.count({ where: { rank: condition } });
// @ts-expect-error a direction that does not exist
void notes.query({ direction: 'up' });

async function write(result: Write<Note>, bulk: BulkWrite): Promise<void> {
  is<Same<typeof result.id, string>>();
  is<Same<typeof result.doc, Note | undefined>>();
  is<Same<typeof result.mutationId, string | undefined>>();
  is<Same<typeof result.synced, Promise<{ id: string; doc: Note | undefined; revision: string | undefined }>>>();
  is<Same<ReturnType<typeof result.cancel>, Promise<boolean>>>();
  is<Same<typeof bulk.ids, string[]>>();
  is<Same<typeof bulk.synced, Promise<void>>>();
  // @ts-expect-error a write's id is not to be changed
  result.id = 'other';
}

async function watch(live: Live<Note>): Promise<void> {
  is<Same<typeof live.current, LiveResult<Note>>>();
  const stop: Unsubscribe = live.subscribe((result) => is<Same<typeof result, LiveResult<Note>>>());
  for await (const { rows, loaded, complete, error } of live) {
    is<Same<typeof rows, readonly Row<Note>[]>>();
    is<Same<typeof loaded, boolean>>();
    is<Same<typeof complete, boolean>>();
    is<Same<typeof error, SeakeepError | undefined>>();
  }
  stop();
  live.close();
}

function row({ key, id, doc, state }: Row<Note>, meta: RecordMeta): void {
  is<Same<typeof key, string>>();
  is<Same<typeof id, string>>();
  is<Same<typeof doc, Note>>();
  is<Same<typeof state, RecordState>>();
  is<Same<RecordState, 'synced' | 'pending' | 'sending' | 'parked' | 'conflict' | 'local'>>();
  is<Same<typeof meta.updatedAt, number>>();
  is<Same<typeof meta.attempts, number>>();
  is<Same<typeof meta.lastError, ErrorInfo | undefined>>();
}
void [write, watch, row];
