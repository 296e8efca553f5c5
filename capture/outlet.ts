/**
 * Where events go: a socket, a file, standard output. Each outlet has its own backlog and writer,
 * so that one that is slow or away delays neither the capture nor the others.
 *
 * @module
 */
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { Backlog, linesAfter } from "./backlog.ts";

/** What an outlet writes to. */
export interface Target {
  /** Returns how many bytes it took. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  close(): void;
  /** Resolves when the other side is gone, where that can be seen without writing. */
  readonly gone?: Promise<void>;
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
  #target: Target | undefined;
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
    let gone = false;
    target.gone?.then(() => {
      gone = true;
      this.#wake.resolve();
    });
    while (!this.#reopening) {
      if (gone) throw new Error("the reader closed the connection");
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
        this.#backlog.putBack(linesAfter(block, written));
        throw thrown;
      }
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

/** A UNIX stream socket on which someone listens. */
export async function openSocket(path: string): Promise<Target> {
  const connection = await Deno.connect({ transport: "unix", path });
  return {
    write: (bytes) => connection.write(bytes),
    close: () => connection.close(),
    gone: endOf(connection),
  };
}

/** Nothing is ever said to us, so whatever reading brings is the end. */
async function endOf(connection: Deno.UnixConn): Promise<void> {
  try {
    await connection.read(new Uint8Array(1));
  } catch {
    // Closed by us.
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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
