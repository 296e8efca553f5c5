/**
 * Sends generated traffic into a running correlator, as the sensor and the web server would: lines
 * into a UNIX stream, datagrams into a UNIX socket, in order of event time at a bounded rate.
 *
 * @module
 */
import type { HandshakeEvent, RequestEvent } from "../../lib/events.ts";
import type { Traffic } from "./recorder.ts";

/** Where to and how fast. */
export interface ReplayOptions {
  /** The correlator's stream socket for sensors. */
  readonly network: string;
  /** The correlator's datagram socket for web servers. */
  readonly http: string;
  /** Events a second. @default 1000 */
  readonly rate?: number;
  readonly signal?: AbortSignal;
  /** Told after every batch how many events are sent. */
  readonly onProgress?: (sent: number, of: number) => void;
}

/** Milliseconds between batches. */
const PACE_MS = 20;

/**
 * Replays all of `traffic`; ends early, without an error, when the signal aborts.
 *
 * @throws {Deno.errors.NotFound | Deno.errors.ConnectionRefused} if no correlator listens.
 */
export async function replay(
  traffic: Pick<Traffic, "handshakes" | "requests">,
  options: ReplayOptions,
): Promise<void> {
  const { rate = 1000, signal } = options;
  const encoder = new TextEncoder();
  const events = inOrder(traffic);
  const ownPath = await Deno.makeTempFile({ prefix: "ja4-replay-" });
  await Deno.remove(ownPath);
  const datagrams = Deno.listenDatagram({
    transport: "unixpacket",
    path: ownPath,
  });
  try {
    using stream = await Deno.connect({
      transport: "unix",
      path: options.network,
    });
    const lines = stream.writable.getWriter();
    const perBatch = Math.max(1, Math.round(rate * PACE_MS / 1000));
    const startedMs = performance.now();
    for (let sent = 0; sent < events.length && signal?.aborted !== true;) {
      const batch = events.slice(sent, sent + perBatch);
      for (const event of batch) {
        const bytes = encoder.encode(JSON.stringify(event) + "\n");
        if (event.event_type === "handshake") await lines.write(bytes);
        else {
          await datagrams.send(bytes, {
            transport: "unixpacket",
            path: options.http,
          });
        }
      }
      sent += batch.length;
      options.onProgress?.(sent, events.length);
      const dueMs = startedMs + sent / rate * 1000;
      await new Promise((resolve) =>
        setTimeout(resolve, Math.max(0, dueMs - performance.now()))
      );
    }
    lines.releaseLock();
  } finally {
    datagrams.close();
    await Deno.remove(ownPath);
  }
}

function inOrder(
  traffic: Pick<Traffic, "handshakes" | "requests">,
): (HandshakeEvent | RequestEvent)[] {
  return [...traffic.handshakes, ...traffic.requests].sort((a, b) =>
    a.ts - b.ts
  );
}
