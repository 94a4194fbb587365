// The shipped module carries its code taken apart: what the face puts together is what was compiled, byte for byte.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { modules } from './modules.mjs';
import { failure, seakeep } from './package.mjs';

const file = (name) => readFileSync(new URL(`../../${name}/seakeep_bg.wasm`, import.meta.url));
const options = { collections: { notes: {} }, storage: 'memory' };
const shipped = file('dist/wasm');
const { unpacked, whole } = await modules();

test('the code comes out as it went in', async () => {
  const [section] = WebAssembly.Module.customSections(await WebAssembly.compile(shipped), 'seakeep');
  assert.ok(file('pkg').equals(unpacked(new Uint8Array(section))));
});

test('a module that carries none is itself', async () => {
  const module = await WebAssembly.compile(file('pkg'));
  assert.equal(await whole(module), module);
});

test('a file that was cut or changed is no module', async () => {
  for (const damage of [(bytes) => bytes.fill(0xff, 200_000, 200_100), (bytes) => bytes.fill(0, 30, 60)]) {
    const wasm = new Uint8Array(shipped);
    damage(wasm);
    assert.equal((await failure(() => seakeep.open('damaged', { ...options, wasm }))).code, 'WASM_FETCH_FAILED');
  }
});

test('whatever bit of what it carries is wrong, putting it together comes to an end', async () => {
  const [section] = WebAssembly.Module.customSections(await WebAssembly.compile(shipped), 'seakeep');
  const bytes = new Uint8Array(section);
  for (let n = 0; n < 400; n++) {
    const at = n < 200 ? n % 60 : (n * 7919) % bytes.length;
    const damaged = bytes.slice();
    damaged[at] ^= 1 << (n % 8);
    try {
      unpacked(damaged);
    } catch (thrown) {
      assert.ok(thrown instanceof Error);
    }
  }
});

test('a module that carries something else is none of ours', async () => {
  const name = [7, ...new TextEncoder().encode('seakeep')];
  const wasm = await WebAssembly.compile(
    new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, name.length + 2, ...name, 9, 9]),
  );
  assert.equal((await failure(() => seakeep.open('other', { ...options, wasm }))).code, 'WASM_FETCH_FAILED');
});

test('a module that the app compiled is taken', async () => {
  const db = await seakeep.open('compiled', { ...options, wasm: await WebAssembly.compile(shipped) });
  await db.close();
});
