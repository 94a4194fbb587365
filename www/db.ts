// Opens the market's database: one collection, its two indexes, its validation, and the server.
//
// This is all the set-up an app needs. There is no code here for retrying, ordering, temporary ids or
// several tabs: that is what the package is for.

import { type Collection, type Database, open } from 'seakeep';
import { type Assistant, validate } from './model.js';
import type { Session } from './session.js';

export interface Market {
  assistants: Assistant;
}
export type MarketDatabase = Database<Market>;
export type Assistants = Collection<Assistant>;

export function openMarket(transportFetch: typeof fetch, session: Session): Promise<MarketDatabase> {
  return open<Market>('assistant-market', {
    version: 1,
    collections: {
      // Fields that both sides changed wait for a person; everything else is merged by itself.
      assistants: { indexes: ['category', 'name'], validate, conflict: 'manual' },
    },
    sync: {
      url: new URL('/api', location.origin).href,
      auth: session.headers,
      fetch: transportFetch,
    },
  });
}
