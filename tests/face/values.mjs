// Values that JSON cannot hold, by the name that bad-inputs.json gives them: { "$js": name, ...parameters }.
// Runs in Node and in pages; knows nothing of the package.

const makers = {
  undefined: () => undefined,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  symbol: ({ canary = 's' }) => Symbol(canary),
  function:
    ({ canary = '' }) =>
    () =>
      canary,
  bigint: ({ text }) => BigInt(text),
  weakmap: () => new WeakMap(),
  promise: ({ canary }) => Promise.resolve(canary),
  date: () => new Date(0),
  map: ({ canary }) => new Map([[canary, canary]]),
  regexp: () => /.*/,
  'class-instance': ({ canary }) =>
    new (class Note {
      text = canary;
    })(),
  'dom-node': ({ canary }) => Object.assign(document.createElement('div'), { textContent: canary }),
  repeat: ({ text, times }) => text.repeat(times),
  concat: ({ parts }) => parts.map(decode).join(''),
  'lone-surrogate': () => '\ud800',
  json: ({ text }) => JSON.parse(text),
  key: ({ key, value }) => ({ [decode(key)]: value }),
  keys: ({ times }) => Object.fromEntries(Array.from({ length: times }, (_, i) => [`k${i}`, i])),
  collections: ({ times }) => Object.fromEntries(Array.from({ length: times }, (_, i) => [`c${i}`, {}])),
  list: ({ of, times }) => Array.from({ length: times }, () => of),
  // biome-ignore lint/suspicious/noSparseArray: the hole is the point.
  hole: () => [1, , 3],
  proxy: ({ of }) => reactive(of),
  'throwing-getter': ({ canary }) => ({
    text: 't',
    get g() {
      throw new TypeError(canary);
    },
  }),
  cycle: ({ canary }) => {
    const doc = { text: canary, a: {} };
    doc.a.b = doc;
    return doc;
  },
  twice: () => {
    const one = { n: 1 };
    return { text: 't', a: one, b: [one, one] };
  },
  // The document itself is the first level.
  deep: ({ times }) => {
    let doc = {};
    for (let i = 1; i < times; i++) doc = { a: doc };
    return doc;
  },
  response: ({ status, type }) =>
    new Response('<!doctype html><title>no module</title>', { status, headers: { 'content-type': type } }),
};

/** What a row of the table means: the same tree with every tag replaced. */
export function decode(input) {
  if (Array.isArray(input)) return input.map(decode);
  if (typeof input !== 'object' || input === null) return input;
  if (Object.hasOwn(input, '$js')) return makers[input.$js](input);
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, decode(value)]));
}

/** As frameworks wrap state: every object read through it is a proxy too. */
function reactive(target) {
  return new Proxy(target, {
    get(object, key) {
      const value = object[key];
      return typeof value === 'object' && value !== null ? reactive(value) : value;
    },
  });
}
