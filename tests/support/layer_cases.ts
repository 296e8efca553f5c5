/** Cases of what lies around a TCP segment: link layers, tags, IP headers, tunnels. @module */
import type { Case } from "./capture_case.ts";
import { ipFragments } from "./datagrams.ts";
import {
  bytes,
  clientHello,
  Connection,
  ethernet,
  ip,
  type Packet,
  type Part,
  records,
  u16,
  u32,
  vec16,
} from "./packets.ts";

const hello = records(clientHello());
const ETHERNET = 14;
const [IPV4, IPV6] = [0x0800, 0x86dd];
const [FROM, TO] = ["10.0.0.1", "10.0.0.2"];

/** The IP packet with a ClientHello from port 50000 + `client`, IPv6 if said. */
function packet(client: number, version: 4 | 6 = 4): Uint8Array {
  const ends = version === 4
    ? {}
    : { source: "2001:db8::10", destination: "2001:db8::7" };
  const { packets } = new Connection({ ...ends, sourcePort: 50_000 + client })
    .client(0, hello);
  return (packets[0] as Packet).frame.subarray(ETHERNET);
}

type Wrap = (client: number) => Uint8Array;

/** One frame of each kind, a millisecond apart, each of another client. */
function frames(...wraps: Wrap[]): Packet[] {
  return wraps.map((wrap, client) => ({
    ts: 1_767_225_600_000_000 + client * 1000,
    frame: wrap(client),
  }));
}

/** `payload` as UDP in IPv4 in Ethernet. */
function udp(
  port: number,
  payload: Uint8Array,
  sourcePort = 5000,
): Uint8Array {
  const datagram = bytes(
    u16(sourcePort),
    u16(port),
    u16(8 + payload.length),
    [0, 0],
    payload,
  );
  return ethernet(IPV4, ip(FROM, TO, 17, datagram));
}

/** `payload` in IPv4 of `protocol`, in Ethernet. */
function carried(protocol: number, ...payload: Part[]): Uint8Array {
  return ethernet(IPV4, ip(FROM, TO, protocol, bytes(...payload)));
}

/** The whole frame that a bridge would send through a tunnel. */
function inner(client: number): Uint8Array {
  return ethernet(IPV4, packet(client));
}

/** An IPv4 header with forty bytes of options. */
function withOptions(packet: Uint8Array): Uint8Array {
  const changed = bytes(
    [0x4f],
    packet.subarray(1, 20),
    new Uint8Array(40).fill(1),
    packet.subarray(20),
  );
  changed.set(u16(changed.length), 2);
  return changed;
}

/** An IPv6 packet with extension headers, each 8 bytes long, in front of its payload. */
function withExtensions(packet: Uint8Array, ...kinds: number[]): Uint8Array {
  const kind = packet[6] ?? 0;
  const headers = kinds.map((own, index) =>
    bytes(
      [kinds[index + 1] ?? kind, 0],
      // A fragment header that is none; padding in the others.
      own === 44 ? new Uint8Array(6) : [1, 4, 0, 0, 0, 0],
    )
  );
  return bytes(
    packet.subarray(0, 4),
    u16(packet.length - 40 + 8 * kinds.length),
    [kinds[0] ?? kind],
    packet.subarray(7, 40),
    ...headers,
    packet.subarray(40),
  );
}

/** With another total length in the header than there is. */
function withLength(packet: Uint8Array, at: number): Uint8Array {
  const changed = packet.slice();
  changed.set([0, 0], at);
  return changed;
}

function teredo(client: number, ...before: Part[]): Uint8Array {
  return udp(3544, bytes(...before, packet(client, 6)));
}

