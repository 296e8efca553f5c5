/** Capture files of every kind: what comes out depends on the packets and not on the format. @module */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { fingerprintInput } from "../capture/fingerprint.ts";
import { FatalError } from "../lib/errors.ts";
import { newParser, parseLines } from "./support/fingerprint.ts";
import {
  ACK,
  bytes,
  clientHello,
  Connection,
  EXT,
  FIN,
  ordinaryExtensions,
  type Packet,
  records,
} from "./support/packets.ts";
import { type Order, Pcapng, pcapOf } from "./support/pcapng.ts";

const parser = newParser();

/** Three connections one after the other, the second with a long ClientHello in two segments. */
const long = records(clientHello({
  extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
}));
const short = records(clientHello());
const packets = [short, long, short].flatMap((hello, index) =>
  new Connection({ sourcePort: 50_000 + index, ts: 1.7e15 + index * 1e6 })
    .open().send(hello).client(hello.length, [], FIN | ACK).packets
);

/** The events of a file; `seq` and what only the file's name says left out. */
function eventsOf(file: Uint8Array): { events: unknown[]; failure?: string } {
  let text = "";
  let at = 0;
  const input = {
    readSync(buffer: Uint8Array): number | null {
      const piece = file.subarray(at, at + buffer.length);
      buffer.set(piece);
      at += piece.length;
      return piece.length === 0 ? null : piece.length;
    },
  };
  let failed: { failure: string } | undefined;
  try {
    fingerprintInput(parser, "FILE", input, (lines) => {
      text += new TextDecoder().decode(lines);
    });
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) throw thrown;
    failed = { failure: thrown.message };
  }
  const events = parseLines(text)
    .map(({ seq: _, in_iface: __, ...rest }) => rest);
  return { events, ...failed };
}

const plain = {
  magic: 0xa1b2c3d4,
  order: "little",
  ticks: 1,
  extra: 0,
} as const;
const wanted = eventsOf(pcapOf(packets, plain));

Deno.test("three connections give three events", () => {
  strictEqual(wanted.failure, undefined);
  deepStrictEqual(
    wanted.events.map((event) => (event as { status: string }).status),
    ["complete", "complete", "complete"],
  );
});

Deno.test.each(
  (["little", "big"] as const).flatMap((order: Order) => [
    { magic: 0xa1b2c3d4, order, ticks: 1, extra: 0 } as const,
    { magic: 0xa1b23c4d, order, ticks: 1000, extra: 0 } as const,
    { magic: 0xa1b2cd34, order, ticks: 1, extra: 8 } as const,
    { magic: 0xa1b234cd, order, ticks: 1, extra: 0 } as const,
    { magic: 0xa12b3c4d, order, ticks: 1, extra: 0 } as const,
  ]).map((variant) => ({
    ...variant,
    name: `${variant.magic.toString(16)}, ${variant.order}-endian`,
  })),
)("a pcap file of magic $name gives the same events", (variant) => {
  deepStrictEqual(eventsOf(pcapOf(packets, variant)), wanted);
});

/** The packet with another link layer around its IP packet. */
function relinked(packet: Packet, header: readonly number[]): Packet {
  return { ts: packet.ts, frame: bytes(header, packet.frame.subarray(14)) };
}

