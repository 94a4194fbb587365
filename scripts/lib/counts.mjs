// Reads how many tests passed, failed and were skipped from what the test runners printed.

import { stripVTControlCharacters } from 'node:util';

const CARGO = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;
const PLAIN = /^(\d+) passed, (\d+) failed$/gm;
const NODE = /^(?:ℹ|#) (pass|fail|skipped) (\d+)$/gm;

/** Sums the closing lines of cargo's, wasm-bindgen's, the simulator's and Node's test runners. */
export function countTests(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const plain = stripVTControlCharacters(output);
  for (const [, passed, failed, ignored] of plain.matchAll(CARGO)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  for (const [, passed, failed] of plain.matchAll(PLAIN)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  }
  const names = { pass: 'passed', fail: 'failed', skipped: 'skipped' };
  for (const [, name, number] of plain.matchAll(NODE)) counts[names[name]] += Number(number);
  return counts;
}

export function sum(all) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of all) for (const key of Object.keys(total)) total[key] += counts[key];
  return total;
}
