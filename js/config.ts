/**
 * The options of open(), checked as a whole before anything is touched: what the engine gets and what the face keeps.
 *
 * Refuses unknown options, values out of range and options whose behaviour does not exist yet; never guesses. Reads no
 * globals: the page's address is an argument.
 */

import type { ClientConfig, CollectionConfig } from './binding.js';
import {
  checkPath,
  flag,
  integer,
  invalid,
  mustBe,
  type Options,
  oneOf,
  optionalFunction,
  plainOptions,
  refuseUnsupported,
} from './check.js';
import { checkSync } from './config-sync.js';
import { refuse } from './errors.js';
import { badCharacter, pathFault, shown } from './text.js';
import type { OpenOptions } from './types.js';
import type { Adapter } from './types-adapter.js';

/** Messages by field, or nothing. */
export type Validate = (doc: object) => unknown;
/** The app's own way with a conflict. */
export type Resolver = (conflict: never) => unknown;
/** Checked options. */
export interface Checked {
  /** For the engine; the name is still the app's. */
  config: ClientConfig;
  /** Each collection's validator. */
  validators: Map<string, Validate | undefined>;
  /** Each collection's conflict function. */
  resolvers: Map<string, Resolver>;
  cache: { items: number; ttl: number } | undefined;
  auth: (() => unknown) | undefined;
  fetch: typeof fetch | undefined;
  adapter: Adapter | undefined;
  log: NonNullable<OpenOptions<object>['log']>;
  wasm: OpenOptions<object>['wasm'];
  /** Equal for equal schemas, in whatever order they name their collections: two handles of one name in one page must agree. */
  schema: string;
}

/**
 * Raised when older code must not write what this code stores: it is then kept out (`src/shell/store/open.rs`). Another
 * number than the build's own is a second version of the package, for tests.
 */
const WRITER = typeof __SEAKEEP_WRITER__ === 'number' ? __SEAKEEP_WRITER__ : 1;
const KNOWN = 'version collections user sync durability cache persist storage wasm log'.split(' ');
const UNSUPPORTED = ['migrations', 'encryption'];
const COLLECTION = 'indexes references validate conflict fieldGroups rejected local path'.split(' ');
const COLLECTION_UNSUPPORTED = ['ttl'];
const STRATEGIES = ['fields', 'merge', 'latest', 'server', 'client', 'manual'] as const;
const RESERVED = '__proto__ constructor prototype pending conflicts journal meta ids settings audit quarantine'.split(
  ' ',
);
const LEVELS = ['off', 'error', 'warn', 'info', 'debug'] as const;

/** Checks a database name: 1-100 characters, none of them a control character, a slash or `~`. */
export function checkName(name: unknown): string {
  if (typeof name !== 'string' || name.length === 0 || name.length > 100) {
    throw mustBe('CONFIG_INVALID', 'name', '1-100 characters', name);
  }
  const bad = [badCharacter(name), name.search(/[/\\~]/)].filter((at) => at >= 0);
  if (bad.length > 0)
    throw invalid('name', `name contains a character that is not allowed at index ${Math.min(...bad)}`);
  return name;
}

/** Checks a user: any text of 1-1,024 characters, or none. */
export function checkUser(user: unknown): string | undefined {
  if (user === undefined) return undefined;
  if (typeof user === 'string' && user.length > 0 && user.length <= 1024) return user;
  throw mustBe('CONFIG_INVALID', 'user', 'a string of 1-1,024 characters', user);
}

/** Checks everything given to open(). */
export function checkOptions(name: unknown, value: unknown, page?: string): Checked {
  const checkedName = checkName(name);
  if (value === undefined) throw refuse('CONFIG_REQUIRED', 'open(name, options) needs an object; got undefined');
  refuseUnsupported(value, UNSUPPORTED);
  const given = plainOptions(value, 'options', KNOWN);
  const { collections, validators, resolvers } = checkCollections(given.collections);
  const user = checkUser(given.user);
  const sync = given.sync === undefined ? undefined : checkSync(given.sync, page);
  const version = integer(given.version, 'version', 1, 1_000_000, 1);
  const config: ClientConfig = {
    name: checkedName,
    ...(user === undefined ? {} : { user }),
    version,
    writer: WRITER,
    storage: oneOf(given.storage, 'storage', ['indexeddb', 'memory'], 'indexeddb'),
    durability: oneOf(given.durability, 'durability', ['strict', 'relaxed'], 'strict'),
    persist: flag(given.persist, 'persist', true),
    collections,
    ...(sync === undefined ? {} : { sync: sync.config }),
  };
  return {
    config,
    validators,
    resolvers,
    cache: checkCache(given.cache),
    auth: sync?.auth,
    fetch: sync?.fetch,
    adapter: sync?.adapter,
    log: typeof given.log === 'function' ? (given.log as Checked['log']) : oneOf(given.log, 'log', LEVELS, 'off'),
    wasm: given.wasm as Checked['wasm'],
    schema: JSON.stringify([version, [...collections].sort((a, b) => (a.name < b.name ? -1 : 1))]),
  };
}

function checkCache(value: unknown): Checked['cache'] {
  if (value === false) return undefined;
  const given = plainOptions(value, 'cache', ['items', 'ttl']);
  return {
    items: integer(given.items, 'cache.items', 1, 1_000_000, 100),
    ttl: integer(given.ttl, 'cache.ttl', 1, 86_400_000, 300_000),
  };
}

