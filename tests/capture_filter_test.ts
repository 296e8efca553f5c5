/** The kernel filter as libpcap itself compiles and runs it: which packets pass. @module */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  type FilterOptions,
  kernelFilter,
  type Tunnel,
} from "../capture/kernel_filter.ts";
import { needs } from "../lib/testing.ts";
import {
  cryptoFrame,
  Datagrams,
  dtlsRecord,
  initial,
  ipFragments,
  withCookie,
} from "./support/datagrams.ts";
import { run } from "./support/network.ts";
import {
  ACK,
  bytes,
  clientHello,
  Connection,
  ethernet,
  EXT,
  FIN,
  ip,
  ordinaryExtensions,
  type Packet,
  pcapFile,
  records,
  u16,
  vec16,
} from "./support/packets.ts";

const hasTcpdump = needs(
  (await run("tcpdump", ["--version"]).catch(() => ({ code: 1 }))).code === 0,
  "no tcpdump",
);

const PLAIN: FilterOptions = {
  ports: [443],
  addresses: [],
  exclude: [],
  vlan: false,
  tunnels: [],
  measureRtt: false,
  filter: "",
};

/** For each of the packets, whether libpcap lets it pass. */
async function passing(
  packets: readonly Packet[],
  options: Partial<FilterOptions>,
  linkType = 1,
): Promise<boolean[]> {
  // Each packet has its number as its time.
  const numbered = packets.map(({ frame, wire }, ts) =>
    wire === undefined ? { ts, frame } : { ts, frame, wire }
  );
  const filter = kernelFilter({ ...PLAIN, ...options }, linkType);
  const child = new Deno.Command("tcpdump", {
    args: ["-r", "-", "-w", "-", filter],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(pcapFile(numbered, linkType));
  await writer.close();
  const { stdout, code } = await child.output();
  strictEqual(code, 0);
  const passed = packets.map(() => false);
  const view = new DataView(stdout.buffer, stdout.byteOffset);
  const little = true;
  for (let at = 24; at < stdout.length;) {
    passed[view.getUint32(at + 4, little)] = true;
    at += 16 + view.getUint32(at + 8, little);
  }
  return passed;
}

const hello = clientHello();
const long = records(clientHello({
  extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
}));
const V6 = { source: "2001:db8::10", destination: "2001:db8::443" };
const data = bytes([0x17, 3, 3, 1, 0], new Uint8Array(256));

/** The SYN of a client of either family. */
function syn(ends: Partial<Connection["ends"]> = {}): Packet {
  return new Connection(ends).syn().packets[0] as Packet;
}

/** A connection and its conversations: each packet, and whether it must pass. */
function conversation(ends: Partial<Connection["ends"]>): [Packet, boolean][] {
  const tcp = new Connection(ends)
    .syn().synAck().client(0, []) // SYN, SYN/ACK, ACK
    .send(long) // two segments
    .client(long.length, data) // a request
    .server(0, long) // what the server says
    .client(long.length + data.length, [], FIN | ACK);
  const expected = [true, false, false, true, true, false, false, true];
  const quic = initial([cryptoFrame(0, hello)]);
  const channel = (message: Uint8Array): Uint8Array =>
    bytes([0x40, 1], vec16(message));
  const dtls = dtlsRecord(withCookie(hello));
  const udp = new Datagrams(ends)
    .client(quic)
    .client(initial([cryptoFrame(0, hello)], { version: "v2" }))
    .client(quic.subarray(0, 1100)) // too short for a client's Initial
    .client(bytes([0x45], quic.subarray(1))) // a short header
    .client(dtls)
    .client(channel(dtls))
    .client(dtlsRecord(bytes([2], hello.subarray(1)))) // no ClientHello
    .client(dtlsRecord(withCookie(hello), { epoch: 0 }, 100)) // a fragment
    .client(bytes([23, 0xfe, 0xfd], new Uint8Array(200)));
  const udpExpected = [
    ...[true, true, false, false, true, true, false, true, false],
  ];
  return [
    ...tcp.packets.map((packet, index) =>
      [packet, expected[index] ?? false] as [Packet, boolean]
    ),
    ...udp.packets.map((packet, index) =>
      [packet, udpExpected[index] ?? false] as [Packet, boolean]
    ),
  ];
}

Deno.test.each([
  { name: "IPv4", ends: {} },
  { name: "IPv6", ends: V6 },
])("kernelFilter() passes what a ClientHello can be in, $name", {
  ...hasTcpdump,
}, async ({ ends }) => {
  const packets = conversation(ends);
  deepStrictEqual(
    await passing(packets.map(([packet]) => packet), {}),
    packets.map(([, passes]) => passes),
  );
  // Another port of the same server is not of interest.
  deepStrictEqual(
    await passing(packets.map(([packet]) => packet), { ports: [8443] }),
    packets.map(() => false),
  );
});

Deno.test("kernelFilter() passes the same of cooked and raw captures", {
  ...hasTcpdump,
}, async () => {
  for (const ends of [{}, V6]) {
    const packets = conversation(ends);
    const type = "source" in ends ? [0x86, 0xdd] : [8, 0];
    for (
      const [linkType, head] of [
        [113, [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, ...type]],
        [276, [...type, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0]],
        [12, []],
      ] as const
    ) {
      const relinked = packets.map(([{ ts, frame }]) => ({
        ts,
        frame: bytes(head, frame.subarray(14)),
      }));
      deepStrictEqual(
        await passing(relinked, {}, linkType),
        packets.map(([, passes]) => passes),
        `link type ${linkType}`,
      );
    }
  }
});

Deno.test("kernelFilter() passes segments that offloading has joined", {
  ...hasTcpdump,
}, async () => {
  for (const ends of [{}, V6]) {
    const [packet] = new Connection(ends)
      .client(0, bytes(records(hello), new Uint8Array(65_000))).packets as [
        Packet,
      ];
    // Longer than its length field can say: 0.
    packet.frame.set([0, 0], "source" in ends ? 18 : 16);
    deepStrictEqual(await passing([packet], {}), [true]);
  }
});

Deno.test("kernelFilter() passes fragments and extension headers", {
  ...hasTcpdump,
}, async () => {
  const fragments = (ends: Partial<Connection["ends"]>): Packet[] =>
    ipFragments(new Connection(ends).client(0, long).packets[0] as Packet, 600);
  for (const ends of [{}, V6]) {
    const packets = fragments(ends);
    deepStrictEqual(await passing(packets, {}), packets.map(() => true));
  }
  const { frame } = syn(V6);
  const options = bytes(frame.subarray(0, 54), [6, 0, 1, 4, 0, 0, 0, 0]);
  options[20] = 0; // a hop-by-hop header comes next
  const hopByHop = { ts: 0, frame: bytes(options, frame.subarray(54)) };
  deepStrictEqual(await passing([hopByHop], {}), [true]);
});

Deno.test(
  "kernelFilter() takes the servers' addresses and leaves out sources",
  {
    ...hasTcpdump,
  },
  async () => {
    const packets = [
      syn(),
      syn({ destination: "198.51.100.8" }),
      syn(V6),
      syn({ ...V6, destination: "2001:db8::444" }),
      syn({ source: "10.1.2.3" }),
      syn({ ...V6, source: "2001:db8:bad::1" }),
    ];
    deepStrictEqual(
      await passing(packets, { addresses: ["198.51.100.7", "2001:db8::443"] }),
      [true, false, true, false, true, true],
    );
    deepStrictEqual(
      // The last is the network of a server: sources are left out, not destinations.
      await passing(packets, {
        exclude: ["10.0.0.0/8", "2001:db8:bad::/48", "198.51.100.0/24"],
      }),
      [true, true, true, true, false, false],
    );
    deepStrictEqual(
      await passing(packets, { filter: "not net 10.0.0.0/8 and not ip6" }),
      [true, true, false, false, false, false],
    );
  },
);

/** The packet with VLAN tags. */
function tagged({ ts, frame }: Packet, ...types: number[]): Packet {
  const tags = types.flatMap((type) => [...u16(type), 0, 7]);
  const frames = [frame.subarray(0, 12), tags, frame.subarray(12)];
  return { ts, frame: bytes(...frames) };
}

Deno.test("kernelFilter() passes one tag and two where that is wanted", {
  ...hasTcpdump,
}, async () => {
  for (const ends of [{}, V6]) {
    const [hello] = new Connection(ends).client(0, records(clientHello()))
      .packets as [Packet];
    const [request] = new Connection(ends).client(0, data).packets as [Packet];
    const packets = [hello, request].flatMap((packet) => [
      packet,
      tagged(packet, 0x8100),
      tagged(packet, 0x88a8, 0x8100),
    ]);
    const excluded = { exclude: ["192.0.2.0/24", "2001:db8::/64"] };
    deepStrictEqual(
      await Promise.all([
        passing(packets, {}),
        passing(packets, { vlan: true }),
        passing(packets, { vlan: true, ...excluded }),
        passing(packets, { vlan: true, filter: "port 444" }),
      ]),
      [
        [true, false, false, false, false, false],
        [true, true, true, false, false, false],
        [false, false, false, false, false, false],
        [false, false, false, false, false, false],
      ],
    );
  }
});

/** The client's SYN in each tunnel. */
const TUNNELLED: readonly (readonly [Tunnel, Uint8Array])[] = (() => {
  const { frame } = syn();
  const inner = frame.subarray(14);
  const inner6 = syn(V6).frame.subarray(14);
  const outer = (protocol: number, payload: Uint8Array): Uint8Array =>
    ethernet(0x0800, ip("203.0.113.1", "203.0.113.2", protocol, payload));
  const udp = (port: number, ...content: (Uint8Array | number[])[]) => {
    const payload = bytes(...content);
    const head = bytes(u16(5000), u16(port), u16(8 + payload.length), [0, 0]);
    return outer(17, bytes(head, payload));
  };
  const outer6 = (protocol: number, payload: Uint8Array): Uint8Array =>
    ethernet(0x86dd, ip("fd00::1", "fd00::2", protocol, payload));
  return [
    ["ipip", outer(4, inner)],
    ["ipip", outer6(4, inner)],
    ["6in4", outer(41, inner6)],
    ["6in4", outer6(41, inner6)],
    ["gre", outer(47, bytes([0, 0, 8, 0], inner))],
    ["vxlan", udp(4789, [8, 0, 0, 0, 0, 0, 7, 0], frame)],
    ["geneve", udp(6081, [0, 0, 0x65, 0x58, 0, 0, 7, 0], frame)],
    ["gtp", udp(2152, [0x30, 0xff], u16(inner.length), [0, 0, 0, 7], inner)],
    ["teredo", udp(3544, inner6)],
    ["l2tp", udp(1701, [0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], inner)],
    ["mpls", ethernet(0x8847, bytes([0, 1, 1, 64], inner))],
    [
      "pppoe",
      ethernet(
        0x8864,
        bytes([0x11, 0, 0, 1], u16(inner.length + 2), [0, 0x21], inner),
      ),
    ],
    ["sgt", ethernet(0x8909, bytes([1, 1, 0, 1, 0, 9, 8, 0], inner))],
  ];
})();

Deno.test("kernelFilter() passes the tunnels that are wanted and no others", {
  ...hasTcpdump,
}, async () => {
  const packets = TUNNELLED.map(([, frame]) => ({ ts: 0, frame }));
  deepStrictEqual(await passing(packets, {}), packets.map(() => false));
  for (const tunnel of new Set(TUNNELLED.map(([name]) => name))) {
    deepStrictEqual(
      await passing(packets, { tunnels: [tunnel] }),
      TUNNELLED.map(([name]) => name === tunnel),
      tunnel,
    );
    deepStrictEqual(
      await passing(packets.map((packet) => tagged(packet, 0x8100)), {
        tunnels: [tunnel],
        vlan: true,
      }),
      TUNNELLED.map(([name]) => name === tunnel),
      `${tunnel} in a VLAN`,
    );
  }
});

Deno.test("kernelFilter() passes what a round trip is measured by", {
  ...hasTcpdump,
}, async () => {
  for (const ends of [{}, V6]) {
    const packets = new Connection(ends).open().client(0, data)
      .server(0, data).server(data.length, []).packets;
    deepStrictEqual(
      await passing(packets, { measureRtt: true }),
      [true, true, true, false, false, false],
    );
    const address = "source" in ends ? V6.destination : "198.51.100.7";
    deepStrictEqual(
      await passing(packets, { measureRtt: true, addresses: [address] }),
      [true, true, true, false, false, false],
    );
  }
});
