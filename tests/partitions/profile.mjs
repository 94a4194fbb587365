// One partition run as it happens: a server, one or two devices with pages of one database each, appends without pause
// from all pages, and the events of a plan. It records what every append was told and judges nothing.

import { Chromium } from '../e2e/support/cdp.mjs';
import { pageFolder } from '../e2e/support/folder.mjs';
import { startServer } from '../e2e/support/server.mjs';
import { until } from '../e2e/support/wait.mjs';
import { dice } from './plan.mjs';

const LISTS = ['red', 'green', 'blue'];
/** Of these events the page does not matter. */
const FOR_ALL = ['fault', 'cut', 'heal', 'kill', 'start', 'other'];
const options = ({ batch }) => ({
  name: 'partitions',
  collections: { lists: { conflict: 'merge' }, notes: { indexes: ['value'] } },
  sync: { breaker: { failures: 5, cooldown: 1000 }, rest: { batch } },
});
/** An append waits for its own disk and for the other pages, for no network. */
const APPEND_MS = 15_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Profile {
  /** `{ value, list, field, note, begun, ended, outcome }`: 'acknowledged', 'refused', or 'unknown' where the page was gone. */
  appends = [];
  /** What happened, as lines with times. */
  events = [];
  /** Requests of all lives of the server. */
  requests = [];
  problems = [];
  carriedOut = 0;
  endings = [];
  begun = Date.now();

  constructor(plan) {
    this.plan = plan;
    this.slots = Array.from({ length: plan.pages }, (_, name) => ({
      name,
      device: name % plan.devices,
      offline: false,
    }));
  }

  async start() {
    this.server = await startServer({ www: pageFolder() });
    this.endings.push(() => this.server.stop());
    this.up = true;
    this.chromium = await Chromium.start({ after: (work) => this.endings.push(work) });
    this.chromium.listeners.add((message) => this.hear(message));
    // Devices that each made a list would meet in conflicts that a person decides.
    if (this.plan.devices > 1)
      for (const id of LISTS) await this.server.change('PUT', `/api/lists/${id}`, { id, items: [] });
    this.contexts = [undefined, await this.chromium.device()];
    for (const slot of this.slots) await this.open(slot);
    for (const slot of this.slots) await (await slot.page).evaluate(() => db.sync.now());
  }

  async end() {
    for (const work of this.endings.reverse()) await work();
  }

  note(line) {
    this.events.push(`${String(Date.now() - this.begun).padStart(6)} ms  ${line}`);
  }

  /** Errors that nobody caught in a page. */
  hear({ method, params }) {
    if (method !== 'Runtime.exceptionThrown') return;
    const { text, exception } = params.exceptionDetails;
    this.problems.push(`nobody caught in a page: ${exception?.description ?? text}`);
  }

  /** Appends from all pages and carries out the plan, for so long. */
  async run(seconds) {
    this.over = Date.now() + seconds * 1000;
    this.begun = Date.now();
    const writers = this.slots.map((slot) => this.write(slot));
    for (const event of this.plan.events) {
      await sleep(Math.max(0, this.begun + event.at - Date.now()));
      await this.carryOut(event);
    }
    await Promise.all(writers);
  }

  async write(slot) {
    const roll = dice(this.plan.seed * 31 + slot.name + 7);
    for (let n = 0; Date.now() < this.over; n++) {
      const field = roll(3) === 0 ? `own${slot.name}` : 'items';
      await this.append(slot, { value: `${slot.name}-${n}`, list: LISTS[roll(3)], field, note: roll(3) === 0 });
      await sleep(30 + roll(250));
    }
  }

  async append(slot, entry) {
    const page = await slot.page;
    entry.begun = Date.now();
    entry.device = slot.device;
    this.appends.push(entry);
    const told = await Promise.race([
      page.evaluate(append, entry).catch(() => undefined),
      page.gone,
      sleep(APPEND_MS).then(() => 'silent'),
    ]);
    entry.ended = Date.now();
    entry.outcome = told?.value ? 'acknowledged' : told?.error ? 'refused' : 'unknown';
    if (told?.error) this.problems.push(`${entry.value} was refused: ${told.error.code} ${told.error.message}`);
    if (told === 'silent') this.problems.push(`${entry.value} was not answered within ${APPEND_MS} ms`);
  }

  async carryOut({ kind, slot: index, name, rule, ms }) {
    const slot = this.slots[index];
    this.carriedOut++;
    this.note(FOR_ALL.includes(kind) ? [kind, name].filter(Boolean).join(': ') : `${kind} page ${index}`);
    switch (kind) {
      case 'fault':
        return this.listening(() => this.server.order(rule));
      case 'cut':
        return this.listening(() => this.server.cutOff());
      case 'heal':
        return this.listening(() => this.server.heal());
      case 'kill':
        return this.kill();
      case 'start':
        return this.listening(() => {});
      case 'offline':
      case 'online':
        slot.offline = kind === 'offline';
        return this.connect(await slot.page, slot.offline);
      case 'freeze':
        return this.freeze(await slot.page, ms);
      case 'other':
        return this.listening(() => this.other(LISTS[index]));
      default:
        return this.again(slot, kind);
    }
  }

  /** Another client on another device: appends to a field of its own where the list is there. Faults hit it, too. */
  async other(list) {
    const entry = { value: `other-${this.appends.length}`, list, field: 'other', note: false, begun: Date.now() };
    const stored = await this.server.document(list, 'lists').catch(() => undefined);
    if (!stored) return;
    this.appends.push(entry);
    const changed = this.server.update(list, { other: [...(stored.other ?? []), entry.value] }, 'lists');
    entry.outcome = await changed.then(
      () => 'acknowledged',
      () => 'unknown',
    );
    entry.ended = Date.now();
  }

  /**
   * A page that stands still, by its own clock and not in the order of events: one that is frozen inside a transaction
   * keeps the store from all others, also from a page that is being opened. Chromium by itself freezes no page that does.
   */
  async freeze(page, ms) {
    await page.freeze();
    setTimeout(() => page.thaw().catch(() => {}), ms);
  }

  /** Does what needs the server; starts it before where it is dead. */
  async listening(work) {
    if (!this.up) await this.server.start();
    this.up = true;
    return work();
  }

  async kill() {
    if (!this.up) return;
    this.up = false;
    this.requests.push(...(await this.server.log()));
    await this.server.kill();
  }

  /** A page loaded again, closed, or killed with its process; another one takes its place. */
  async again(slot, kind) {
    const page = await slot.page;
    let opened;
    slot.page = new Promise((resolve) => {
      opened = resolve;
    });
    page.leave();
    await page.thaw();
    if (kind === 'crash') await page.crash();
    await this.listening(() => {});
    if (kind === 'reload') {
      await this.connect(page, false);
      await page.goto(`${this.server.url}/`);
      return opened(await this.begin(slot, page));
    }
    await page.close();
    opened(await this.load(slot));
  }

  async open(slot) {
    slot.page = this.load(slot);
    await slot.page;
  }

  async load(slot) {
    const page = await this.chromium.blank(this.contexts[slot.device]);
    await page.send('Runtime.enable');
    await page.send('Network.enable');
    await page.goto(`${this.server.url}/`);
    return this.begin(slot, page);
  }

  async begin(slot, page) {
    page.gone = new Promise((resolve) => {
      page.leave = resolve;
    });
    await page.evaluate((given) => begin(given), options(this.plan));
    if (slot.offline) await this.connect(page, true);
    return page;
  }

  connect(page, offline) {
    const none = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    return page.send('Network.emulateNetworkConditions', { offline, ...none });
  }

  /** All faults end; waits until everything was sent. What was parked is tried again, as a person would. */
  async drain(timeout) {
    await this.listening(() => this.server.heal());
    for (const slot of this.slots) {
      const page = await slot.page;
      await page.thaw();
      await this.connect(page, false);
    }
    this.note('all faults end');
    const since = Date.now();
    this.parked = 0;
    const pages = await Promise.all(this.slots.slice(0, this.plan.devices).map((slot) => slot.page));
    for (const page of pages) await this.sent(page, timeout);
    // What the last device sent is news to the others.
    for (const page of pages) await page.evaluate(() => db.sync.now());
    this.requests.push(...(await this.server.log()));
    return Date.now() - since;
  }

  async sent(page, timeout) {
    await until(
      'the outbox to be empty',
      async () => {
        const { rows, count } = await page.evaluate(left);
        const parked = rows.filter((row) => row.state === 'parked');
        for (const row of parked.filter((row) => !row.code)) this.problems.push(`parked without a reason: ${row.id}`);
        if (parked.length > 0) this.parked += await page.evaluate(() => db.outbox.retry());
        if (rows.length + count > 0) throw new Error(JSON.stringify({ count, rows }));
        return true;
      },
      timeout,
    );
  }
}

/** In the page: one append, read, changed and written in one transaction. */
async function append({ value, list, field, note }) {
  return outcome(() =>
    db.transaction(['lists', 'notes'], async (tx) => {
      const lists = tx.collection('lists');
      const stored = await lists.get(list);
      const items = [...(stored?.[field] ?? []), value];
      if (stored) await lists.patch(list, { [field]: items });
      else await lists.put({ id: list, [field]: items });
      if (note) await tx.collection('notes').put({ value, list });
      return true;
    }),
  );
}

/** In the page: what is still to be sent, by the store and by the outbox. */
async function left() {
  const rows = (await raw('pending')).map(({ kind, id, state, retryCount, lastError }) => ({
    ...{ kind, id, state, retryCount, code: lastError?.code },
  }));
  return { rows, count: await db.outbox.count() };
}
