/**
 * Live capture under load, in short; `deno task bench live` does the same for a minute each.
 *
 * @module
 */
import { ok, strictEqual } from "node:assert/strict";
import { flowsMax } from "../lib/limits.ts";
import { needs } from "../lib/testing.ts";
import { liveLoad, type LoadResult } from "./support/live_load.ts";
import { hasNetworks } from "./support/network.ts";

const inNetwork = needs(
  await hasNetworks(),
  "needs root and network namespaces",
);

/** Memory may settle by so much after the first fifth of a load. */
const SETTLING_BYTES = 48 * 1024 * 1024;

/** What must hold of every load. */
function checkLoad(result: LoadResult): void {
  const text = JSON.stringify(result);
  strictEqual(result.sendFailures, 0, text);
  strictEqual(result.kernelDrops, 0, text);
  strictEqual(result.eventsDropped, 0, text);
  strictEqual(result.traps, 0, text);
  ok(result.memory.most - result.memory.early < SETTLING_BYTES, text);
  // A busy machine may lose packets before any capture sees them; then they were counted.
  if (result.interfaceDrops === 0) {
    strictEqual(result.handshakesComplete, result.handshakesSent, text);
  }
}

Deno.test({
  name: "capture reports every handshake among 100,000 packets a second",
  ...inNetwork,
  async fn() {
    const result = await liveLoad({
      packetsPerSecond: 100_000,
      seconds: 5,
      others: "requests",
    });
    checkLoad(result);
    // Requests stay in the kernel: of each connection it passes the SYN and the ClientHello.
    ok(
      result.packetsRead < result.handshakesSent * 4,
      String(result.packetsRead),
    );
  },
});

Deno.test({
  name:
    "capture in two threads reports every handshake among uploads, in order",
  ...inNetwork,
  async fn() {
    const result = await liveLoad({
      packetsPerSecond: 50_000,
      seconds: 3,
      others: "uploads",
      settings: "workers = 2",
    });
    checkLoad(result);
    ok(
      result.packetsRead > result.packetsSent * 0.9,
      String(result.packetsRead),
    );
  },
});

Deno.test({
  name: "capture stays within its memory in a flood of half-open connections",
  ...inNetwork,
  async fn() {
    const result = await liveLoad({
      packetsPerSecond: 100_000,
      seconds: 4,
      others: "half_open",
    });
    checkLoad(result);
    // A place or two of the table may never be hit.
    ok(result.flowsHeld <= flowsMax, String(result.flowsHeld));
    ok(result.flowsHeld > 0.99 * flowsMax, String(result.flowsHeld));
    ok(result.flowsEvicted > flowsMax, String(result.flowsEvicted));
  },
});
