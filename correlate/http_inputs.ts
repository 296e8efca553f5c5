/**
 * The sockets of web servers: `[http]` and each of `[[http.feeds]]`, datagrams through a ring or lines
 * of a stream, all into one pipeline.
 *
 * @module
 */
import { FatalError } from "../lib/errors.ts";
import { eventBytesMax } from "../lib/limits.ts";
import type { Logger } from "../lib/log.ts";
import type { Config } from "./config.ts";
import type { FeedFormat } from "./feeds.ts";
import { type HttpSocket, openHttpSocket } from "./http_socket.ts";
import { MessageBatch } from "./messages.ts";
import { type NetworkSocket, openNetworkSocket } from "./network_socket.ts";
import type { Pipeline } from "./pipeline.ts";
import { access } from "./setup.ts";

/** Datagrams taken from a ring before other work gets its turn. */
const RING_SLICE = 256;
/** How often it is looked whether inputs may be read again. */
const BLOCKED_MS = 10;

/** What {@linkcode openHttpInputs} works with. */
export interface HttpInputsOptions {
  readonly config: Config;
  readonly pipeline: Pipeline;
  readonly log: Logger;
  /** The first descriptor that systemd passed, for `reader = "ffi"`. */
  readonly descriptor: number | undefined;
  /** Whether nothing may be read now. */
  readonly blocked: () => boolean;
}

interface Datagrams {
  readonly socket: HttpSocket;
  readonly format: FeedFormat;
}

/** All of them. */
export class HttpInputs {
  readonly #datagrams: readonly Datagrams[];
  readonly #streams: readonly NetworkSocket[];
  readonly #options: HttpInputsOptions;

  constructor(
    options: HttpInputsOptions,
    { datagrams, streams }: {
      datagrams: readonly Datagrams[];
      streams: readonly NetworkSocket[];
    },
  ) {
    this.#options = options;
    this.#datagrams = datagrams;
    this.#streams = streams;
  }

  /** Messages that were too long. */
  get tooLong(): number {
    return this.#sum(({ ring }) => ring.tooLong) +
      this.#streams.reduce((sum, { tooLong }) => sum + tooLong, 0);
  }

  /** Bytes that wait between readers and join. */
  get waitingBytes(): number {
    return this.#sum(({ ring }) => ring.occupied);
  }

  /** How often a reader found no room. */
  get fullWaits(): number {
    return this.#sum(({ ring }) => ring.fullWaits);
  }

  /** Datagrams that the kernel queues, as far as that was measured. */
  get queueLength(): number | undefined {
    return this.#datagrams[0]?.socket.queueLength;
  }

  /** Resolves with the reason if a reader dies. */
  get failed(): Promise<string> {
    return Promise.race(this.#datagrams.map(({ socket }) => socket.failed));
  }

  /** Feeds the pipeline until `signal` has aborted and the rings are empty. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#datagrams.map((one) => this.#take(one, signal)));
  }

  /** Takes what the kernel has queued, then closes and removes the sockets. */
  async close(): Promise<void> {
    await Promise.all([
      ...this.#datagrams.map(({ socket }) => socket.close()),
      ...this.#streams.map((socket) => socket.close()),
    ]);
  }

  async #take(
    { socket: { ring }, format }: Datagrams,
    signal: AbortSignal,
  ): Promise<void> {
    const { pipeline, blocked } = this.#options;
    const batch = new MessageBatch();
    while (true) {
      while (blocked() && !signal.aborted) await pause(BLOCKED_MS);
      const taken = ring.take(batch, RING_SLICE);
      if (taken) pipeline.takeHttp(batch, format);
      if (batch.count === RING_SLICE) await pause(0);
      else if (!taken && signal.aborted) return;
      else if (!taken) await ring.wait(100);
    }
  }

  #sum(read: (socket: HttpSocket) => number): number {
    return this.#datagrams.reduce((sum, { socket }) => sum + read(socket), 0);
  }
}

/**
 * Opens all sockets that the configuration names.
 *
 * @throws {FatalError} if one cannot be used; those before it are closed again.
 */
export async function openHttpInputs(
  options: HttpInputsOptions,
): Promise<HttpInputs> {
  const { config: { http, network }, pipeline, log, descriptor, blocked } =
    options;
  if (descriptor !== undefined && http.reader !== "ffi") {
    throw new FatalError(
      "config",
      'A socket was passed to this process: expected http.reader = "ffi", which can read it',
    );
  }
  const ringBytes = 2 ** Math.ceil(Math.log2(http.ring_bytes));
  const datagrams: Datagrams[] = [];
  const streams: NetworkSocket[] = [];
  const opened = new HttpInputs(options, { datagrams, streams });
  try {
    for (const [i, feed] of [http, ...http.feeds].entries()) {
      const { path, format, type } = feed;
      if (type === "stream") {
        streams.push(
          await openNetworkSocket({
            ...access(feed),
            ...{ path, log, blocked, lineBytesMax: eventBytesMax },
            take: (lines) => pipeline.takeHttp(lines, format),
          }),
        );
        continue;
      }
      const socket = await openHttpSocket({
        ...access(feed),
        ...{ path, ringBytes, bytesMax: eventBytesMax },
        reader: http.reader,
        descriptor: i === 0 ? descriptor : undefined,
        // The sensors' path is free until their socket is bound.
        probe: i === 0 && http.min_qlen > 0 ? network.path : undefined,
      });
      datagrams.push({ socket, format });
    }
  } catch (thrown) {
    await opened.close();
    throw thrown;
  }
  return opened;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
