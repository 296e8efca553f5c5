/** `network.socket`: NDJSON streams of sensors, any number of them at once. @module */
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { LineSplitter } from "./lines.ts";
import type { MessageBatch } from "./messages.ts";
import {
  claimSocketPath,
  openSocketTo,
  type SocketAccess,
  socketFault,
} from "./socket_file.ts";

/** Sensors that may be connected; one more is turned away. */
const CONNECTIONS_MAX = 64;
const READ_BYTES = 256 * 1024;
/** How often it is looked whether sensors may be read again. */
const BLOCKED_MS = 10;

/** Settings of {@linkcode openNetworkSocket}. */
export interface NetworkSocketOptions extends SocketAccess {
  readonly path: string;
  readonly lineBytesMax: number;
  readonly log: Logger;
  /** Whether nothing may be read now. */
  readonly blocked?: () => boolean;
  /** Takes whole lines. Must not throw. */
  readonly take: (lines: MessageBatch) => void;
}

/** The listening socket. */
export interface NetworkSocket {
  /** Sensors connected now. */
  readonly connections: number;
  /** Lines that were too long. */
  readonly tooLong: number;
  /** Stops listening, ends all connections and removes the socket. */
  close(): Promise<void>;
}

/**
 * Listens until closed.
 *
 * @throws {FatalError} as {@linkcode claimSocketPath}.
 */
export async function openNetworkSocket(
  options: NetworkSocketOptions,
): Promise<NetworkSocket> {
  const { path, log } = options;
  await claimSocketPath(path);
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path });
    await openSocketTo(path, options);
  } catch (thrown) {
    throw socketFault(path, thrown);
  }
  const open = new Set<Deno.UnixConn>();
  const readers = new Set<Promise<void>>();
  let tooLong = 0;

  const read = async (connection: Deno.UnixConn): Promise<void> => {
    const splitter = new LineSplitter(options.lineBytesMax);
    const buffer = new Uint8Array(READ_BYTES);
    try {
      while (true) {
        while (options.blocked?.() === true && open.has(connection)) {
          await new Promise((resolve) => setTimeout(resolve, BLOCKED_MS));
        }
        const n = await connection.read(buffer);
        if (n === null) break;
        splitter.push(buffer.subarray(0, n), options.take);
        tooLong += splitter.tooLong;
        splitter.tooLong = 0;
      }
      // A sensor that ended in the middle of a line did not finish that event.
    } catch (thrown) {
      if (open.has(connection)) {
        log.warn("A sensor's connection broke", { error: messageOf(thrown) });
      }
    }
    if (open.delete(connection)) connection.close();
    log.info("A sensor disconnected", { connections: open.size });
  };

  const accept = async (): Promise<void> => {
    for await (const connection of listener) {
      if (open.size >= CONNECTIONS_MAX) {
        connection.close();
        log.warn("Too many sensors, one was turned away", {
          connections: open.size,
        });
        continue;
      }
      open.add(connection);
      log.info("A sensor connected", { connections: open.size });
      const reader = read(connection).finally(() => readers.delete(reader));
      readers.add(reader);
    }
  };
  const accepting = accept();

  return {
    get connections(): number {
      return open.size;
    },
    get tooLong(): number {
      return tooLong;
    },
    async close(): Promise<void> {
      listener.close();
      await accepting;
      for (const connection of [...open]) {
        open.delete(connection);
        connection.close();
      }
      await Promise.all(readers);
      await Deno.remove(path).catch(() => {}); // someone else tidied up
    },
  };
}
