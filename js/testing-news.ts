/**
 * The fake server's stream of news (section 5 of the REST profile): `event: change` for each change of a collection.
 *
 * Every event has a number; `Last-Event-ID` goes on after it. A comment every 20 s shows that the stream lives. Keeps the
 * events of this server and the streams that are open, and knows no documents.
 */

const COMMENT_AFTER = 20_000;

/** All streams of one server. */
export class News {
  private readonly events: string[] = [];
  private readonly open = new Set<Stream>();

  /** Tells everybody that a collection has changed. */
  tell(collection: string): void {
    const text = `id: ${this.events.length + 1}\nevent: change\ndata: ${JSON.stringify({ collection })}\n\n`;
    this.events.push(text);
    for (const stream of this.open) stream.send(text);
  }

  /** A stream from the event after `last` on, or from now on. */
  stream(last: string | undefined, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
    const missed = last === undefined ? [] : this.events.slice(Number(last));
    return new ReadableStream({
      start: (controller) => {
        const stream = new Stream(controller, () => this.open.delete(stream));
        this.open.add(stream);
        for (const text of [': open\n\n', ...missed]) stream.send(text);
        signal?.addEventListener('abort', () => stream.end());
      },
      cancel: () => undefined,
    });
  }

  /** The connections of all streams are lost. */
  cut(): void {
    for (const stream of this.open) stream.end(new TypeError('the connection was lost (fake server)'));
  }
}

class Stream {
  private readonly encoder = new TextEncoder();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly controller: ReadableStreamDefaultController<Uint8Array>,
    private readonly gone: () => void,
  ) {}

  send(text: string): void {
    try {
      this.controller.enqueue(this.encoder.encode(text));
    } catch {
      this.end();
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(': here\n\n'), COMMENT_AFTER);
    // In Node a stream that nobody reads any more keeps no process alive.
    (this.timer as { unref?: () => void }).unref?.();
  }

  end(cause?: Error): void {
    clearTimeout(this.timer);
    this.gone();
    try {
      if (cause === undefined) this.controller.close();
      else this.controller.error(cause);
    } catch {
      // The reader has cancelled it already.
    }
  }
}
