// From times to what a person reads: medians, the ratio of speed to raw IndexedDB, and the goal beside it.

/** One row of the results. Times in microseconds; a ratio above 1 is faster than raw. */
export function row({ id, title, goal }, times) {
  const medians = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
  const ratio = (name) => (medians[name] === undefined ? undefined : medians.raw / medians[name]);
  const ratios = { dexie: ratio('dexie'), seakeep: ratio('seakeep'), other: ratio('other') };
  return { id, title, goal, medians, ratios, met: goal === undefined || ratios.seakeep >= goal, times };
}

export function table(rows) {
  const hasOther = rows.some(({ ratios }) => ratios.other !== undefined);
  const head = ['', 'raw', 'Dexie', 'Seakeep', 'Dexie/raw', 'Seakeep/raw', 'goal', '', hasOther ? 'other/raw' : ''];
  const body = rows.map(({ title, goal, medians, ratios, met }) => [
    title,
    time(medians.raw),
    time(medians.dexie),
    time(medians.seakeep),
    times(ratios.dexie),
    times(ratios.seakeep),
    goal === undefined ? '' : `>= ${goal}`,
    goal === undefined ? '' : met ? 'met' : 'MISSED',
    times(ratios.other),
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...body].map((cells) => cells[at].length)));
  const line = (cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd : cell.padStart).call(cell, widths[at]));
  return [head, ...body].map((cells) => line(cells).join('  ').trimEnd()).join('\n');
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function time(microseconds) {
  if (microseconds === undefined) return '';
  if (microseconds >= 10_000) return `${(microseconds / 1000).toFixed(0)} ms`;
  if (microseconds >= 1000) return `${(microseconds / 1000).toFixed(2)} ms`;
  return `${microseconds.toFixed(microseconds < 10 ? 2 : 0)} µs`;
}

function times(ratio) {
  if (ratio === undefined) return '';
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)} x`;
}
