#!/usr/bin/env node
// seakeep-conformance URL [options]: checks a server against the REST profile, rule by rule, and prints a table.
// It speaks HTTP only and changes nothing but documents it made itself. No dependencies.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checks } from './checks/index.mjs';
import { asJson, asTable } from './report.mjs';
import { play } from './run.mjs';

const OPTIONS = {
  collection: { type: 'string', default: 'assistants' },
  doc: { type: 'string', default: '{"name":"Conformance"}' },
  text: { type: 'string', default: 'name' },
  free: { type: 'string', default: 'conformance' },
  invalid: { type: 'string' },
  header: { type: 'string', multiple: true, default: [] },
  origin: { type: 'string' },
  only: { type: 'string', multiple: true, default: [] },
  writers: { type: 'string', default: '8' },
  timeout: { type: 'string', default: '30' },
  slow: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

const HELP = `seakeep-conformance URL [options]

Checks the server at URL (the API's base, as in sync.url) against Seakeep's REST profile.

  --collection NAME  collection to work in (assistants); the kit deletes what it made
  --doc JSON         a document the server accepts there ({"name":"Conformance"})
  --text FIELD       a text field of it that takes any text up to 80 letters (name)
  --free FIELD       a field that takes any JSON (conformance); "none": what needs one is skipped
  --invalid JSON     a document the server refuses by field ({"name":""} in assistants; otherwise skipped)
  --header "N: V"    sent with every request, such as Authorization; may be repeated
  --origin ORIGIN    also checks what a page of that origin may do (CORS)
  --only PREFIX      only the checks whose id or section begins so; may be repeated
  --writers N        parallel writers where many write (8)
  --timeout SECONDS  for one request (30)
  --slow             also what takes longer: comment lines of the event stream
  --keep             leaves the documents it made
  --json             prints the results as JSON
  --list             prints the checks without running them

Exit code: 0 when nothing failed, 1 when something did, 2 when it could not run.`;

/** Runs the command; answers with the exit code. */
export async function main(argv, out = console.log) {
  const { values, positionals } = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  if (values.help) return shown(out, HELP);
  const chosen = choose(values.only);
  if (values.list) return shown(out, chosen.map(({ id, rule }) => `${id.padEnd(24)} ${rule}`).join('\n'));
  const settings = settingsOf(values, positionals);
  const results = await play(chosen, settings);
  out(values.json ? asJson(settings, results) : asTable(settings, results));
  return results.some(({ verdict }) => verdict === 'failed') ? 1 : 0;
}

function shown(out, text) {
  out(text);
  return 0;
}

function choose(prefixes) {
  const wanted = ({ id, section }) => prefixes.some((prefix) => id.startsWith(prefix) || section === prefix);
  const chosen = prefixes.length === 0 ? checks : checks.filter(wanted);
  if (chosen.length === 0) throw new Error(`--only ${prefixes.join(', ')}: no check is called so; --list shows all`);
  return chosen;
}

function settingsOf(values, [url, ...more]) {
  if (url === undefined || more.length > 0) throw new Error('one URL is needed; --help says more');
  const { collection, text, free, origin, slow, keep } = values;
  return {
    base: baseOf(url),
    sample: object('--doc', values.doc),
    invalid: invalidOf(values),
    headers: Object.fromEntries(values.header.map(headerOf)),
    writers: whole('--writers', values.writers, 64),
    timeout: whole('--timeout', values.timeout, 600) * 1000,
    free: free === 'none' ? undefined : free,
    ...{ collection, text, origin, slow, keep },
  };
}

function baseOf(url) {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new Error('the URL must be an absolute http(s) address');
  return parsed.href.replace(/\/+$/, '');
}

function invalidOf({ invalid, collection }) {
  if (invalid !== undefined) return object('--invalid', invalid);
  return collection === OPTIONS.collection.default ? { name: '' } : undefined;
}

function object(name, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    // Explained below, like every other wrong value.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${name}: a JSON object`);
  return value;
}

function headerOf(text) {
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error('--header: write "Name: value"');
  return [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
}

function whole(name, text, most) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new Error(`${name}: a whole number, 1 to ${most}`);
  return number;
}

function started() {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
}

if (started()) {
  process.exitCode = await main(process.argv.slice(2)).catch((error) => {
    console.error(`seakeep-conformance: ${error.message}`);
    return 2;
  });
}
