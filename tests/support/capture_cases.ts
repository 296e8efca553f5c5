/**
 * Makes the captures in tests/cases, all of them of our own making:
 *
 *     deno run -A tests/support/capture_cases.ts
 *
 * writes each `input.pcap`, `README.md` and, from what the program prints, `expected.ndjson`:
 * look at what changed there before it is committed.
 *
 * @module
 */
import { ipFragments } from "./datagrams.ts";
import { type Case, long, ordinary, secondHello } from "./capture_case.ts";
import { datagramCases } from "./datagram_cases.ts";
import { eventsOfFile } from "./fingerprint.ts";
import { layerCases } from "./layer_cases.ts";
import { preambleCases } from "./preamble_cases.ts";
import {
  ACK,
  bytes,
  clientHello,
  Connection,
  EXT,
  extension,
  FIN,
  ordinaryExtensions,
  type Packet,
  pcapFile,
  pcapngFile,
  records,
  RST,
  START_US,
  u16,
  vec16,
} from "./packets.ts";

/** Folder of the cases. */
export const CASES = new URL("../cases/", import.meta.url);

const streamCases: readonly Case[] = [
  {
    name: "one-segment",
    shows:
      "TCP handshake, ClientHello in one segment, the end. All facts of the SYN, the round-trip time of the handshake (1 ms) and the time from SYN to ClientHello (3 ms).",
    packets: new Connection().open().client(0, records(ordinary))
      .server(0, [22, 3, 3, 0, 4, 2, 0, 0, 0])
      .client(records(ordinary).length, [], FIN | ACK).packets,
  },
  {
    name: "ipv6",
    shows: "The same over IPv6; addresses as RFC 5952 writes them.",
    packets: new Connection({ source: "2001:db8::1:0:10", destination: "::1" })
      .open().client(0, records(ordinary)).packets,
  },
  {
    name: "post-quantum-two-segments",
    shows: "A ClientHello of two segments with a hybrid key share.",
    packets: new Connection().open().send(records(long)).packets,
  },
  {
    name: "segments-out-of-order",
    shows:
      "Segments in reverse, one twice, one overlapping with other bytes: the first copy counts.",
    packets: reversed(records(long), 300),
  },
  {
    name: "sequence-wraps",
    shows: "The sequence number passes 2^32 within the ClientHello.",
    packets: new Connection({ isn: 2 ** 32 - 100 }).open()
      .send(records(long), 64).packets,
  },
  {
    name: "many-records",
    shows: "One ClientHello in records of 50 bytes.",
    packets: new Connection().open().send(records(ordinary, 50)).packets,
  },
  {
    name: "one-byte-segments",
    shows:
      "Every byte in a segment of its own; a keep-alive probe and a bare ACK whose padding was captured between.",
    packets: oneByteSegments(),
  },
  {
    name: "records-of-three-bytes",
    shows:
      "Records so small that the four bytes of the message's header lie in two of them.",
    packets: new Connection().open().client(0, records(ordinary, 3)).packets,
  },
  {
    name: "sslv2",
    shows:
      "A ClientHello in the record format of SSL 2.0 (RFC 5246, appendix E.2): reported, without a fingerprint.",
    packets: new Connection().open().client(0, sslv2()).packets,
  },
  {
    name: "from-port-443",
    shows:
      "The client speaks from port 443 to another one: who is the client is told by the message.",
    packets: new Connection({ sourcePort: 443, destinationPort: 50_000 }).open()
      .client(0, records(ordinary)).packets,
  },
  {
    name: "large-packet",
    shows:
      "One packet of 70 KB, as receive offloading joins them (BIG TCP leaves 0 as the IPv6 length): a ClientHello, early data and more.",
    packets: new Connection({ source: "2001:db8::10", destination: "::1" })
      .open().client(
        0,
        bytes(
          records(clientHello({
            extensions: [...ordinaryExtensions(), EXT.earlyData()],
          })),
          ...Array.from({ length: 5 }, () => [
            [23, 3, 3],
            vec16(new Uint8Array(14_000)),
          ]).flat(),
        ),
      ).packets.map(({ ts, frame }) => {
        if (frame.length > 65_535) frame.set([0, 0], 14 + 4);
        return { ts, frame };
      }),
  },
  {
    name: "no-syn",
    shows: "The capture begins after the SYN: no facts of it, all else.",
    packets: new Connection().send(records(long)).packets,
  },
  {
    name: "data-before-syn",
    shows: "The segment is captured before its SYN.",
    packets: new Connection().client(0, records(ordinary)).syn().packets,
  },
  {
    name: "fast-open",
    shows: "The ClientHello is in the SYN (RFC 7413).",
    packets: new Connection().syn(records(ordinary)).packets,
  },
  {
    name: "port-reuse",
    shows:
      "A second connection with the same ends and another ClientHello, and a keep-alive probe between.",
    packets: [
      ...new Connection().open().client(0, records(ordinary))
        .client(records(ordinary).length - 1, [0]).packets,
      ...new Connection({ isn: 77_000_000, ts: START_US + 1e6 }).open()
        .client(0, records(clientHello({ ciphers: [0x1301] }))).packets,
    ],
  },
  {
    name: "hello-retry-request",
    shows:
      "Two ClientHellos on one connection with ChangeCipherSpec between; the second has `hello` 1.",
    packets: twoHellos(),
  },
  {
    name: "resumption",
    shows:
      "The same client, first and resumed (ticket, PSK, early data): JA4 differs, ja4_stable does not.",
    packets: [
      ...new Connection().open().client(0, records(ordinary)).packets,
      ...new Connection({ sourcePort: 50_001, ts: START_US + 1e6 }).open()
        .client(
          0,
          records(clientHello({
            extensions: [
              ...ordinaryExtensions(),
              EXT.sessionTicket(),
              EXT.earlyData(),
              EXT.psk(),
            ],
          })),
        ).packets,
    ],
  },
  {
    name: "grease",
    shows:
      "GREASE in ciphers, extensions, groups, versions, signature algorithms and ALPN is left out everywhere and reported as `grease`.",
    packets: new Connection().open().client(
      0,
      records(clientHello({
        ciphers: [0x2a2a, 0x1301, 0x0a1a],
        extensions: [
          extension(0x4a4a),
          EXT.sni("grease.example"),
          EXT.groups(0x6a6a, 0x1d),
          EXT.signatureAlgorithms(0xfafa, 0x0403),
          EXT.alpn("\x0a\x0a", "h2"),
          EXT.versions(0x8a8a, 0x0304),
        ],
      })),
    ).packets,
  },
  {
    name: "hostile-names",
    shows:
      "Server name and ALPN with quotes, escapes, control bytes and invalid UTF-8; the line stays one line of JSON.",
    packets: new Connection().open().client(
      0,
      records(clientHello({
        extensions: [
          EXT.sni('a"\\\n\x00\x1b[31m\xff.example'),
          EXT.alpn('"\xff', "\n"),
        ],
      })),
    ).packets,
  },
  {
    name: "malformed",
    shows: "An extension that reaches beyond the block.",
    packets: new Connection().open().client(
      0,
      records(clientHello({ extensions: [bytes(u16(10), u16(99), [1])] })),
    ).packets,
  },
  {
    name: "cut-by-snap-length",
    shows: "The capture kept 120 bytes of the packet with the ClientHello.",
    packets: cut(
      new Connection().open().client(0, records(ordinary)).packets,
      120,
    ),
  },
  {
    name: "gap",
    shows: "The middle segment is missing and the client breaks off.",
    packets: new Connection().open().client(0, records(long).slice(0, 500))
      .client(1000, records(long).slice(1000)).client(0, [], RST).packets,
  },
  {
    name: "never-finished",
    shows:
      "Half a ClientHello, then nothing for a minute (another client is heard then).",
    packets: [
      ...new Connection().open().client(0, records(ordinary).slice(0, 90))
        .packets,
      ...new Connection({ sourcePort: 50_009, ts: START_US + 60e6 }).syn()
        .packets,
    ],
  },
  {
    name: "no-tls",
    shows: "HTTP in clear text and a server's ServerHello: no event.",
    packets: new Connection().open().client(0, "GET / HTTP/1.1\r\n\r\n")
      .server(0, [22, 3, 3, 0, 4, 2, 0, 0, 0]).packets,
  },
  {
    name: "ip-fragments",
    shows:
      "Segments in IP fragments, IPv4 in order and IPv6 the last one first.",
    packets: [
      ...new Connection().open().client(0, records(long)).packets
        .flatMap((packet) => ipFragments(packet, 400)),
      ...new Connection({
        source: "2001:db8::10",
        destination: "2001:db8::7",
        ts: START_US + 1e6,
      }).open().client(0, records(ordinary)).packets
        .flatMap((packet) => ipFragments(packet, 104).reverse()),
    ],
  },
];

