// How far a running pass has come: a bar with words, shown only when there is something to wait for.
//
// A pass of two changes is over before a person could read it, so nothing shows before half a second; a total that
// is not known gives a bar without an end and no promise.

import type { Progress } from 'seakeep';
import type { MarketDatabase } from './db.js';
import { byId, setAttribute, setText } from './dom.js';
import { milliseconds } from './format.js';

const patience = 500;

export function createProgress(db: MarketDatabase): void {
  const area = byId('progress', HTMLElement);
  const bar = byId('progress-bar', HTMLProgressElement);
  const text = byId('progress-text', HTMLElement);
  let since: number | undefined;

  function show(progress: Progress | undefined): void {
    if (!progress) since = undefined;
    else since ??= performance.now();
    area.hidden = since === undefined || performance.now() - since < patience;
    if (!progress || area.hidden) return;
    setAttribute(bar, 'max', progress.total === undefined ? undefined : String(progress.total));
    setAttribute(bar, 'value', progress.total === undefined ? undefined : String(progress.done));
    setText(text, words(progress));
  }

  db.sync.on('progress', show);
  db.sync.subscribe((status) => show(status.state === 'syncing' ? status.progress : undefined));
}

function words({ done, total, phase, remainingMs }: Progress): string {
  const verb = phase === 'pulling' ? 'fetched' : 'sent';
  const count = total === undefined ? `${done} ${verb}` : `${done} of ${total} ${verb}`;
  const left = remainingMs === undefined || remainingMs < 2000 ? '' : `, about ${milliseconds(remainingMs)} left`;
  return count + left;
}
