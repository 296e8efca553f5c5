/** ClientHellos in every wrapping that a filter may let pass: tags, tunnels, QUIC, DTLS, fragments. @module */
import type { HandshakeEvent, IpAddress } from "../../lib/events.ts";
import {
  cryptoFrame,
  Datagrams,
  dtlsRecord,
  initial,
  ipFragments,
  withCookie,
} from "./datagrams.ts";
import {
  bytes,
  clientHello,
  Connection,
  ethernet,
  ip,
  type Packet,
  records,
  u16,
  vec16,
} from "./packets.ts";

export interface Encapsulated {
  readonly name: string;
  readonly packets: readonly Packet[];
  readonly expected: Partial<HandshakeEvent>;
}

const V6 = { source: "2001:db8::10", destination: "2001:db8::443" };

/** Packets of one client each, and what must be told of it. */
export const ENCAPSULATED: readonly Encapsulated[] = (() => {
  const hello = clientHello();
  const stream = records(hello);
  const tcp = (port: number): Packet[] =>
    new Connection({ sourcePort: port }).syn().send(stream, 300).packets;
  const tags = (packets: Packet[], ...types: number[]): Packet[] =>
    packets.map(({ ts, frame }) => ({
      ts,
      frame: bytes(
        frame.subarray(0, 12),
        types.flatMap((type, index) => [...u16(type), 0, 7 + index]),
        frame.subarray(12),
      ),
    }));
  const through = (
    packets: Packet[],
    wrap: (inner: Uint8Array) => Uint8Array,
    from = 14,
  ): Packet[] =>
    packets.map(({ ts, frame }) => ({ ts, frame: wrap(frame.subarray(from)) }));
  const outer = (protocol: number, payload: Uint8Array): Uint8Array =>
    ethernet(0x0800, ip("203.0.113.1", "203.0.113.2", protocol, payload));
  const udp = (port: number, payload: Uint8Array): Uint8Array => {
    const head = bytes(u16(5000), u16(port), u16(8 + payload.length), [0, 0]);
    return outer(17, bytes(head, payload));
  };
  const dtls = dtlsRecord(withCookie(hello));
  const datagrams = (port: number, ...messages: Uint8Array[]): Packet[] => {
    const list = new Datagrams({ sourcePort: port });
    for (const message of messages) list.client(message);
    return list.packets;
  };
  return [
    { name: "no tag", packets: tcp(2000), expected: {} },
    {
      name: "a VLAN",
      packets: tags(tcp(2001), 0x8100),
      expected: { vlan: [7] },
    },
    {
      name: "two VLAN tags",
      packets: tags(tcp(2002), 0x88a8, 0x8100),
      expected: { vlan: [7, 8] },
    },
    {
      name: "IP in IP",
      packets: through(tcp(2003), (inner) => outer(4, inner)),
      expected: { tunnel: ["ipip"] },
    },
    {
      name: "GRE",
      packets: through(
        tcp(2004),
        (inner) => outer(47, bytes([0, 0, 8, 0], inner)),
      ),
      expected: { tunnel: ["gre"] },
    },
    {
      name: "VXLAN",
      packets: through(
        tcp(2005),
        (frame) => udp(4789, bytes([8, 0, 0, 0, 0, 0, 7, 0], frame)),
        0,
      ),
      expected: { tunnel: ["vxlan"] },
    },
    {
      name: "Geneve",
      packets: through(
        tcp(2006),
        (frame) => udp(6081, bytes([0, 0, 0x65, 0x58, 0, 0, 7, 0], frame)),
        0,
      ),
      expected: { tunnel: ["geneve"] },
    },
    {
      name: "GTP",
      packets: through(
        tcp(2007),
        (inner) =>
          udp(
            2152,
            bytes([0x30, 0xff], u16(inner.length), [0, 0, 0, 7], inner),
          ),
      ),
      expected: { tunnel: ["gtp"] },
    },
    {
      name: "MPLS",
      packets: through(
        tcp(2008),
        (inner) => ethernet(0x8847, bytes([0, 1, 1, 64], inner)),
      ),
      expected: {},
    },
    {
      name: "PPPoE",
      packets: through(
        tcp(2009),
        (inner) =>
          ethernet(
            0x8864,
            bytes([0x11, 0, 0, 1], u16(inner.length + 2), [0, 0x21], inner),
          ),
      ),
      expected: {},
    },
    {
      name: "QUIC",
      packets: datagrams(2010, initial([cryptoFrame(0, hello)])),
      expected: { transport: "quic" },
    },
    {
      name: "DTLS",
      packets: datagrams(2011, dtls),
      expected: { transport: "dtls" },
    },
    {
      name: "DTLS in a channel of TURN, in two fragments",
      packets: datagrams(
        2012,
        ...[[0, 100], [100, undefined]].map(([start, end]) =>
          bytes(
            [0x40, 1],
            vec16(dtlsRecord(withCookie(hello), {}, start, end)),
          )
        ),
      ),
      expected: { transport: "dtls" },
    },
    {
      name: "Teredo",
      packets: through(
        new Connection({ ...V6, sourcePort: 2013 }).syn().send(stream, 300)
          .packets,
        (inner) => udp(3544, inner),
      ),
      expected: { tunnel: ["teredo"], src_ip: V6.source as IpAddress },
    },
    {
      name: "L2TP",
      packets: through(
        tcp(2014),
        (inner) =>
          udp(
            1701,
            bytes([0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], inner),
          ),
      ),
      expected: { tunnel: ["l2tp"] },
    },
    {
      name: "fragments of IPv4",
      packets: tcp(2015).flatMap((packet) => ipFragments(packet, 104)),
      expected: {},
    },
    {
      name: "fragments of IPv6",
      packets: new Connection({ ...V6, sourcePort: 2016 }).client(0, stream)
        .packets.flatMap((packet) => ipFragments(packet, 104)),
      expected: { src_ip: V6.source as IpAddress },
    },
  ];
})();