/** All cases. */
export const cases: readonly Case[] = [
  ...layerCases,
  ...streamCases,
  ...datagramCases,
  ...preambleCases,
];

function reversed(stream: Uint8Array, size: number): Packet[] {
  const connection = new Connection().open();
  const wrong = new Uint8Array(100).fill(0xee);
  let at = Math.floor((stream.length - 1) / size) * size;
  for (; at > 0; at -= size) {
    connection.client(at, stream.subarray(at, at + size));
    connection.client(at, stream.subarray(at, at + size));
    connection.client(at + 50, wrong);
  }
  return connection.client(0, stream.subarray(0, size)).packets;
}

function oneByteSegments(): Packet[] {
  const connection = new Connection().open();
  connection.client(0, [0, 0]).client(-1, [0]);
  return connection.send(records(ordinary), 1).packets;
}

function sslv2(): Uint8Array {
  const body = bytes(
    [1, 0, 2],
    u16(6),
    u16(0),
    u16(16),
    [1, 0, 0x80, 7, 0, 0xc0],
    new Uint8Array(16).fill(0x5a),
  );
  return bytes(u16(0x8000 | body.length), body);
}

function twoHellos(): Packet[] {
  const first = records(ordinary);
  const second = bytes(
    [20, 3, 3, 0, 1, 1],
    records(secondHello),
  );
  return new Connection().open().client(0, first)
    .server(0, [22, 3, 3, 0, 4, 2, 0, 0, 0]).client(first.length, second)
    .packets;
}

