/**
 * Where events go: a socket, a file, standard output. Each outlet has its own backlog and writer,
 * so that one that is slow or away delays neither the capture nor the others.
 *
 * @module
 */
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { pause } from "../lib/shutdown.ts";
import { Backlog, countLines, linesAfter } from "./backlog.ts";

/** What an outlet writes to. */
export interface Target {
  /** Returns how many bytes it took. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  close(): void;
  /**
   * Resolves when the other side is gone, where that can be seen without writing; true if it left
   * something unread.
   */
  readonly gone?: Promise<boolean>;
  /** Most bytes that were taken and may lie unread. */
  readonly unreadMax?: number;
}

/** What an {@linkcode Outlet} is made of. */
export interface OutletOptions {
  /** `socket`, `file` or `stdout`. */
  readonly name: string;
  readonly backlogBytesMax: number;
  /** Called again, with growing pauses, for as long as it fails or after a write has failed. */
  open(): Promise<Target>;
  readonly log: Logger;
}

/** Pauses between attempts to open, milliseconds. */
const RETRY_MS = { first: 50, longest: 2000 } as const;
/** Time given to what is left at the end. */
const DRAIN_MS = 100;

/** A bounded way out for lines of events. */
export class Outlet {
  readonly name: string;
  readonly #options: OutletOptions;
  readonly #backlog: Backlog;
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  /** What was written last and may lie unread. */
  readonly #sent = new SentTail();
  #target: Target | undefined;
  #eventsRepeated = 0;
  #reopening = false;
  readonly #finished: Promise<void>;

  constructor(options: OutletOptions) {
    this.name = options.name;
    this.#options = options;
    this.#backlog = new Backlog(options.backlogBytesMax);
    this.#finished = this.#run();
  }

  /** Whether it is open. */
  get connected(): boolean {
    return this.#target !== undefined;
  }

  /** Events dropped because nobody read them in time. */
  get eventsDropped(): number {
    return this.#backlog.linesDropped;
  }

  /** Events sent again, because a reader left before it had read all. */
  get eventsRepeated(): number {
    return this.#eventsRepeated;
  }

  /** Bytes that wait. */
  get backlogBytes(): number {
    return this.#backlog.bytes;
  }

  /** Takes whole lines; they must not change afterwards. */
  push(lines: Uint8Array<ArrayBuffer>): void {
    this.#backlog.push(lines);
    this.#wake.resolve();
  }

  /** Closes the target and opens it anew, for a file that was moved away. */
  reopen(): void {
    this.#reopening = true;
    this.#wake.resolve();
  }

  /** Writes what is left, for a tenth of a second at most, and closes. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    const timer = setTimeout(() => this.#close(), DRAIN_MS);
    await this.#finished;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs: number = RETRY_MS.first;
    let away = false;
    while (!signal.aborted) {
      try {
        this.#target = await this.#options.open();
        this.#reopening = false;
        if (away) this.#options.log.info("Reader is back", this.#fields());
        away = false;
        pauseMs = RETRY_MS.first;
        await this.#write(this.#target);
      } catch (thrown) {
        if (!signal.aborted && !away) {
          this.#options.log.warn("No reader; events are kept for now", {
            ...this.#fields(),
            reason: messageOf(thrown),
          });
        }
        away = true;
      }
      this.#close();
      if (away && !signal.aborted) {
        await pause(pauseMs * (0.5 + Math.random()), signal);
        pauseMs = Math.min(pauseMs * 2, RETRY_MS.longest);
      }
    }
  }

  /** Writes until it is to stop (and the backlog is empty) or to reopen. */
  async #write(target: Target): Promise<void> {
    let gone: "read all" | "left some" | undefined;
    this.#sent.begin(target.unreadMax ?? 0);
    target.gone?.then((unread) => {
      gone = unread ? "left some" : "read all";
      this.#wake.resolve();
    });
    while (!this.#reopening) {
      if (gone !== undefined) {
        if (gone === "left some") this.#repeat();
        throw new Error("the reader closed the connection");
      }
      const block = this.#backlog.take();
      if (block === undefined) {
        if (this.#stopping.signal.aborted) return;
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        continue;
      }
      let written = 0;
      try {
        while (written < block.length) {
          written += await target.write(block.subarray(written));
        }
      } catch (thrown) {
        // A reader drops the line that breaks off; it is sent again from its start.
        const rest = linesAfter(block, written);
        this.#sent.push(block.subarray(0, block.length - rest.length));
        this.#backlog.putBack(rest);
        // Why the writing failed is known in a moment.
        if (await target.gone) this.#repeat();
        throw thrown;
      }
      this.#sent.push(block);
    }
  }

  /** What the reader may not have read goes out again first, to whoever comes next. */
  #repeat(): void {
    for (const block of this.#sent.take().reverse()) {
      this.#eventsRepeated += countLines(block);
      this.#backlog.putBack(block);
    }
  }

  #close(): void {
    try {
      this.#target?.close();
    } catch {
      // The other side closed it first.
    }
    this.#target = undefined;
  }

  #fields(): Record<string, unknown> {
    return { outlet: this.name, events_dropped: this.eventsDropped };
  }
}

/** Blocks written last, as many as may lie unread. */
class SentTail {
  #bytesMax = 0;
  #blocks: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  /** Begins with another reader, who has read nothing. */
  begin(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.take();
  }

  push(block: Uint8Array<ArrayBuffer>): void {
    if (this.#bytesMax === 0) return;
    const read = Math.max(0, block.length - this.#bytesMax);
    const kept = linesAfter(block, read);
    this.#blocks.push(kept);
    this.#bytes += kept.length;
    // The oldest goes as soon as the others alone are all that can lie unread.
    while (this.#bytes - (this.#blocks[0]?.length ?? 0) >= this.#bytesMax) {
      this.#bytes -= this.#blocks.shift()?.length ?? 0;
    }
  }

  /** All of them, oldest first; none are kept. */
  take(): Uint8Array<ArrayBuffer>[] {
    this.#bytes = 0;
    return this.#blocks.splice(0);
  }
}

/**
 * A UNIX stream socket on which someone listens; at most `unreadMax` bytes lie in it unread.
 *
 * A reader that dies takes with it what it has not read. The kernel tells: reading then fails with
 * ECONNRESET, where it gives the end after a reader that has read all.
 */
export async function openSocket(
  path: string,
  unreadMax: number,
): Promise<Target> {
  const connection = await Deno.connect({ transport: "unix", path });
  return {
    write: (bytes) => connection.write(bytes),
    close: () => connection.close(),
    gone: endOf(connection),
    unreadMax,
  };
}

/** Nothing is ever said to us, so whatever reading brings is the end; true if some was unread. */
async function endOf(connection: Deno.UnixConn): Promise<boolean> {
  try {
    await connection.read(new Uint8Array(1));
    return false;
  } catch (thrown) {
    return thrown instanceof Deno.errors.ConnectionReset;
  }
}

/** A file that is appended to. */
export async function openFile(path: string): Promise<Target> {
  return await Deno.open(path, { append: true, create: true, mode: 0o640 });
}

/** Standard output, which stays open. */
export function openStdout(): Promise<Target> {
  return Promise.resolve({
    write: (bytes) => Deno.stdout.write(bytes),
    close: () => {},
  });
}
