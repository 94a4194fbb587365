// Words for numbers: how long ago, how soon, how many, how fast.
//
// Pure functions, and `timeElement`, whose text is kept true by one shared timer. The timer runs only
// while such an element is on the page and the page is visible; otherwise nothing ticks.

import { el, setText } from './dom.js';

const soon = new Intl.RelativeTimeFormat('en', { style: 'narrow', numeric: 'always' });
const dateTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const clockTime = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** "just now", "20s ago", "in 8s", or the date when it is further than a day away. */
export function relative(at: number, now: number): string {
  const seconds = Math.ceil((at - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 5 && at <= now) return 'just now';
  if (size < 60) return soon.format(seconds, 'second');
  if (size < 3600) return soon.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return soon.format(Math.round(seconds / 3600), 'hour');
  return dateTime.format(at);
}

export function clock(at: number): string {
  return clockTime.format(at);
}

export function milliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A <time> that keeps saying how long ago (or how soon) it is. */
export function timeElement(at: number, label = ''): HTMLTimeElement {
  const time = el('time', { 'data-at': at, 'data-label': label, title: dateTime.format(at) });
  time.dateTime = new Date(at).toISOString();
  refresh(time, Date.now());
  startTicking();
  return time;
}

let timer: ReturnType<typeof setTimeout> | undefined;

function startTicking(): void {
  if (timer === undefined) timer = setTimeout(tick, 1000);
}

function tick(): void {
  timer = undefined;
  const times = document.querySelectorAll<HTMLTimeElement>('time[data-at]');
  if (times.length === 0) return;
  if (document.hidden) {
    document.addEventListener('visibilitychange', tick, { once: true });
    return;
  }
  const now = Date.now();
  const ages = [...times].map((time) => refresh(time, now));
  timer = setTimeout(tick, Math.min(...ages) < 60_000 ? 1000 : 15_000);
}

function refresh(time: HTMLTimeElement, now: number): number {
  const at = Number(time.dataset.at);
  const text = at > now || !time.dataset.label ? relative(at, now) : 'now';
  setText(time, `${time.dataset.label ?? ''}${text}`);
  return Math.abs(now - at);
}
