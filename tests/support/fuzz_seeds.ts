/**
 * First inputs of the fuzz targets in wasm/fuzz/targets, made of the captures in tests/cases, in
 * the format that each target reads.
 *
 * @module
 */
import { cases } from "./capture_cases.ts";
import { cryptoFrame, withCookie } from "./datagrams.ts";
import {
  bytes,
  clientHello,
  EXT,
  extension,
  ordinaryExtensions,
  type Packet,
  pcapFile,
  pcapngFile,
  records,
  u16,
  vec16,
} from "./packets.ts";

/** The targets, in the order in which they run: those that find most per second last. */
export const TARGETS = [
  "quic",
  "ja4",
  "tcp",
  "dtls",
  "file",
  "tls",
  "ip",
  "link",
] as const;

/** A target of wasm/fuzz. */
export type Target = typeof TARGETS[number];

/** Bytes of an Ethernet header, and of an IPv4 header without options behind it. */
const ETHERNET = 14;
const IPV4 = 20;
/** First sequence number of the cases, and where the target puts it. */
const [FIRST, PLACE] = [1_000_000, 0x4000];

const hellos = [
  clientHello(),
  clientHello({ ciphers: [], extensions: [] }),
  clientHello({
    sessionId: new Uint8Array(),
    ciphers: [0x2a2a, 0x1301],
    extensions: [
      ...ordinaryExtensions(),
      EXT.keyShare(0x11ec, 40),
      EXT.sessionTicket(),
      EXT.padding(20),
      EXT.psk(),
      extension(0xfe0d, [1]),
    ],
  }),
];

/** Inputs of `target`. */
export function seedsOf(target: Target): Uint8Array[] {
  const frames = cases.filter(({ linkType = 1 }) => linkType === 1)
    .map(({ packets }) => packets);
  switch (target) {
    case "link":
      return frames.flatMap((packets) => packets.slice(-1))
        .map(({ frame }) => bytes([0, 0], frame));
    case "ip":
      return frames.map((packets) =>
        bytes(
          ...packets.filter(({ frame }) => isIp(frame))
            .flatMap(({ frame }) => [[0], vec16(frame.subarray(ETHERNET))]),
        )
      );
    case "tcp":
      return frames.map((packets) => bytes(...packets.map(segment)));
    case "tls":
      return [
        ...hellos.map((hello) => bytes([7, 2], records(hello, 50))),
        bytes([255, 0], [20, 3, 3, 0, 1, 1], records(hellos[0] as Uint8Array)),
        bytes([255, 2], "PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n"),
        bytes(
          [255, 2],
          "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
          Array(12).fill(1),
        ),
        bytes([255, 2], [0x80, 31, 1, 0, 2, 0, 6, 0, 0, 0, 16], Array(22)),
      ];
    case "quic":
      return [
        ...hellos.map((hello) =>
          bytes([1, 1], vec16(cryptoFrame(0, hello), [0, 1]))
        ),
        bytes(...hellos.flatMap((hello) => [
          [1, 1 | 0x10],
          vec16([2, 0, 0, 0, 0], cryptoFrame(100, hello.slice(100))),
          [1, 1 | 4],
          vec16(cryptoFrame(0, hello.slice(0, 120))),
        ])),
        ...datagrams(frames, 0x80),
      ];
    case "dtls":
      return datagrams(frames, 0);
    case "ja4":
      return hellos.flatMap((hello) => [
        bytes([0], hello),
        bytes([2], withCookie(hello)),
      ]);
    case "file":
      return cases.flatMap(({ packets, linkType = 1 }) => {
        const file = pcapFile(
          packets,
          typeof linkType === "number" ? linkType : 1,
        );
        const batch = bytes([linkType === 1 ? 0 : 1, 0], file.subarray(24));
        return [
          batch,
          bytes([0x80, 100], file),
          bytes([0x80, 1], pcapngFile(packets, [1, 1])),
        ];
      });
  }
}

function isIp(frame: Uint8Array): boolean {
  return [0x0800, 0x86dd].includes((frame[12] ?? 0) << 8 | (frame[13] ?? 0));
}

/** A segment of a case as the target `tcp` reads it. */
function segment({ frame }: Packet): Uint8Array {
  const tcp = frame.subarray(ETHERNET + IPV4);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (!isIp(frame) || frame[ETHERNET] !== 0x45 || tcp.length < 20) {
    return bytes();
  }
  const sequence = view.getUint32(ETHERNET + IPV4 + 4) - FIRST + PLACE;
  const fromServer = view.getUint16(ETHERNET + IPV4) < 1024;
  const payload = tcp.subarray((tcp[12] ?? 0) >> 4 << 2);
  return bytes(
    [fromServer ? 0x01 : 0x10, (tcp[13] ?? 0) & 0x3f, 0],
    u16(sequence & 0xffff),
    vec16(payload),
  );
}

/** The UDP datagrams of cases whose first one has the bit 0x80 like `bit`. */
function datagrams(
  frames: readonly (readonly Packet[])[],
  bit: number,
): Uint8Array[] {
  return frames.map((packets) =>
    packets.filter(({ frame }) => isIp(frame) && frame[ETHERNET + 9] === 17)
      .map(({ frame }) => frame.subarray(ETHERNET + IPV4 + 8))
  ).filter(([first]) => first !== undefined && ((first[0] ?? 0) & 0x80) === bit)
    .map((payloads) =>
      bytes(...payloads.flatMap((payload) => [[1, 0], vec16(payload)]))
    );
}
