// How long things take here: a local write, a request, a whole sync pass. Last, median and 95th percentile
// of the latest two hundred of each.
//
// Measured by the page itself around its own calls; nothing is stored or sent anywhere.

import { byId, el } from './dom.js';
import { milliseconds } from './format.js';

export type Measured = 'write' | 'request' | 'pass';

const labels: { [M in Measured]: string } = {
  write: 'Local write',
  request: 'Request',
  pass: 'Sync pass',
};
const most = 200;

export function createTimings(): (what: Measured, ms: number) => void {
  const body = byId('timing-rows', HTMLTableSectionElement);
  const values: { [M in Measured]: number[] } = { write: [], request: [], pass: [] };
  const rows = {
    write: timingRow('write'),
    request: timingRow('request'),
    pass: timingRow('pass'),
  };
  body.replaceChildren(...Object.values(rows));

  return (what, ms) => {
    const list = values[what];
    list.push(ms);
    if (list.length > most) list.shift();
    fill(rows[what], list);
  };
}

function timingRow(what: Measured): HTMLTableRowElement {
  const cells = ['last', 'median', 'p95', 'count'].map((name) => el('td', { 'data-value': name }, '–'));
  return el('tr', { 'data-testid': `timing-${what}` }, el('th', { scope: 'row' }, labels[what]), ...cells);
}

function fill(row: HTMLTableRowElement, values: number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => milliseconds(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  const texts = [milliseconds(values.at(-1) ?? 0), at(0.5), at(0.95), String(values.length)];
  row.querySelectorAll('td').forEach((cell, index) => {
    cell.textContent = texts[index] ?? '';
  });
}
