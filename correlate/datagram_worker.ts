/**
 * The thread that reads datagrams: as fast as they come, whatever the main thread is busy with, so
 * that the kernel's short queue (`net.unix.max_dgram_qlen`) never overflows.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { messageOf } from "../lib/errors.ts";
import { RingWriter } from "./byte_ring.ts";
import { measureQueueLength } from "./queue_length.ts";

/** What the main thread sends first. */
export interface DatagramSetup {
  readonly path: string;
  readonly ring: SharedArrayBuffer;
  /** Longest datagram; longer ones are counted and dropped. */
  readonly bytesMax: number;
  /** A socket that nobody reads, to measure the kernel's queue with. */
  readonly probe?: string | undefined;
}

/** What the worker answers. */
export type DatagramReport =
  | { readonly state: "bound"; readonly queueLength: number | undefined }
  | { readonly state: "closed" }
  | { readonly state: "failed"; readonly message: string };

/** After a stop, the queue counts as empty when nothing came for so long. */
const DRAINED_MS = 20;
const DRAIN_MS_MAX = 1000;

const worker = self as unknown as DedicatedWorkerGlobalScope;

worker.addEventListener("message", ({ data }: MessageEvent<DatagramSetup>) => {
  receive(data).then(
    () => report({ state: "closed" }),
    (thrown) => report({ state: "failed", message: messageOf(thrown) }),
  );
}, { once: true });

function report(message: DatagramReport): void {
  worker.postMessage(message);
}

async function receive(
  { path, ring, bytesMax, probe }: DatagramSetup,
): Promise<void> {
  const writer = new RingWriter(ring);
  const socket = Deno.listenDatagram({ path, transport: "unixpacket" });
  let lastMs = performance.now();
  let closed = false;
  // The second message, whatever it says, asks for the end.
  worker.addEventListener("message", () => {
    const stopMs = performance.now();
    const timer = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - lastMs < DRAINED_MS && nowMs - stopMs < DRAIN_MS_MAX) return;
      clearInterval(timer);
      closed = true;
      socket.close();
    }, DRAINED_MS);
  }, { once: true });
  const queue = probe === undefined
    ? undefined
    : await measureQueueLength(socket, probe);
  report({ state: "bound", queueLength: queue?.found });
  await queue?.pending;
  // One byte more than allowed: a longer datagram is cut without a word.
  const buffer = new Uint8Array(bytesMax + 1);
  while (true) {
    let bytes: Uint8Array;
    try {
      [bytes] = await socket.receive(buffer);
    } catch (thrown) {
      if (closed) return;
      throw thrown;
    }
    lastMs = performance.now();
    if (bytes.length > bytesMax) writer.noteTooLong();
    else while (!writer.push(bytes)) writer.waitForRoom(5);
  }
}
