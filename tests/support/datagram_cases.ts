/** Captures of QUIC and DTLS in tests/cases. @module */
import { type Case, long, ordinary, secondHello } from "./capture_case.ts";
import {
  cryptoFrame,
  Datagrams,
  dtlsRecord,
  initial,
  QUIC,
  withCookie,
  zeroRtt,
} from "./datagrams.ts";
import {
  bytes,
  clientHello,
  EXT,
  type Packet,
  START_US,
  u16,
  vec16,
} from "./packets.ts";

const dtlsHello = clientHello({
  legacyVersion: 0xfefd,
  extensions: [EXT.sni("dtls.example"), EXT.versions(0xfefd, 0xfefc)],
});

export const datagramCases: readonly Case[] = [
  {
    name: "quic-versions",
    shows: "One ClientHello over each version of QUIC that is known.",
    packets: Object.keys(QUIC).filter((name) => name !== "unknown")
      .flatMap((name, index) =>
        new Datagrams({ sourcePort: 50_000 + index, ts: START_US + index })
          .client(initial([cryptoFrame(0, ordinary)], {
            version: name as keyof typeof QUIC,
          })).packets
      ),
  },
  {
    name: "quic-in-pieces",
    shows:
      "A ClientHello with a post-quantum key share: CRYPTO frames in no order and with PING between, over three Initial packets in two datagrams, the later part first; one datagram twice; a 0-RTT packet behind.",
    packets: quicInPieces(),
  },
  {
    name: "quic-retry",
    shows:
      "After a Retry the client begins again, with a token and another identifier: the same ClientHello is reported once.",
    packets: new Datagrams().client(initial([cryptoFrame(0, ordinary)]))
      .client(initial([cryptoFrame(0, ordinary)], {
        id: bytes("chosen by the server"),
        token: new Uint8Array(100).fill(1),
        number: 1,
        numberBytes: 4,
      })).packets,
  },
  {
    name: "quic-hello-retry-request",
    shows:
      "The second ClientHello follows in the same CRYPTO stream, under the server's identifier and the first one's keys; it has `hello` 1.",
    packets: new Datagrams().client(initial([cryptoFrame(0, ordinary)]))
      .client(initial(
        [[2, 0, 0, 0, 0], cryptoFrame(ordinary.length, secondHello)],
        {
          id: bytes("server"),
          keyId: bytes("firstone"),
          number: 1,
          numberBytes: 2,
        },
      )).packets,
  },
  {
    name: "quic-lost-datagram",
    shows: "The first of two datagrams is missing.",
    packets: new Datagrams()
      .client(initial([cryptoFrame(900, long.slice(900))], { number: 1 }))
      .packets,
  },
  {
    name: "quic-unreadable",
    shows:
      "A tag that does not fit, and a version that is not known: no event.",
    packets: new Datagrams().client(damaged())
      .client(initial([cryptoFrame(0, ordinary)], { version: "unknown" }))
      .packets,
  },
  {
    name: "dtls-versions",
    shows:
      "DTLS 1.0 and 1.2 by legacy_version, 1.3 by supported_versions, whose numbers run downwards, and 0100 of OpenSSL before there was a DTLS 1.0.",
    packets: [0xfeff, 0xfefd, 0x0100].flatMap((version, index) =>
      new Datagrams({ sourcePort: 50_000 + index }).client(
        dtlsRecord(
          withCookie(
            clientHello({
              legacyVersion: version,
              extensions: [EXT.sni("dtls.example")],
            }),
          ),
          { version },
        ),
      ).packets
    ).concat(
      new Datagrams({ sourcePort: 50_003 })
        .client(dtlsRecord(withCookie(dtlsHello))).packets,
    ),
  },
  {
    name: "dtls-fragments",
    shows:
      "Two clients at once, fragments of 40 bytes: one in reverse order and each twice, the other two to a datagram.",
    packets: dtlsFragments(),
  },
  {
    name: "dtls-cookie",
    shows:
      "A ClientHello, the same once more as nobody answered, then with the cookie that the server asked for (RFC 6347, section 4.2.1): two events.",
    packets: new Datagrams().client(dtlsRecord(withCookie(dtlsHello)))
      .client(dtlsRecord(withCookie(dtlsHello)))
      .client(
        dtlsRecord(withCookie(dtlsHello, bytes("a cookie of 16 b")), {
          sequence: 1,
        }),
      ).packets,
  },
  {
    name: "dtls-among-others",
    shows:
      "STUN, then DTLS in a TURN channel; records of epoch 1 and of other kinds say nothing.",
    packets: new Datagrams({ destinationPort: 3478 })
      .client([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], new Uint8Array(12))
      .client([20], u16(0xfefd), new Uint8Array(8), [0, 1, 1])
      .client(dtlsRecord(withCookie(dtlsHello), { epoch: 1 }))
      .client([0x40, 1], vec16(dtlsRecord(withCookie(dtlsHello)))).packets,
  },
];

function quicInPieces(): Packet[] {
  const first = initial(
    [
      cryptoFrame(700, long.slice(700, 800)),
      [1],
      cryptoFrame(0, long.slice(0, 300)),
    ],
    { size: 600 },
  );
  const second = initial([[0, 1], cryptoFrame(300, long.slice(300, 700))], {
    number: 1,
    size: 600,
  });
  const third = initial(
    [cryptoFrame(800, long.slice(800)), cryptoFrame(200, long.slice(200, 210))],
    { number: 2, size: 1150 },
  );
  return new Datagrams().client(third, zeroRtt(50)).client(third, zeroRtt(50))
    .client(first, second).packets;
}

function damaged(): Uint8Array {
  const packet = initial([cryptoFrame(0, ordinary)]);
  packet[packet.length - 1] = (packet.at(-1) ?? 0) ^ 1;
  return packet;
}

function dtlsFragments(): Packet[] {
  const one = withCookie(dtlsHello);
  const two = withCookie(
    clientHello({
      legacyVersion: 0xfeff,
      extensions: [EXT.sni("other.example")],
    }),
  );
  const parts = (message: Uint8Array): Uint8Array[] => {
    const length = message.length - 4;
    return Array.from({ length: Math.ceil(length / 40) }, (_, index) => {
      const end = Math.min(length, 40 * index + 40);
      return dtlsRecord(message, {}, 40 * index, end);
    });
  };
  const reversed = new Datagrams();
  for (const part of parts(one).reverse()) reversed.client(part).client(part);
  const paired = new Datagrams({ sourcePort: 50_001 });
  const others = parts(two);
  for (let at = 0; at < others.length; at += 2) {
    paired.client(...others.slice(at, at + 2));
  }
  return [...reversed.packets, ...paired.packets].sort((a, b) => a.ts - b.ts);
}
