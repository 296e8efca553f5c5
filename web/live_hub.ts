/**
 * Live numbers for all open pages: one reader of the database however many look on, and none while
 * nobody does.
 *
 * A stream is server-sent events: a snapshot when something has changed, with its number as `id:`, so
 * that a browser that comes back is sent nothing it has; when nothing has changed an event `alive`,
 * so that a page can tell a quiet stream from a broken one.
 *
 * A stream that asks for it also gets the requests themselves, as events `requests` (live_tail.ts). Its
 * `id:` holds the number of the next row behind a dot.
 *
 * @module
 */
import { ALIVE_MS, INTERVAL_MS, type LiveSnapshot } from "./live.ts";
import type { LiveNumbers } from "./live_query.ts";
import { type TailReading, TailRing } from "./live_tail.ts";

/** Streams at a time; one browser has one (live_client.ts). */
export const STREAMS_MAX = 50;

/** Milliseconds a stream lives; the browser then opens the next and shows its session anew. */
const LIFETIME_MS = 5 * 60_000;
/** Milliseconds between two readings while the database is away. */
const RETRY_MS = 2000;

/** Options of {@linkcode LiveHub}. */
export interface LiveHubOptions {
  /** Reads the numbers; a rejection means that the database is away. */
  readonly ask: () => Promise<LiveNumbers>;
  /** Reads the requests stored since it was asked last; `first`: nobody has looked on for a while. */
  readonly askTail?: (first: boolean) => Promise<TailReading>;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly onFailure: (thrown: unknown) => void;
  readonly onStreams: (count: number) => void;
  /** @default INTERVAL_MS */
  readonly intervalMs?: number;
}

interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly openedMs: number;
  /** Number of the snapshot sent last. */
  sent: number;
  lastMs: number;
  /** Of a stream with requests: number of its next row, and what was missed before it. */
  readonly tail: { next: number; missed: number } | undefined;
}

/** Where a browser was: numbers of the snapshot and of the row that it has seen last. */
export interface StreamPosition {
  readonly snapshot: number;
  /** Undefined: it wants no requests; 0: from now on. */
  readonly row?: number | undefined;
}

const NOTHING: LiveNumbers = {
  requests_1m: 0,
  handshakes_1m: 0,
  correlated: null,
  open_detections: 0,
  requests: [],
  pipeline_events: [],
};

export class LiveHub implements Disposable {
  readonly #options: LiveHubOptions;
  readonly #streams = new Set<Stream>();
  readonly #encoder = new TextEncoder();
  #numbers: LiveNumbers = NOTHING;
  /** When the numbers were read, milliseconds since the epoch; undefined before the first reading. */
  #readMs: number | undefined;
  #asking: Promise<LiveNumbers> | undefined;
  #snapshot: LiveSnapshot | undefined;
  /** What the snapshot says, as text, to tell whether the next says anything else. */
  #content = "";
  readonly #ring: TailRing;
  #tailed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading = false;
  #closed = false;

  constructor(options: LiveHubOptions) {
    this.#options = options;
    this.#ring = new TailRing(options.nowMs() * 1000);
  }

  /** Streams open now. */
  get streams(): number {
    return this.#streams.size;
  }

  /**
   * The numbers as a page shows them first: those that the streams were sent last, or read now where
   * they are older than two readings. Pages that ask at the same time share one reading.
   *
   * @throws {DatabaseError}
   */
  async numbers(): Promise<LiveNumbers> {
    const ageMs = this.#options.nowMs() - (this.#readMs ?? -Infinity);
    return ageMs <= 2 * INTERVAL_MS ? this.#numbers : await this.#ask();
  }

