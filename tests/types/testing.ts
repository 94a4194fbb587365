// The test kit, and adapters as users write them.

import type { Adapter, Database, OutgoingChange, PullPage, PushResult, SyncOptions } from 'seakeep';
import { type FakeClock, FakeServer, openMemory, type ReplayReport, replay } from 'seakeep/testing';
import { is, type Same } from './assert.js';

interface Note {
  id: string;
  text: string;
}

const server = new FakeServer();
is<Same<typeof server.fetch, typeof fetch>>();
server.fail({ status: 500, times: 2 }, { drop: 'after', match: ({ method }) => method === 'POST' });
const db = openMemory<{ notes: Note }>({ collections: { notes: {} }, sync: { url: server.url, fetch: server.fetch } });
is<Same<typeof db, Promise<Database<{ notes: Note }>>>>();
is<Same<ReturnType<FakeClock['advance']>, Promise<void>>>();
const report = replay({ collections: { notes: { conflict: ({ local }) => local ?? null } }, schedules: 2, seed: 1 });
is<Same<typeof report, Promise<ReplayReport>>>();

const push = async (changes: OutgoingChange[]): Promise<PushResult[]> =>
  changes.map(({ mutationId, kind }) =>
    kind === 'delete' ? { mutationId, status: 'rejected', code: 'FORBIDDEN' } : { mutationId, status: 'ok', id: 's' },
  );
const adapter: Adapter = {
  push,
  async pull({ checkpoint, limit }, { headers }): Promise<PullPage> {
    void [await headers(), limit];
    return { docs: [{ id: 'a', doc: { text: '' } }], checkpoint, hasMore: false };
  },
  subscribe: (notify) => () => notify('notes'),
};
const options: SyncOptions = { adapter };
// @ts-expect-error an adapter without push
const none: Adapter = {};
void [options, none];
