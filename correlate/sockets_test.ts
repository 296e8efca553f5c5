import assert from "node:assert/strict";
import { FatalError } from "../lib/errors.ts";
import { getLogger } from "@logtape/logtape";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import { fileSink, LineSink } from "./line_sink.ts";
import { type HttpSocket, openHttpSocket } from "./http_socket.ts";
import { MessageBatch } from "./messages.ts";
import { type NetworkSocket, openNetworkSocket } from "./network_socket.ts";

const log = getLogger(["test"]);

function openHttp(
  path: string,
  changes: { group?: string; probe?: string } = {},
): Promise<HttpSocket> {
  return openHttpSocket({
    path,
    mode: 0o620,
    bytesMax: 1000,
    ringBytes: 4096,
    ...changes,
  });
}

function openNetwork(
  path: string,
  take: (line: string) => void = () => {},
): Promise<NetworkSocket> {
  return openNetworkSocket({
    path,
    mode: 0o620,
    lineBytesMax: 1000,
    log,
    take: (batch) => {
      for (let i = 0; i < batch.count; i++) take(batch.text(i));
    },
  });
}

/** Sends datagrams from a socket of its own. */
async function send(path: string, messages: readonly string[]): Promise<void> {
  const own = `${path}.sender`;
  const socket = Deno.listenDatagram({ path: own, transport: "unixpacket" });
  for (const message of messages) {
    await socket.send(new TextEncoder().encode(message), {
      path,
      transport: "unixpacket",
    });
  }
  socket.close();
  await Deno.remove(own);
}

function take({ ring }: HttpSocket): string[] {
  const messages: string[] = [];
  const batch = new MessageBatch();
  while (ring.take(batch, 100)) {
    for (let i = 0; i < batch.count; i++) messages.push(batch.text(i));
  }
  return messages;
}

Deno.test("http.socket gives datagrams in order; too long ones are counted", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/http.socket`;
  const socket = await openHttp(path);
  assert.equal((await Deno.stat(path)).mode ?? 0 & 0o777, 0o140620);
  await send(path, ["one", "x".repeat(1000), "y".repeat(1001), "", "two"]);
  const messages: string[] = [];
  await eventually("the last message", () => {
    messages.push(...take(socket));
    return messages.includes("two");
  });
  assert.deepEqual(messages, ["one", "x".repeat(1000), "", "two"]);
  assert.equal(socket.ring.tooLong, 1);
  await socket.close();
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});

Deno.test("http.socket holds what does not fit the ring, and loses nothing", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/http.socket`;
  const socket = await openHttp(path);
  const want = Array.from({ length: 50 }, (_, n) => `${n}`.padEnd(400));
  const sending = send(path, want);
  await eventually("a full ring", () => socket.ring.fullWaits > 0);
  const messages: string[] = [];
  await eventually("all messages", () => {
    messages.push(...take(socket));
    return messages.length === want.length;
  });
  await sending;
  assert.deepEqual(messages, want);
  await socket.close();
});

Deno.test("http.socket takes what the kernel queued before it closes", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/http.socket`;
  const socket = await openHttp(path);
  await send(path, ["a", "b", "c"]);
  await socket.close();
  assert.deepEqual(take(socket), ["a", "b", "c"]);
});

Deno.test("the kernel's queue is measured and leaves no trace", async () => {
  await using folder = await temporaryFolder();
  const probe = `${folder.path}/network.socket`;
  const socket = await openHttp(`${folder.path}/http.socket`, { probe });
  assert.ok((socket.queueLength ?? 0) > 5, `${socket.queueLength}`);
  await send(`${folder.path}/http.socket`, ["after"]);
  const messages: string[] = [];
  await eventually("the message", () => messages.push(...take(socket)) > 0);
  assert.deepEqual(messages, ["after"]);
  await assert.rejects(Deno.stat(probe), Deno.errors.NotFound);
  await socket.close();
});

Deno.test("a socket file of a dead process is taken over, that of a living one is not", async () => {
  await using folder = await temporaryFolder();
  for (const open of [openHttp, openNetwork] as const) {
    const path = `${folder.path}/any.socket`;
    // Closing does not remove the file, which is what a killed process leaves.
    Deno.listenDatagram({ path, transport: "unixpacket" }).close();
    const first = await open(path);
    for (const again of [openHttp, openNetwork] as const) {
      await assert.rejects(
        again(path),
        (thrown) =>
          thrown instanceof FatalError && thrown.exit === "unavailable" &&
          thrown.message === `Cannot listen on "${path}": another process does`,
      );
    }
    await first.close();
  }
});

Deno.test.each<
  { name: string; path: string; group?: string; exit: string; message: RegExp }
>([
  {
    name: "a file that is no socket",
    path: "file",
    exit: "config",
    message: /exists and is not a socket$/,
  },
  {
    name: "an unknown group",
    path: "s",
    group: "no-such-group",
    exit: "config",
    message: /the group "no-such-group"/,
  },
  {
    name: "a folder below a file",
    path: "file/s",
    exit: "unavailable",
    message: /^Cannot listen on/,
  },
])(
  "http.socket refuses $name with one clear line",
  async ({ path, group, exit, message }) => {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(`${folder.path}/file`, "");
    await assert.rejects(
      openHttp(`${folder.path}/${path}`, group === undefined ? {} : { group }),
      (thrown) =>
        thrown instanceof FatalError && thrown.exit === exit &&
        message.test(thrown.message),
    );
  },
);

Deno.test("network.socket reads several sensors at once, whole lines only", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/network.socket`;
  const lines: string[] = [];
  const socket = await openNetwork(path, (line) => lines.push(line));
  const sensors = await Promise.all(
    [1, 2].map(() => Deno.connect({ transport: "unix", path })),
  );
  const write = (sensor: number, text: string): Promise<number> | undefined =>
    sensors[sensor]?.write(new TextEncoder().encode(text));
  await write(0, "a1\na");
  await write(1, `b1\n${"x".repeat(1001)}\nb2\n`);
  await eventually("the first lines", () => lines.length === 3);
  await write(0, "2\nnot fini");
  await eventually("the line in two parts", () => lines.includes("a2"));
  assert.equal(socket.connections, 2);
  sensors[0]?.close();
  await eventually("the first to go", () => socket.connections === 1);
  await write(1, "b3\n");
  await eventually("the second's line", () => lines.includes("b3"));
  assert.deepEqual(lines.toSorted(), ["a1", "a2", "b1", "b2", "b3"]);
  assert.equal(socket.tooLong, 1);
  await socket.close();
  sensors[1]?.close();
});

Deno.test("LineSink goes on in a new file after a rotation", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/events.ndjson`;
  {
    await using sink = await fileSink(path, log);
    sink.append("one");
    sink.flush();
    await eventually(
      "the first line",
      async () => await Deno.readTextFile(path) === "one\n",
    );
    await Deno.rename(path, `${path}.1`);
    sink.append("two");
    sink.reopen();
    await eventually(
      "the new file",
      () => Deno.stat(path).then(() => true, () => false),
    );
    sink.append("three");
  }
  assert.equal(await Deno.readTextFile(`${path}.1`), "one\n");
  assert.equal(await Deno.readTextFile(path), "two\nthree\n");
});

Deno.test("LineSink counts lines that nobody took", async () => {
  const target = {
    write: () => Promise.reject(new Error("gone")),
    close: () => {},
  };
  const sink = new LineSink(target, log);
  sink.append("one");
  sink.append("two");
  sink.flush();
  await sink[Symbol.asyncDispose]();
  assert.equal(sink.dropped, 2);
});
