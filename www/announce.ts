// Says what happened to people who do not see it: one polite live region, filled with short sentences.
//
// Sentences that come close together are said together, and the same sentence only once. It refuses to
// interrupt (no assertive region) and to repeat what a focused control already says by itself.

import { byId, setText, whenQuiet } from './dom.js';
import { plural } from './format.js';

export interface Announcer {
  say(sentence: string): void;
  /** "Synced: Cook", or "3 changes synced" when several arrive together. */
  synced(name: string): void;
}

export function createAnnouncer(): Announcer {
  const region = byId('announcements', HTMLElement);
  const sentences = new Set<string>();
  const names: string[] = [];

  const flush = whenQuiet(250, () => {
    if (names.length === 1) sentences.add(`Synced: ${names[0]}.`);
    if (names.length > 1) sentences.add(`${plural(names.length, 'change')} synced.`);
    setText(region, [...sentences].join(' '));
    sentences.clear();
    names.length = 0;
  });

  return {
    say(sentence) {
      sentences.add(sentence);
      flush();
    },
    synced(name) {
      names.push(name);
      flush();
    },
  };
}
