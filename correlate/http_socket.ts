/** `http.socket`: datagrams of web servers, read in a thread of its own. @module */
import { FatalError } from "../lib/errors.ts";
import { createRing, RingReader } from "./byte_ring.ts";
import type { DatagramReport, DatagramSetup } from "./datagram_worker.ts";
import {
  claimSocketPath,
  openSocketTo,
  type SocketAccess,
  socketFault,
} from "./socket_file.ts";

/** Settings of {@linkcode openHttpSocket}. */
export interface HttpSocketOptions extends SocketAccess {
  readonly path: string;
  /** @default "builtin" */
  readonly reader?: DatagramSetup["reader"];
  /** A socket that systemd passed, read instead of one bound to `path`; for `ffi`. */
  readonly descriptor?: number | undefined;
  /** Longest event. */
  readonly bytesMax: number;
  /** What may wait while the main thread is busy; a power of two. */
  readonly ringBytes: number;
  /** Path that is free for a moment, for a socket to measure the kernel's queue with. */
  readonly probe?: string | undefined;
}

/** The socket and the ring behind it. */
export interface HttpSocket {
  readonly ring: RingReader;
  /** Datagrams that the kernel queues, as far as that was measured. */
  readonly queueLength: number | undefined;
  /** Resolves with the reason if the reader dies. */
  readonly failed: Promise<string>;
  /** Takes what the kernel has queued, then closes and removes the socket. The ring stays readable. */
  close(): Promise<void>;
}

/**
 * Binds the socket.
 *
 * @throws {FatalError} as {@linkcode claimSocketPath}.
 */
export async function openHttpSocket(
  options: HttpSocketOptions,
): Promise<HttpSocket> {
  const { path, bytesMax, descriptor, reader = "builtin" } = options;
  if (descriptor === undefined) await claimSocketPath(path);
  await using probe = await openProbe(options.probe);
  const memory = createRing(options.ringBytes);
  const worker = new Worker(new URL("./datagram_worker.ts", import.meta.url), {
    type: "module",
    name: "http.socket",
  });
  const bound = Promise.withResolvers<number | undefined>();
  const closed = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<string>();
  const fail = (message: string): void => {
    worker.terminate();
    bound.reject(
      new FatalError("unavailable", `Cannot listen on "${path}": ${message}`),
    );
    failed.resolve(message);
    closed.resolve();
  };
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.message);
  });
  worker.addEventListener(
    "message",
    ({ data }: MessageEvent<DatagramReport>) => {
      if (data.state === "bound") bound.resolve(data.queueLength);
      else if (data.state === "failed") fail(data.message);
      else {
        worker.terminate();
        closed.resolve();
      }
    },
  );
  const setup: DatagramSetup = {
    from: descriptor ?? path,
    reader,
    ring: memory,
    bytesMax,
    probe: probe.path,
  };
  worker.postMessage(setup);
  const queueLength = await bound.promise;
  const close = async (): Promise<void> => {
    worker.postMessage("stop");
    await closed.promise;
    // A passed socket is its giver's; ours may have been tidied up by someone else.
    if (descriptor === undefined) await Deno.remove(path).catch(() => {});
  };
  try {
    if (descriptor === undefined) await openSocketTo(path, options);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    ring: new RingReader(memory),
    queueLength,
    failed: failed.promise,
    close,
  };
}

/** A datagram socket that nobody reads, until the end of the scope. */
async function openProbe(
  path: string | undefined,
): Promise<{ path: string | undefined } & AsyncDisposable> {
  if (path === undefined) {
    return { path, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  await claimSocketPath(path);
  try {
    const socket = Deno.listenDatagram({ path, transport: "unixpacket" });
    return {
      path,
      [Symbol.asyncDispose](): Promise<void> {
        socket.close();
        return Deno.remove(path);
      },
    };
  } catch (thrown) {
    throw socketFault(path, thrown);
  }
}
