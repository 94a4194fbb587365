// Results as a table for people and as JSON for programs.

const MARKS = { ok: 'ok', failed: 'FAILED', skipped: 'skipped' };
const COLOURS = { ok: 32, failed: 31, skipped: 33 };

/** One line for each rule, its reason below where there is one, and the sum. */
export function asTable({ base, collection }, results, colour = process.stdout.isTTY === true) {
  const painted = (verdict) => {
    const word = MARKS[verdict].padEnd(8);
    return colour ? `\u001b[${COLOURS[verdict]}m${word}\u001b[0m` : word;
  };
  const lines = results.map(({ id, section, rule, verdict, reason }) => {
    const line = `${section}  ${id.padEnd(22)} ${painted(verdict)} ${rule}`;
    return reason ? `${line}\n   ${' '.repeat(23)}${' '.repeat(9)}${reason}` : line;
  });
  const head = `${base}, collection "${collection}", REST profile 1`;
  return [head, '', ...lines, '', summary(results)].join('\n');
}

/** Everything, for programs. */
export function asJson({ base, collection }, results) {
  return JSON.stringify({ profile: 1, base, collection, ...counts(results), results }, null, 2);
}

function summary(results) {
  const { ok, failed, skipped } = counts(results);
  return `${ok} ok, ${failed} failed, ${skipped} skipped`;
}

function counts(results) {
  const count = (wanted) => results.filter(({ verdict }) => verdict === wanted).length;
  return { ok: count('ok'), failed: count('failed'), skipped: count('skipped') };
}
