import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import type { Logger } from "../lib/log.ts";
import { openFile, openSocket, Outlet } from "./outlet.ts";

const log = { info() {}, warn() {}, error() {} } as unknown as Logger;

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Bytes that may lie unread in a socket. */
const UNREAD = 212_992 + 65_536;

/** An outlet to a UNIX stream socket. */
function socketOutlet(path: string, backlogBytesMax: number): Outlet {
  return new Outlet({
    name: "socket",
    backlogBytesMax,
    open: () => openSocket(path, UNREAD),
    log,
  });
}

/** A reader of a UNIX stream socket. */
function listen(path: string): {
  text(): string;
  [Symbol.dispose](): void;
} {
  const listener = Deno.listen({ transport: "unix", path });
  const connections: Deno.Conn[] = [];
  let text = "";
  (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      (async () => {
        const decoder = new TextDecoder();
        const buffer = new Uint8Array(65_536);
        try {
          for (
            let read = await connection.read(buffer);
            read !== null;
            read = await connection.read(buffer)
          ) text += decoder.decode(buffer.subarray(0, read));
        } catch {
          // Hung up by the test.
        }
      })();
    }
  })();
  const hangUp = (): void => {
    for (const connection of connections.splice(0)) connection.close();
  };
  return {
    text: () => text,
    [Symbol.dispose]() {
      listener.close();
      hangUp();
      try {
        Deno.removeSync(path);
      } catch {
        // Not there any more.
      }
    },
  };
}

Deno.test("Outlet keeps events while nobody listens and sends them in order", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/network.socket`;
  const outlet = socketOutlet(path, 1024);
  outlet.push(bytes("1\n"));
  outlet.push(bytes("2\n3\n"));
  ok(!outlet.connected);
  {
    using reader = listen(path);
    await eventually("three events", () => reader.text() === "1\n2\n3\n");
    ok(outlet.connected);
  }
  // The reader is gone: seen without anything being written, and made up for.
  await eventually("the loss", () => !outlet.connected);
  outlet.push(bytes("4\n"));
  using reader = listen(path);
  await eventually("the fourth event", () => reader.text() === "4\n");
  strictEqual(outlet.eventsDropped, 0);
  await outlet.stop();
});

Deno.test("Outlet drops the oldest events when nobody comes, and counts them", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/network.socket`;
  const outlet = socketOutlet(path, 20);
  for (let number = 100; number < 120; number++) {
    outlet.push(bytes(`${number}\n`));
  }
  strictEqual(outlet.eventsDropped, 15);
  using reader = listen(path);
  await eventually(
    "the last events",
    () => reader.text() === "115\n116\n117\n118\n119\n",
  );
  await outlet.stop();
});

Deno.test("Outlet sends a line again that broke off", async () => {
  let opened = 0;
  const sent: string[] = [];
  const outlet = new Outlet({
    name: "socket",
    backlogBytesMax: 1024,
    open: () => {
      opened++;
      let budget = opened === 1 ? 4 : 1000;
      return Promise.resolve({
        write: (block: Uint8Array) => {
          if (budget === 0) return Promise.reject(new Error("gone"));
          const count = Math.min(budget, block.length);
          budget -= count;
          sent.push(new TextDecoder().decode(block.subarray(0, count)));
          return Promise.resolve(count);
        },
        close: () => {},
      });
    },
    log,
  });
  outlet.push(bytes("aa\nbb\ncc\n"));
  await eventually("both attempts", () => sent.length === 2);
  deepStrictEqual(sent, ["aa\nb", "bb\ncc\n"]);
  await outlet.stop();
});

Deno.test("Outlet writes into a new file after reopen()", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/events.ndjson`;
  const outlet = new Outlet({
    name: "file",
    backlogBytesMax: 1024,
    open: () => openFile(path),
    log,
  });
  outlet.push(bytes("1\n"));
  const text = (file: string) => Deno.readTextFile(file).catch(() => undefined);
  await eventually("the first", async () => await text(path) === "1\n");
  await Deno.rename(path, `${path}.1`);
  outlet.reopen();
  outlet.push(bytes("2\n"));
  await eventually("the second", async () => await text(path) === "2\n");
  strictEqual(await text(`${path}.1`), "1\n");
  await outlet.stop();
});

Deno.test("Outlet.stop() ends within its time although nobody reads", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/network.socket`;
  using listener = Deno.listen({ transport: "unix", path });
  const outlet = socketOutlet(path, 64 * 1024 * 1024);
  using _connection = await listener.accept();
  outlet.push(bytes("x\n".repeat(4 * 1024 * 1024)));
  const beginMs = performance.now();
  await outlet.stop();
  ok(performance.now() - beginMs < 2000);
});

Deno.test("Outlet sends again what a reader left unread, in order and without a gap", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/network.socket`;
  const outlet = socketOutlet(path, 16 * 1024 * 1024);
  const line = (number: number): string =>
    `{"seq":${number},"fill":"${"x".repeat(900)}"}\n`;
  const count = 2000;
  const seen: number[] = [];
  /** Reads `bytes` bytes or more, then dies. */
  const read = async (bytesMin: number): Promise<void> => {
    using listener = Deno.listen({ transport: "unix", path });
    using connection = await listener.accept();
    const buffer = new Uint8Array(65_536);
    let text = "";
    for (let got = 0; got < bytesMin;) {
      const length = await connection.read(buffer) ?? 0;
      text += new TextDecoder().decode(buffer.subarray(0, length));
      got += length;
    }
    // A reader drops the line that breaks off.
    for (const whole of text.split("\n").slice(0, -1)) {
      seen.push(JSON.parse(whole).seq);
    }
    await Deno.remove(path);
  };
  for (let number = 1; number <= count; number++) {
    outlet.push(bytes(line(number)));
  }
  await read(1000);
  strictEqual(outlet.eventsDropped, 0);
  await read(300_000);
  await read(700_000);
  ok(outlet.eventsRepeated > 100, `${outlet.eventsRepeated}`);
  using reader = listen(path);
  await eventually(
    "the rest",
    () => reader.text().endsWith(line(count)),
  );
  for (const whole of reader.text().split("\n").slice(0, -1)) {
    seen.push(JSON.parse(whole).seq);
  }
  // Nothing is lost; each reader is told things in order.
  deepStrictEqual(
    [...new Set(seen)].sort((a, b) => a - b),
    Array.from({ length: count }, (_, index) => index + 1),
  );
  strictEqual(outlet.eventsDropped, 0);
  await outlet.stop();
});

Deno.test("Outlet repeats nothing to a reader who had read all", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/network.socket`;
  const outlet = socketOutlet(path, 1024);
  outlet.push(bytes("1\n2\n"));
  {
    using reader = listen(path);
    await eventually("both", () => reader.text() === "1\n2\n");
  }
  await eventually("the loss", () => !outlet.connected);
  outlet.push(bytes("3\n"));
  using reader = listen(path);
  await eventually("the third", () => reader.text() === "3\n");
  strictEqual(outlet.eventsRepeated, 0);
  await outlet.stop();
});
