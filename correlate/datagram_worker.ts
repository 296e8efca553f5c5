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
import { ReaderRest } from "./reader_rest.ts";

/** What the main thread sends first. */
export interface DatagramSetup {
  /** Path to bind, or the descriptor of a socket that systemd passed (for `ffi`). */
  readonly from: string | number;
  /** `builtin` is Deno's own; `ffi` is recvmmsg(2). */
  readonly reader: "builtin" | "ffi";
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

async function receive(setup: DatagramSetup): Promise<void> {
  if (setup.reader === "ffi") await receiveByFfi(setup);
  else await receiveBuiltin(setup);
}

async function receiveByFfi(
  { from, ring, bytesMax }: DatagramSetup,
): Promise<void> {
  // Loaded only where it is asked for: it needs a permission that others do not grant.
  const { DatagramReader } = await import("../ffi/datagram.ts");
  const writer = new RingWriter(ring);
  using socket = new DatagramReader(from, bytesMax);
  const stopping = new Stop();
  report({ state: "bound", queueLength: undefined });
  while (!stopping.isDone) {
    const found = socket.receive((datagram) => {
      if (datagram === undefined) writer.noteTooLong();
      else while (!writer.push(datagram)) writer.waitForRoom(5);
    });
    if (found > 0) stopping.heard();
    // Also under load: the wish to stop comes as a message.
    await socket.wait(found > 0 ? 0 : 100);
  }
}

async function receiveBuiltin(
  { from, ring, bytesMax, probe }: DatagramSetup,
): Promise<void> {
  const writer = new RingWriter(ring);
  const path = String(from);
  const socket = Deno.listenDatagram({ path, transport: "unixpacket" });
  const stopping = new Stop(() => socket.close());
  const queue = probe === undefined
    ? undefined
    : await measureQueueLength(socket, probe);
  report({ state: "bound", queueLength: queue?.found });
  await queue?.pending;
  // One byte more than allowed: a longer datagram is cut without a word.
  const buffer = new Uint8Array(bytesMax + 1);
  const rest = new ReaderRest(queue?.found);
  // Nobody notifies it: waiting for it blocks this thread, and no datagram wakes it.
  const quiet = new Int32Array(new SharedArrayBuffer(4));
  while (true) {
    let bytes: Uint8Array;
    const askedMs = performance.now();
    try {
      [bytes] = await socket.receive(buffer);
    } catch (thrown) {
      if (stopping.isDone) return;
      throw thrown;
    }
    const restMs = rest.came(askedMs, stopping.heard());
    if (restMs > 0) Atomics.wait(quiet, 0, 0, restMs);
    if (bytes.length > bytesMax) writer.noteTooLong();
    else while (!writer.push(bytes)) writer.waitForRoom(5);
  }
}

/** The wish to stop, which is done once the kernel's queue was empty for a moment. */
class Stop {
  isDone = false;
  #lastMs = performance.now();

  constructor(done: () => void = () => {}) {
    // The second message, whatever it says, asks for the end.
    worker.addEventListener("message", () => {
      const stopMs = performance.now();
      const timer = setInterval(() => {
        const nowMs = performance.now();
        const silent = nowMs - this.#lastMs >= DRAINED_MS;
        if (!silent && nowMs - stopMs < DRAIN_MS_MAX) return;
        clearInterval(timer);
        this.isDone = true;
        done();
      }, DRAINED_MS);
    }, { once: true });
  }

  /** A datagram came; returns when, in milliseconds. */
  heard(): number {
    return this.#lastMs = performance.now();
  }
}
