// Programs of the operating system: a C compiler, the browsers and their drivers. Installed where that is possible
// without asking (Debian's packages, as root); elsewhere named exactly, with the variable that points to another one.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { toolsBin } from './paths.mjs';
import { run, Stop, step } from './run.mjs';
import { versions } from './versions.mjs';

/** name: [variable that overrides it, names on the PATH or absolute paths]. */
const programs = {
  cc: ['CC', ['cc', 'gcc', 'clang']],
  chromium: ['CHROMIUM', ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']],
  chromedriver: ['CHROMEDRIVER', ['chromedriver']],
  firefox: ['FIREFOX', ['firefox-esr', 'firefox']],
  geckodriver: ['GECKODRIVER', ['geckodriver']],
  webkitdriver: ['WEBKITDRIVER', ['WebKitWebDriver']],
  minibrowser: ['MINIBROWSER', miniBrowsers()],
  xvfb: ['XVFB', ['Xvfb']],
};

/** What each group of scripts/versions.json's `debian` brings. */
const groups = {
  cc: ['cc'],
  chromium: ['chromium', 'chromedriver'],
  firefox: ['firefox'],
  webkit: ['webkitdriver', 'minibrowser', 'xvfb'],
};

/** The absolute path of a program, or undefined. */
export function find(name) {
  const [variable, candidates] = programs[name];
  return [process.env[variable], ...candidates].filter(Boolean).map(located).find(Boolean);
}

/** The absolute path of a program; explains itself when there is none. */
export function need(name) {
  const path = find(name);
  if (!path) throw new Stop(`${name} is missing; ${programs[name][0]} may name its path.`);
  return path;
}

/** Makes sure that all programs of a group are there. */
export async function ensurePrograms(group) {
  const missing = groups[group].filter((name) => !find(name));
  if (missing.length === 0) return;
  const packages = versions.debian[group];
  if (process.getuid?.() !== 0 || !located('apt-get')) throw new Stop(explain(missing, packages));
  await step(`apt-get install ${packages.join(' ')}`, () => install(packages));
  const still = groups[group].filter((name) => !find(name));
  if (still.length > 0) throw new Stop(explain(still, packages));
}

async function install(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update'], { env, log: 'apt-update' });
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env, log: 'apt-install' });
}

function explain(missing, packages) {
  const variables = missing.map((name) => programs[name][0]).join(', ');
  return [
    `Missing: ${missing.join(', ')}. This may not install programs here (that takes Debian's apt-get, as root).`,
    `On Debian and Ubuntu: apt-get install ${packages.join(' ')}`,
    `Installed elsewhere? ${variables} may name the path${missing.length > 1 ? 's' : ''}.`,
  ].join('\n');
}

function located(name) {
  const places = name.includes('/') ? [name] : path().map((folder) => join(folder, name));
  return places.find(isProgram);
}

function path() {
  return [toolsBin, ...(process.env.PATH ?? '').split(delimiter)].filter(Boolean);
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** WebKitGTK keeps its test browser beside its library, off the PATH. */
function miniBrowsers() {
  const libraries = ['/usr/lib', '/usr/libexec', '/usr/lib64'].filter((folder) => existsSync(folder));
  const architectures = libraries.flatMap((lib) => [lib, ...readdirSync(lib).map((name) => join(lib, name))]);
  const versions = ['webkitgtk-6.0', 'webkit2gtk-4.1', 'webkit2gtk-4.0'];
  return versions.flatMap((version) => architectures.map((folder) => join(folder, version, 'MiniBrowser')));
}