function cut(packets: readonly Packet[], length: number): Packet[] {
  return packets.map((packet) => ({
    ...packet,
    frame: packet.frame.subarray(0, length),
    wire: packet.frame.length,
  }));
}

/** Name of a case's capture file, and its bytes. */
export function inputOf(
  { packets, linkType }: Case,
): { file: string; bytes: Uint8Array<ArrayBuffer> } {
  return typeof linkType === "object"
    ? { file: "input.pcapng", bytes: pcapngFile(packets, linkType) }
    : { file: "input.pcap", bytes: pcapFile(packets, linkType) };
}

/** What the program prints for a case, its path left out. */
export function outputOf(one: Case): string {
  const { file } = inputOf(one);
  const path = new URL(`${one.name}/${file}`, CASES).pathname;
  return eventsOfFile(path).text.replaceAll(
    JSON.stringify(path),
    JSON.stringify(file),
  );
}

async function write(one: Case): Promise<void> {
  const folder = new URL(`${one.name}/`, CASES);
  await Deno.mkdir(folder, { recursive: true });
  const { file, bytes } = inputOf(one);
  await Deno.writeFile(new URL(file, folder), bytes);
  await Deno.writeTextFile(
    new URL("expected.ndjson", folder),
    outputOf(one),
  );
  await Deno.writeTextFile(
    new URL("README.md", folder),
    `# ${one.name}\n\n${one.shows}\n\n` +
      "Made by tests/support/capture_cases.ts; the addresses are those of RFC 5737 and RFC 3849.\n",
  );
}

if (import.meta.main) { for (const one of cases) await write(one); }
