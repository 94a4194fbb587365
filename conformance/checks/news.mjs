// Section 5: the reachability probe and the event stream. Optional: skipped where they are not offered.

import { expect, expectEqual, expectStatus, skip } from '../expect.mjs';

const SOON_MS = 5_000;
const COMMENT_MS = 25_000;

export const news = [
  {
    id: 'health',
    rule: 'GET /_health answers 204 without a body',
    async run(server) {
      const answer = await server.request('GET', '/_health');
      if ([404, 405, 501].includes(answer.status)) skip('the server offers no probe (GET /_health)');
      expectStatus(answer, 204);
      expectEqual(answer.text, '', 'the body');
    },
  },
  {
    id: 'events.change',
    rule: 'GET /_events tells a change within seconds: event "change", data { "collection": … }',
    async run(server) {
      const stream = await listen(server);
      try {
        await server.create();
        const event = await stream.next((one) => one.data?.collection === server.collection, SOON_MS);
        expect(event !== undefined, 'no event came within 5 seconds of a change');
      } finally {
        stream.close();
      }
    },
  },
  {
    id: 'events.resume',
    rule: 'Last-Event-ID resumes: what changed while the stream was cut is told when it is back',
    async run(server) {
      const first = await listen(server);
      await server.create();
      const known = await first.next((one) => one.data?.collection === server.collection, SOON_MS);
      first.close();
      expect(known?.id, 'events carry no id: there is nothing to resume by');
      await server.create();
      const second = await listen(server, { 'last-event-id': known.id });
      try {
        const missed = await second.next((one) => one.data?.collection === server.collection, SOON_MS);
        expect(missed !== undefined, 'the change made while the stream was cut was not told');
        expect(missed.id !== known.id, 'the event that was already known was told again instead of the missed one');
      } finally {
        second.close();
      }
    },
  },
  {
    id: 'events.comments',
    rule: 'an idle stream carries a comment line every 20 seconds',
    async run(server) {
      if (!server.slow) skip('takes 25 seconds: --slow');
      const stream = await listen(server);
      try {
        const opened = Date.now();
        await stream.next(() => false, 1_000);
        const comment = await stream.comment(COMMENT_MS);
        expect(comment, `no comment line within ${Math.round((Date.now() - opened) / 1000)} seconds`);
      } finally {
        stream.close();
      }
    },
  },
].map((check) => ({ section: '5', ...check }));

async function listen(server, headers = {}) {
  const abort = new AbortController();
  const asked = { accept: 'text/event-stream', ...server.headers, ...headers };
  const response = await fetch(`${server.base}/_events`, { headers: asked, signal: abort.signal });
  const type = response.headers.get('content-type') ?? '';
  if ([404, 405, 501].includes(response.status)) {
    abort.abort();
    skip('the server offers no event stream (GET /_events)');
  }
  const fine = response.status === 200 && type.startsWith('text/event-stream');
  if (!fine) abort.abort();
  expect(fine, `GET /_events: expected 200 text/event-stream, got ${response.status} ${type}`);
  return new Stream(response, abort);
}

/** What an event stream has told, read as it comes. */
class Stream {
  events = [];
  comments = 0;

  constructor(response, abort) {
    this.abort = abort;
    this.read(response).catch(() => {});
  }

  async read(response) {
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body) {
      text += decoder.decode(bytes, { stream: true });
      const blocks = text.replaceAll('\r\n', '\n').split('\n\n');
      text = blocks.pop();
      for (const block of blocks) this.take(block);
    }
  }

  take(block) {
    const event = {};
    for (const line of block.split('\n')) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === '') this.comments += 1;
      else event[name] = value;
    }
    if (event.event !== 'change') return;
    const data = /^\{/.test(event.data ?? '') ? JSON.parse(event.data) : undefined;
    this.events.push({ id: event.id, data });
  }

  /** The next event that fits, or undefined when the time is over. */
  next(fits, ms) {
    return waited(ms, () => {
      while (this.events.length > 0) {
        const event = this.events.shift();
        if (fits(event)) return event;
      }
      return undefined;
    });
  }

  /** Whether another comment line comes in time. */
  comment(ms) {
    const before = this.comments;
    return waited(ms, () => this.comments > before || undefined);
  }

  close() {
    this.abort.abort();
  }
}

async function waited(ms, ask) {
  for (const end = Date.now() + ms; ; ) {
    const found = ask();
    if (found !== undefined || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
