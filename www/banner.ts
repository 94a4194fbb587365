// What stands in the way of all changes at once, and what a person can do about it: sign in again, load the newer
// app, wait for a server that keeps failing, open the page of a hotel's network.
//
// It shows at most one thing, the one that holds everything else, and nothing that mends itself in a moment. The
// words come from `sync.status` alone; the button does what the app would do, here as simply as possible.

import type { SyncStatus } from 'seakeep';
import type { Announcer } from './announce.js';
import type { MarketDatabase } from './db.js';
import { byId, setText } from './dom.js';
import { timeElement } from './format.js';
import type { Session } from './session.js';

interface Notice {
  kind: string;
  text: string;
  /** When the next try comes by itself. */
  at?: number | undefined;
  action: string;
  act(): void;
}

export function createBanner(db: MarketDatabase, session: Session, announcer: Announcer): void {
  const banner = byId('banner', HTMLElement);
  const button = byId('banner-action', HTMLButtonElement);
  const time = byId('banner-time', HTMLElement);
  let notice: Notice | undefined;

  const tryNow = () => void db.sync.now().catch(() => undefined);

  function noticeOf(status: SyncStatus): Notice | undefined {
    if (status.state === 'needs-auth')
      return {
        kind: 'auth',
        text: 'The server wants you to sign in. Your changes are kept here meanwhile.',
        action: 'Sign in',
        act: () => {
          session.signIn();
          tryNow();
        },
      };
    if (status.state === 'needs-update')
      return {
        kind: 'update',
        text: 'The server needs a newer version of this page. Your changes are kept here meanwhile.',
        action: 'Load it',
        act: () => location.reload(),
      };
    if (status.state === 'breaker-open')
      return {
        kind: 'breaker',
        text: 'The server keeps failing, so it is left alone for a while.',
        at: status.nextAttemptAt,
        action: 'Try now',
        act: tryNow,
      };
    if (status.error?.code === 'CAPTIVE_PORTAL' && status.state !== 'idle')
      return {
        kind: 'portal',
        text: 'This network wants you to sign in before it lets you through.',
        action: 'Open its page',
        act: () => void open(location.origin, '_blank', 'noopener'),
      };
    return undefined;
  }

  function render(): void {
    const next = noticeOf(db.sync.status);
    if (next && next.kind !== notice?.kind) announcer.say(next.text);
    notice = next;
    banner.hidden = !next;
    banner.dataset.kind = next?.kind ?? '';
    if (!next) return;
    setText(byId('banner-text', HTMLElement), next.text);
    setText(button, next.action);
    if (time.dataset.at !== String(next.at)) {
      time.dataset.at = String(next.at);
      time.replaceChildren(next.at === undefined ? '' : timeElement(next.at, 'Next try '));
    }
  }

  button.addEventListener('click', () => notice?.act());
  db.sync.subscribe(render);
  render();
}
