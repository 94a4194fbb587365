// The parts of scripts/ that decide something: what counts as a test, which version is enough, what is unchanged.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { countTests, sum } from '../../scripts/lib/counts.mjs';
import { digest, filesIn } from '../../scripts/lib/fresh.mjs';
import { run } from '../../scripts/lib/run.mjs';
import { atLeast } from '../../scripts/lib/versions.mjs';

test('tests are counted in the words of cargo, wasm-bindgen, the simulator and Node', () => {
  const cargo = 'test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out\n';
  const colours = 'test result: \u001b[31mFAILED\u001b[0m. 3 passed; 1 failed; 0 ignored; 0 filtered out\n';
  const node = 'ℹ tests 6\nℹ pass 5\nℹ fail 1\nℹ skipped 0\n';
  assert.deepEqual(countTests(cargo + colours + node), { passed: 20, failed: 2, skipped: 2 });
  assert.deepEqual(countTests('2037 passed, 3 failed\n'), { passed: 2037, failed: 3, skipped: 0 });
  assert.deepEqual(countTests('nothing of the kind: 4 passed'), { passed: 0, failed: 0, skipped: 0 });
  assert.deepEqual(sum([countTests(cargo), countTests(node)]), { passed: 17, failed: 1, skipped: 2 });
});

test('versions are compared by number', () => {
  assert.deepEqual(
    ['20.19.0', '20.20.2', '22.0.0', '20.9.9', '18.20.0'].map((version) => atLeast(version, '20.19.0')),
    [true, true, true, false, false],
  );
});

test('a digest names contents and places', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seakeep-digest-'));
  try {
    const of = () => digest(filesIn(folder), ['-Oz']);
    writeFileSync(join(folder, 'a'), '1');
    const first = of();
    assert.equal(of(), first);
    writeFileSync(join(folder, 'b'), '');
    assert.notEqual(of(), first);
    assert.notEqual(digest(filesIn(folder), ['-O2']), of());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a program that fails, hangs or is not there explains itself', async () => {
  await assert.rejects(run('sh', ['-c', 'echo why >&2; exit 3']), /ended with 3\nwhy/);
  await assert.rejects(run('sh', ['-c', 'sleep 60 & wait'], { timeout: 200 }), /took longer than 0\.2 s/);
  await assert.rejects(run('no-such-program'), /no-such-program is not installed/);
});