/** The cases. */
export const layerCases: readonly Case[] = [
  {
    name: "link-types",
    shows:
      "A pcapng file with an interface of each link type that is read: Ethernet, BSD loopback (IPv4, IPv6), PPP (with and without HDLC bytes, and its serial variant), PPP over Ethernet, raw IP under its numbers, Cisco HDLC, Linux cooked capture 1 and 2.",
    linkType: [
      1,
      0,
      0,
      108,
      9,
      9,
      50,
      51,
      12,
      14,
      101,
      228,
      229,
      104,
      113,
      276,
    ],
    packets: frames(
      inner,
      (client) => bytes([2, 0, 0, 0], packet(client)),
      (client) => bytes([30, 0, 0, 0], packet(client, 6)),
      (client) => bytes([0, 0, 0, 2], packet(client)),
      (client) => bytes([0xff, 3, 0, 0x21], packet(client)),
      (client) => bytes([0, 0x57], packet(client, 6)),
      (client) => bytes([0xff, 3, 0, 0x21], packet(client)),
      (client) => bytes([0x11, 0, 0, 1], vec16([0, 0x21], packet(client))),
      (client) => packet(client),
      (client) => packet(client, 6),
      (client) => packet(client),
      (client) => packet(client),
      (client) => packet(client, 6),
      (client) => bytes([0x0f, 0], u16(IPV4), packet(client)),
      (client) =>
        bytes(
          u16(0),
          u16(1),
          u16(6),
          new Uint8Array(8),
          u16(IPV4),
          packet(client),
        ),
      (client) =>
        bytes(
          u16(IPV6),
          u16(0),
          u32(2),
          u16(1),
          [0, 6],
          new Uint8Array(8),
          packet(client, 6),
        ),
    ),
  },
  {
    name: "tags-and-labels",
    shows:
      "Between Ethernet and IP: one VLAN tag, two (802.1ad), three (9100), two MPLS labels, PPPoE in a VLAN, Cisco's security group tag, LLC with SNAP.",
    packets: frames(
      (client) => ethernet(0x8100, bytes(u16(42), u16(IPV4), packet(client))),
      (client) =>
        ethernet(
          0x88a8,
          bytes(u16(7), u16(0x8100), u16(0xe02a), u16(IPV6), packet(client, 6)),
        ),
      (client) =>
        ethernet(
          0x9100,
          bytes(
            u16(1),
            u16(0x9200),
            u16(2),
            u16(0x8100),
            u16(3),
            u16(IPV4),
            packet(client),
          ),
        ),
      (client) =>
        ethernet(0x8847, bytes([0, 1, 0, 64], [0, 2, 1, 64], packet(client))),
      (client) =>
        ethernet(
          0x8100,
          bytes(
            u16(9),
            u16(0x8864),
            [0x11, 0, 0, 1],
            vec16([0, 0x21], packet(client)),
          ),
        ),
      (client) =>
        ethernet(0x8909, bytes([1, 1, 0, 1, 0, 99], u16(IPV4), packet(client))),
      (client) => {
        const content = bytes(
          [0xaa, 0xaa, 3, 0, 0, 0],
          u16(IPV4),
          packet(client),
        );
        return ethernet(content.length, content);
      },
    ),
  },
  {
    name: "ip-headers",
    shows:
      "IPv4 with forty bytes of options; IPv6 with hop-by-hop, routing and destination options, and with the fragment header of a packet that is whole; lengths of 0, as segmentation offloading leaves them; padding behind a short packet.",
    packets: frames(
      (client) => ethernet(IPV4, withOptions(packet(client))),
      (client) => ethernet(IPV6, withExtensions(packet(client, 6), 0, 43, 60)),
      (client) => ethernet(IPV6, withExtensions(packet(client, 6), 44)),
      (client) => ethernet(IPV4, withLength(packet(client), 2)),
      (client) => ethernet(IPV6, withLength(packet(client, 6), 4)),
      (client) =>
        ethernet(IPV4, bytes(packet(client), new Uint8Array(9).fill(0xee))),
    ),
  },
  {
    name: "tunnels",
    shows:
      "IPIP, 6in4, GRE bare and with checksum, key and sequence, Ethernet in GRE, ERSPAN I, II and III, VXLAN on both ports, Geneve with options, GTP-U bare and with an extension header, Teredo bare and with authentication and origin, L2TPv2 with all fields and without, L2TPv3 over UDP and with a cookie over IP, PPTP, VXLAN in GRE. Innermost addresses, `tunnel` from outside in.",
    packets: frames(
      (client) => carried(4, packet(client)),
      (client) => carried(41, packet(client, 6)),
      (client) => carried(47, [0, 0], u16(IPV4), packet(client)),
      (client) =>
        carried(
          47,
          [0xb0, 0],
          u16(IPV6),
          new Uint8Array(12),
          packet(client, 6),
        ),
      (client) => carried(47, [0, 0], u16(0x6558), inner(client)),
      (client) => carried(47, [0, 0], u16(0x88be), inner(client)),
      (client) =>
        carried(
          47,
          [0x10, 0],
          u16(0x88be),
          u32(1),
          u16(0x1000),
          new Uint8Array(6),
          inner(client),
        ),
      (client) =>
        carried(
          47,
          [0x10, 0],
          u16(0x22eb),
          u32(1),
          [0x20, 0],
          new Uint8Array(9),
          [1],
          new Uint8Array(8),
          inner(client),
        ),
      (client) => udp(4789, bytes([8, 0, 0, 0, 0, 0, 7, 0], inner(client))),
      (client) => udp(8472, bytes([8, 0, 0, 0, 0, 0, 7, 0], inner(client))),
      (client) =>
        udp(
          6081,
          bytes(
            [2, 0],
            u16(0x6558),
            [0, 0, 7, 0],
            new Uint8Array(8),
            inner(client),
          ),
        ),
      (client) =>
        udp(
          2152,
          bytes(
            [0x30, 0xff],
            u16(packet(client).length),
            u32(9),
            packet(client),
          ),
        ),
      (client) =>
        udp(
          2152,
          bytes(
            [0x34, 0xff],
            u16(8 + packet(client).length),
            u32(9),
            [0, 0, 0, 0x85],
            [1, 0, 0, 0],
            packet(client),
          ),
        ),
      (client) => teredo(client),
      (client) =>
        teredo(
          client,
          [0, 1, 2, 3],
          new Uint8Array(5 + 8 + 1),
          [0, 0],
          new Uint8Array(6),
        ),
      (client) => {
        const ppp = bytes([0xff, 3, 0, 0x21], packet(client));
        const fields = bytes(u16(1), u16(2), u16(3), u16(4), u16(2), [0, 0]);
        return udp(
          1701,
          bytes([0x4a, 2], u16(4 + fields.length + ppp.length), fields, ppp),
        );
      },
      (client) =>
        udp(1701, bytes([0, 2], u16(1), u16(2), [0x21], packet(client))),
      (client) => udp(1701, bytes([0, 3, 0, 0], u32(9), inner(client))),
      (client) => carried(115, u32(9), new Uint8Array(8), inner(client)),
      (client) => {
        const ppp = bytes([0xff, 3, 0, 0x21], packet(client));
        return carried(
          47,
          [0x30, 0x81],
          u16(0x880b),
          u16(ppp.length),
          u16(1),
          u32(1),
          u32(1),
          ppp,
        );
      },
      (client) => {
        const vxlan = udp(4789, bytes([8, 0, 0, 0, 0, 0, 7, 0], inner(client)));
        return carried(47, [0, 0], u16(0x6558), vxlan);
      },
    ),
  },
  {
    name: "fragments-of-a-tunnel",
    shows:
      "A VXLAN packet in two IP fragments, the last one first: the inner packet is read once both are there.",
    packets: frames((client) =>
      udp(4789, bytes([8, 0, 0, 0, 0, 0, 7, 0], inner(client)))
    )
      .flatMap((packet) => ipFragments(packet, 200).reverse()),
  },
  {
    name: "not-for-us",
    shows:
      "Empty and short frames, ARP, an IP header that contradicts itself, control messages of tunnels, tunnels in tunnels without end: no event, and what follows is read.",
    packets: frames(
      () => bytes(),
      () => bytes([2, 0, 0, 0, 0, 1]),
      () => ethernet(0x0806, new Uint8Array(28)),
      () => ethernet(IPV4, bytes([0x44], new Uint8Array(30))),
      () => udp(1701, bytes([0xc8, 2], new Uint8Array(10))),
      () => udp(3544, bytes([0, 0], new Uint8Array(40))),
      () =>
        ethernet(
          0x8100,
          bytes(
            ...Array.from({ length: 20 }, () => bytes(u16(1), u16(0x8100))),
          ),
        ),
      inner,
    ),
  },
];
