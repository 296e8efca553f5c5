/** Where the daemon's events go: several outlets at once, readers that come and go, a reload. @module */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { isRoot } from "../ffi/libc.ts";
import type { HandshakeEvent, NetworkEvent } from "../lib/events.ts";
import {
  eventually,
  freePort,
  needs,
  temporaryFolder,
} from "../lib/testing.ts";
import { handshakes, listenForEvents, startDaemon } from "./support/capture.ts";
import { clientHello, records } from "./support/packets.ts";

const asRoot = needs(isRoot(), "needs root to capture packets");

/** Says so many ClientHellos, one after the other, to a port of this host. */
async function sayHello(port: number, count: number): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port });
  const hello = records(clientHello());
  for (let number = 0; number < count; number++) {
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(hello);
    using server = await listener.accept();
    await server.read(new Uint8Array(hello.length));
  }
}

/** The events in a file. */
async function eventsIn(path: string): Promise<NetworkEvent[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as NetworkEvent);
}

function numbers(events: readonly HandshakeEvent[]): number[] {
  return events.map(({ seq }) => seq);
}

/** 1, 2, ... up to `last`. */
function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

Deno.test(
  "capture writes to all outlets, whichever of them is away",
  asRoot,
  async () => {
    await using folder = await temporaryFolder();
    const port = freePort();
    const socket = `${folder.path}/network.socket`;
    const file = `${folder.path}/events.ndjson`;
    const out = `${folder.path}/stdout`;
    // The socket has no reader yet: not ready, and at work all the same.
    await using daemon = await startDaemon(
      folder.path,
      `[capture]
    interface = "lo"
    ports = [${port}]
    [socket]
    path = "${socket}"
    [file]
    enabled = true
    path = "${file}"
    [stdout]
    enabled = true`,
      { ready: false, stdout: out },
    );
    ok(!await daemon.isReady());
    await sayHello(port, 5);
    for (const path of [file, out]) {
      await eventually(path, async () => {
        const found = handshakes(await eventsIn(path));
        return found.length === 5;
      });
    }
    using reader = listenForEvents(socket);
    await eventually("the reader", () => daemon.isReady());
    await eventually(
      "its events",
      () => handshakes(reader.events).length === 5,
    );
    await daemon.stop();
    const all = await Promise.all([file, out].map(eventsIn));
    for (const events of [...all, reader.events]) {
      deepStrictEqual(numbers(handshakes(events)), upTo(5));
      // The last word is a count of everything.
      const last = events.at(-1);
      ok(last?.event_type === "stats");
      strictEqual(last.handshakes, 5);
    }
  },
);

Deno.test(
  "capture keeps events in order while its reader is away, and counts what it cannot keep",
  asRoot,
  async () => {
    await using folder = await temporaryFolder();
    const port = freePort();
    const socket = `${folder.path}/network.socket`;
    const first = listenForEvents(socket);
    await using daemon = await startDaemon(
      folder.path,
      `[capture]
    interface = "lo"
    ports = [${port}]
    stats_interval_s = 3600
    [socket]
    path = "${socket}"
    backlog_bytes = 65536`,
    );
    await sayHello(port, 10);
    await eventually("ten", () => handshakes(first.events).length === 10);
    // The reader goes, and comes back soon: nothing is lost.
    first[Symbol.dispose]();
    await eventually("its leave", async () => !await daemon.isReady());
    await sayHello(port, 10);
    const second = listenForEvents(socket);
    await eventually("ten more", () => handshakes(second.events).length === 10);
    deepStrictEqual(
      numbers(handshakes([...first.events, ...second.events])),
      upTo(20),
    );
    // It stays away for longer than the backlog lasts.
    second[Symbol.dispose]();
    await eventually("its leave", async () => !await daemon.isReady());
    await sayHello(port, 200);
    await eventually(
      "all of them",
      async () => await daemon.metric("capture_handshakes_total") === 220,
    );
    const dropped = await daemon.metric("capture_events_dropped_total");
    using third = listenForEvents(socket);
    await eventually(
      "the newest",
      () => handshakes(third.events).at(-1)?.seq === 220,
    );
    await daemon.stop();
    const kept = numbers(handshakes(third.events));
    ok(kept.length > 20 && kept.length < 200, `${kept.length}`);
    strictEqual(dropped, 200 - kept.length);
    const last = third.events.at(-1);
    ok(last?.event_type === "stats");
    strictEqual(last.events_dropped, dropped);
    strictEqual(last.handshakes, 220);
    deepStrictEqual(kept, upTo(220).slice(-kept.length));
  },
);

Deno.test(
  "capture takes up a changed configuration at SIGHUP",
  asRoot,
  async () => {
    await using folder = await temporaryFolder();
    const [before, after] = [freePort(), freePort()];
    const socket = `${folder.path}/network.socket`;
    using reader = listenForEvents(socket);
    await using daemon = await startDaemon(
      folder.path,
      `[capture]
    interface = "lo"
    ports = [${before}]
    [socket]
    path = "${socket}"`,
    );
    await sayHello(before, 1);
    await eventually("the first", () => handshakes(reader.events).length === 1);
    const config = `${folder.path}/capture.toml`;
    const text = await Deno.readTextFile(config);
    // A second later, so that the start of the new round is another one.
    await eventually("the next second", () => {
      const [event] = handshakes(reader.events);
      return Date.now() / 1000 > (event?.boot ?? Infinity) + 1;
    });
    await Deno.writeTextFile(config, text.replace(`${before}`, `${after}`));
    daemon.signal("SIGHUP");
    await eventually("the new port", async () => {
      await sayHello(after, 1);
      return handshakes(reader.events).some(({ dest_port }) =>
        dest_port === after
      );
    });
    const [old, fresh] = handshakes(reader.events);
    ok(old !== undefined && fresh !== undefined);
    ok(fresh.boot > old.boot);
    strictEqual(fresh.seq, 1);
    // A faulty one is refused, and the one that holds goes on.
    await Deno.writeTextFile(config, text.replace("ports", "prots"));
    daemon.signal("SIGHUP");
    const seen = handshakes(reader.events).length;
    await sayHello(after, 1);
    await eventually("more", () => handshakes(reader.events).length > seen);
  },
);
