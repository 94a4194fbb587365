// What happens in a partition run, drawn from its seed alone: which pages, and when what goes wrong. It carries nothing
// out and knows no browser; the same seed is the same plan on every machine.

/** Chance that can be repeated: whole numbers below `sides`. */
export function dice(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides);
  };
}

/** Faults of the server that end by themselves: after `times` requests. Each may hit reading and sending. */
const FAULTS = {
  'drop after the commit': { drop: 'after' },
  'drop before': { drop: 'before' },
  500: { status: 500 },
  '503 with Retry-After': { status: 503, headers: { 'retry-after': '1' } },
  '504 after the commit': { status: 504, after: true },
  delay: { delay: 800 },
  'delay, then drop': { delay: 400, drop: 'after' },
  'HTML page': { html: true },
  'cut answer': { truncate: 20 },
};

/** How often a fault strikes; many are more than the attempts that a change has before it is parked. */
const TIMES = [1, 1, 2, 3, 12];

/** Kinds and how often they are drawn; `cut`, `kill` and `freeze` bring their own end. `other`: what another client changes. */
const KINDS = { fault: 8, cut: 3, offline: 4, online: 4, kill: 2, reload: 3, reopen: 2, crash: 2, freeze: 2, other: 5 };
const DRAWN = Object.entries(KINDS).flatMap(([kind, times]) => Array(times).fill(kind));

/** `{ seed, pages, devices, batch, events }`: pages take turns in belonging to the devices; an event is `{ at, kind, slot, ... }`, `at` in milliseconds from the start. */
export function plan(seed, seconds) {
  const roll = dice(seed);
  const pages = 2 + roll(2);
  const batch = roll(2) === 0;
  const devices = 1 + roll(2);
  const events = [];
  for (let at = 400 + roll(800); at < seconds * 1000; at += 300 + roll(900)) {
    const kind = DRAWN[roll(DRAWN.length)];
    const slot = roll(pages);
    if (kind === 'fault') events.push({ at, kind, ...fault(roll) });
    else if (kind === 'freeze') events.push({ at, kind, slot, ms: 500 + roll(4000) });
    else events.push({ at, kind, slot });
    if (kind === 'cut') events.push({ at: at + 500 + roll(3000), kind: 'heal', slot });
    if (kind === 'kill') events.push({ at: at + 200 + roll(1500), kind: 'start', slot });
  }
  return { seed, pages, devices, batch, events: events.sort((a, b) => a.at - b.at) };
}

function fault(roll) {
  const names = Object.keys(FAULTS);
  const name = names[roll(names.length)];
  const method = ['POST', 'PATCH', 'PUT', undefined][roll(4)];
  return { name, rule: { match: method ? { method } : {}, times: TIMES[roll(TIMES.length)], fault: FAULTS[name] } };
}
