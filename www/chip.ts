// The small sign that says where a document or a change stands: synced, pending, sending, parked.
//
// The word carries the meaning; shape and colour only repeat it. It shows what Seakeep reports and
// adds the number of tries when there were any.

import type { PendingChange, PendingState, RecordState } from 'seakeep';
import { el, setAttribute, setText } from './dom.js';
import { plural, timeElement } from './format.js';

const words: { [S in RecordState | PendingState]: string } = {
  synced: 'Synced',
  pending: 'Pending',
  waiting: 'Waiting',
  sending: 'Sending',
  parked: 'Parked',
  conflict: 'In conflict',
  local: 'Only here',
};

export function createChip(testId: string): HTMLElement {
  return el('span', { class: 'chip', 'data-testid': testId });
}

export function showState(chip: HTMLElement, state: RecordState | PendingState, retries = 0): void {
  const tries = retries > 0 && state !== 'synced' ? `, ${plural(retries, 'try', 'tries')}` : '';
  setAttribute(chip, 'data-state', state);
  setAttribute(chip, 'data-retries', String(retries));
  setText(chip, words[state] + tries);
}

/** "next try in 8s" while a change waits for its time. */
export function nextTry(change: PendingChange | undefined): HTMLElement | undefined {
  if (change?.state !== 'waiting' || change.retryCount === 0 || !change.nextAttemptAt) return undefined;
  return el('span', { class: 'next-try' }, timeElement(change.nextAttemptAt, 'next try '));
}