/** The app's functions by collection. */
type Functions = Pick<Checked, 'validators' | 'resolvers'>;

function checkCollections(value: unknown): { collections: CollectionConfig[] } & Functions {
  if (value === undefined) throw refuse('CONFIG_REQUIRED', 'options need collections', { path: 'collections' });
  const names = Object.keys(plainOptions(value, 'collections'));
  if (names.length < 1 || names.length > 200) {
    throw invalid('collections', `collections must declare 1-200 collections; got ${names.length}`);
  }
  const functions: Functions = { validators: new Map(), resolvers: new Map() };
  const collections = names.map((name) => checkCollection(name, (value as Options)[name], names, functions));
  const synced = collections.filter((collection) => !collection.local).map((collection) => collection.path);
  if (new Set(synced).size < synced.length) throw invalid('collections', 'two synced collections have the same path');
  return { collections, ...functions };
}

function checkCollection(name: string, value: unknown, names: string[], functions: Functions): CollectionConfig {
  checkCollectionName(name);
  const at = `collections.${name}`;
  refuseUnsupported(value, COLLECTION_UNSUPPORTED);
  const given = plainOptions(value ?? null, at, COLLECTION);
  functions.validators.set(name, optionalFunction(given.validate, `${at}.validate`));
  if (typeof given.conflict === 'function') functions.resolvers.set(name, given.conflict as Resolver);
  const conflict = functions.resolvers.has(name)
    ? 'function'
    : oneOf(given.conflict, `${at}.conflict`, STRATEGIES, 'fields');
  return {
    name,
    path: checkPath(given.path ?? encodeURIComponent(name), `${at}.path`),
    indexes: checkIndexes(given.indexes, `${at}.indexes`),
    references: checkReferences(given.references, `${at}.references`, names),
    rejected: oneOf(given.rejected, `${at}.rejected`, ['park', 'rollback'], 'park'),
    local: flag(given.local, `${at}.local`, false),
    conflict,
    fieldGroups: checkGroups(given.fieldGroups, `${at}.fieldGroups`, conflict),
  };
}

/** Groups of two or more top-level fields, each field in one group at most. */
function checkGroups(value: unknown, at: string, conflict: string): string[][] {
  if (value === undefined) return [];
  const list = (one: unknown): one is unknown[] => Array.isArray(one) && one.length <= 100;
  if (!list(value)) throw mustBe('CONFIG_TYPE', at, 'an array of at most 100', value);
  if (conflict !== 'fields') throw invalid(at, `${at} needs conflict: 'fields'`);
  const fields = value.flatMap((group, i) => {
    if (!list(group) || group.length < 2) throw mustBe('CONFIG_TYPE', `${at}[${i}]`, 'an array of 2-100 fields', group);
    return group;
  });
  for (const field of fields) {
    const fault = typeof field === 'string' && field.includes('.') ? 'must be a top-level field' : pathFault(field);
    if (fault !== undefined)
      throw invalid(at, `${at}: ${typeof field === 'string' ? `"${shown(field)}"` : 'a field'} ${fault}`);
  }
  if (new Set(fields).size < fields.length) throw invalid(at, `${at} names a field twice`);
  return value as string[][];
}

function checkCollectionName(name: string): void {
  if (name.startsWith('_') || RESERVED.includes(name)) {
    throw refuse('NAME_RESERVED', `"${shown(name)}" is reserved`, { path: `collections.${shown(name)}` });
  }
  if (name.length === 0 || name.length > 100 || badCharacter(name) >= 0) {
    throw invalid('collections', 'a collection name must be 1-100 characters without control characters');
  }
}

function checkIndexes(value: unknown, at: string): CollectionConfig['indexes'] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > 50) throw mustBe('CONFIG_TYPE', at, 'an array of at most 50', value);
  const indexes = value.map((index, i) => checkIndex(index, `${at}[${i}]`));
  const paths = new Set(indexes.map((index) => JSON.stringify(index.path)));
  if (paths.size < indexes.length) throw invalid(at, `${at} declares the same path twice`);
  return indexes;
}

function checkIndex(value: unknown, at: string): CollectionConfig['indexes'][number] {
  const short = typeof value === 'string' || Array.isArray(value);
  const given = short ? { path: value } : plainOptions(value, at, ['path', 'unique', 'multi']);
  const path: unknown[] = Array.isArray(given.path) ? given.path : [given.path];
  if (path.length < 1 || path.length > 10) throw invalid(at, `${at} must have 1-10 paths`);
  for (const one of path) {
    const fault = pathFault(one);
    if (fault !== undefined)
      throw invalid(at, `index path ${typeof one === 'string' ? `"${shown(one)}"` : at} ${fault}`);
  }
  const multi = flag(given.multi, `${at}.multi`, false);
  if (multi && path.length > 1) throw invalid(at, `${at}: a compound index cannot be multi`);
  return { path: path as string[], unique: flag(given.unique, `${at}.unique`, false), multi };
}

function checkReferences(value: unknown, at: string, names: string[]): CollectionConfig['references'] {
  return Object.entries(plainOptions(value, at)).map(([field, collection]) => {
    const fault = pathFault(field);
    if (fault !== undefined) throw invalid(at, `reference field "${shown(field)}" ${fault}`);
    if (!names.includes(collection as string)) throw invalid(at, `${at}.${field} must name a declared collection`);
    return { field, collection: collection as string };
  });
}