Deno.test.each(
  [
    { name: "little", order: "little", other: "big" },
    { name: "big", order: "big", other: "little" },
  ] as const,
)(
  "a $name-endian pcapng file with interfaces of four link types gives the same events",
  ({ order, other }) => {
    const file = new Pcapng().section(order)
      .interface(1)
      .interface(101, 9) // raw IP, nanoseconds
      .interface(113, 0x8a) // Linux cooked, 1/1024 s
      .interface(0, 6) // BSD loopback
      .block(0x0bad, "whatever another program put there");
    const cooked = [0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
    // The packets of each connection come in turn from all four interfaces.
    for (const [index, packet] of packets.entries()) {
      const ts = BigInt(packet.ts);
      if (index === packets.length >> 1) {
        file.section(other).interface(1).interface(101, 9).interface(113, 0x8a)
          .interface(0, 6);
      }
      switch (index % 4) {
        case 0:
          file.packet(packet, 0, ts);
          break;
        case 1:
          file.packet(relinked(packet, []), 1, ts * 1000n + 999n);
          break;
        case 2: {
          // The first tick that is not before that microsecond.
          const ticks = (ts * 1024n + 999_999n) / 1_000_000n;
          file.packet(relinked(packet, cooked), 2, ticks);
          break;
        }
        default:
          file.packet(relinked(packet, [2, 0, 0, 0]), 3, ts);
      }
    }
    const { events, failure } = eventsOf(file.bytes);
    strictEqual(failure, undefined);
    const untimed = (list: unknown[]): unknown[] =>
      list.map((event) => {
        const { ts: _, syn_to_hello_us: __, tcp_rtt_us: ___, ...rest } =
          event as Record<string, unknown>;
        return rest;
      });
    deepStrictEqual(untimed(events), untimed(wanted.events));
    for (const [index, event] of events.entries()) {
      const { ts } = event as { ts: number };
      const { ts: exact } = wanted.events[index] as { ts: number };
      ok(ts - exact >= 0 && ts - exact < 1000, `${ts - exact} us`);
    }
  },
);

Deno.test("packets of no length, of unknown link layers and over 64 KB are no hindrance", () => {
  // GRO of IPv6 leaves 0 as the length of what is longer than 64 KB ("BIG TCP").
  const connection = new Connection({
    source: "2001:db8::1",
    destination: "::2",
  });
  const [packet] = connection.client(0, bytes(short, new Uint8Array(150_000)))
    .packets as [Packet];
  packet.frame.set([0, 0], 14 + 4);
  const file = new Pcapng().section("little").interface(1).interface(9999);
  const nothing = { ts: 0, frame: new Uint8Array() };
  file.packet(nothing, 0, 0n).packet({ ...nothing, wire: 60 }, 0, 0n)
    .packet(packet, 1, 5n).packet(packet, 0, 5n);
  const { events, failure } = eventsOf(file.bytes);
  strictEqual(failure, undefined);
  deepStrictEqual(
    events.map((event) => (event as { ja4: string }).ja4),
    [(wanted.events[0] as { ja4: string }).ja4],
  );
});

Deno.test("a file cut at any byte gives the events before the cut, and says where it is cut", () => {
  const files = [pcapOf(packets, plain), pcapng(packets)];
  for (const file of files) {
    let most = 0;
    for (let length = 0; length < file.length; length++) {
      const { events, failure } = eventsOf(file.subarray(0, length));
      ok(
        failure === undefined ||
          /^Cannot read( all of)? "FILE": it (is empty|ends within a packet)$/
            .test(failure),
        failure,
      );
      const complete = events.filter((event) =>
        (event as { status: string }).status === "complete"
      );
      deepStrictEqual(complete, wanted.events.slice(0, complete.length));
      ok(complete.length >= most);
      most = complete.length;
    }
    strictEqual(most, 3);
  }
});

function pcapng(list: readonly Packet[]): Uint8Array {
  const file = new Pcapng().section("little").interface(1);
  for (const packet of list) file.packet(packet, 0, BigInt(packet.ts));
  return file.bytes;
}

Deno.test("no flipped byte of a file's headers crashes the reader", () => {
  const first = packets.slice(0, 4);
  for (const file of [pcapOf(first, plain), pcapng(first)]) {
    for (let at = 0; at < file.length; at++) {
      for (const bits of [0x01, 0x80, 0xff]) {
        const changed = file.slice();
        changed[at] = (changed[at] ?? 0) ^ bits;
        const { failure } = eventsOf(changed);
        ok(failure === undefined || failure.startsWith("Cannot read"));
      }
    }
  }
});

Deno.test.each([
  {
    name: "a text",
    file: bytes("no capture at all\n"),
    says: /^Cannot read "FILE": it is no capture$/,
  },
  {
    name: "nothing",
    file: bytes(),
    says: /^Cannot read "FILE": it is empty$/,
  },
  {
    name: "a compressed file",
    file: bytes([0x1f, 0x8b, 8, 0]),
    says: /it is no capture$/,
  },
  {
    name: "a packet of an interface that is not described",
    file: new Pcapng().section("big").interface(1).packet(
      packets[0] as Packet,
      1,
      0n,
    ).bytes,
    says: /^Cannot read "FILE": a packet belongs to no interface of the file$/,
  },
  {
    name: "more interfaces than any machine has",
    file: manyInterfaces(4097),
    says: /^Cannot read "FILE": it has too many interfaces$/,
  },
])("$name is refused with a reason", ({ file, says }) => {
  match(eventsOf(file).failure ?? "", says);
});

function manyInterfaces(count: number): Uint8Array {
  const file = new Pcapng().section("big");
  for (let number = 0; number < count; number++) file.interface(1);
  return file.bytes;
}

Deno.test("fingerprint reads what a capture program pipes into it", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=fingerprint", "capture/fingerprint.ts", "-"],
    cwd: new URL("..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // In pieces, as a pipe delivers them.
  const file = pcapng(packets);
  for (let at = 0; at < file.length; at += 1000) {
    await writer.write(file.subarray(at, at + 1000));
  }
  await writer.close();
  const { code, stdout } = await child.output();
  strictEqual(code, 0);
  const events = parseLines(new TextDecoder().decode(stdout));
  deepStrictEqual(
    events.map(({ seq, in_iface }) => [seq, in_iface]),
    [[1, "-"], [2, "-"], [3, "-"]],
  );
});