  #ask(): Promise<LiveNumbers> {
    this.#asking ??= this.#options.ask().then((numbers) => {
      this.#readMs = this.#options.nowMs();
      return this.#numbers = numbers;
    }).finally(() => this.#asking = undefined);
    return this.#asking;
  }

  /**
   * A stream for one browser; undefined if there are too many.
   *
   * @param from what the browser has already.
   */
  subscribe(from: StreamPosition): ReadableStream<Uint8Array> | undefined {
    if (this.#closed || this.#streams.size >= STREAMS_MAX) return undefined;
    let stream: Stream;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        const nowMs = this.#options.nowMs();
        const { first, next, missed } = this.#ring;
        // A number of another process says nothing of how many rows there were since.
        const row =
          from.row === undefined || from.row < first || from.row > next
            ? next
            : from.row;
        stream = {
          controller,
          openedMs: nowMs,
          sent: from.snapshot,
          lastMs: nowMs,
          tail: from.row === undefined ? undefined : { next: row, missed },
        };
        this.#streams.add(stream);
        this.#options.onStreams(this.#streams.size);
        this.#write(stream, "retry: 1000\n\n");
        // What was read for those who looked on some time ago would be old news.
        if (this.#reading || this.#timer !== undefined) this.#serve(stream);
        this.#wake();
      },
      cancel: () => this.#drop(stream),
    });
  }

  /** Ends all streams. */
  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const stream of this.#streams) this.#end(stream);
  }

  /** Starts reading unless that is under way. */
  #wake(): void {
    if (this.#reading || this.#timer !== undefined || this.#closed) return;
    void this.#tick();
  }

  async #tick(): Promise<void> {
    this.#reading = true;
    const startMs = this.#options.nowMs();
    let database: LiveSnapshot["database"] = "up";
    let numbers = this.#numbers;
    try {
      [numbers] = await Promise.all([this.#ask(), this.#readTail()]);
    } catch (thrown) {
      // Whatever it was, pages must go on and say so.
      database = "down";
      this.#options.onFailure(thrown);
    }
    const nowMs = this.#options.nowMs();
    const content = JSON.stringify({ ...numbers, database });
    if (content !== this.#content) {
      this.#content = content;
      // Above every number of an earlier process, so that Last-Event-ID stays meaningful after a restart.
      const seq = Math.max((this.#snapshot?.seq ?? 0) + 1, nowMs);
      this.#snapshot = { ...numbers, database, seq, ts: nowMs * 1000 };
    }
    for (const stream of this.#streams) this.#serve(stream);
    this.#reading = false;
    if (this.#streams.size === 0 || this.#closed) return;
    const interval = database === "up"
      ? this.#options.intervalMs ?? INTERVAL_MS
      : RETRY_MS;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#streams.size > 0) void this.#tick();
    }, Math.max(0, interval - (nowMs - startMs)));
  }

  /** Reads on while a stream wants requests. */
  async #readTail(): Promise<void> {
    const wanted = [...this.#streams].some(({ tail }) => tail !== undefined);
    const first = !this.#tailed;
    this.#tailed = wanted;
    if (!wanted || this.#options.askTail === undefined) return;
    this.#ring.push(await this.#options.askTail(first));
  }

  /** The requests that a stream lacks. What it does not take leaves the ring, and is counted as lost. */
  #serveTail(stream: Stream, tail: { next: number; missed: number }): void {
    const batch = this.#ring.since(tail.next, tail.missed);
    if (batch === undefined) return;
    tail.next = batch.next;
    tail.missed = this.#ring.missed;
    this.#write(
      stream,
      `event: requests\nid: ${stream.sent}.${batch.next}\ndata: ${
        JSON.stringify(batch)
      }\n\n`,
    );
  }

  /** Sends what a stream lacks. One that does not read is passed over: the next snapshot is whole. */
  #serve(stream: Stream): void {
    const nowMs = this.#options.nowMs();
    if (nowMs - stream.openedMs > LIFETIME_MS) return this.#end(stream);
    const snapshot = this.#snapshot;
    const reads = (stream.controller.desiredSize ?? 0) > -2;
    const { tail } = stream;
    if (tail !== undefined && reads) this.#serveTail(stream, tail);
    if (snapshot !== undefined && snapshot.seq > stream.sent && reads) {
      stream.sent = snapshot.seq;
      this.#write(
        stream,
        `id: ${snapshot.seq}${
          tail === undefined ? "" : `.${tail.next}`
        }\ndata: ${JSON.stringify(snapshot)}\n\n`,
      );
    } else if (nowMs - stream.lastMs >= ALIVE_MS) {
      this.#write(stream, "event: alive\ndata\n\n");
    }
  }

  #write(stream: Stream, text: string): void {
    stream.lastMs = this.#options.nowMs();
    stream.controller.enqueue(this.#encoder.encode(text));
  }

  #end(stream: Stream): void {
    stream.controller.close();
    this.#drop(stream);
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    this.#options.onStreams(this.#streams.size);
    if (this.#streams.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
