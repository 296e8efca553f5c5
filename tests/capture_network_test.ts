/** The capture daemon on a network of its own: what it sees of it, and what befalls the interface. @module */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { HandshakeEvent, IpAddress } from "../lib/events.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import { sendPackets } from "./support/blast.ts";
import {
  type Daemon,
  type DaemonOptions,
  handshakes,
  listenForEvents,
  startDaemon,
} from "./support/capture.ts";
import {
  cryptoFrame,
  Datagrams,
  dtlsRecord,
  initial,
  ipFragments,
  withCookie,
} from "./support/datagrams.ts";
import {
  hasNetworks,
  ip as ipCommand,
  type Network,
  run,
  startNetwork,
} from "./support/network.ts";
import {
  bytes,
  clientHello,
  Connection,
  ethernet,
  EXT,
  ip,
  ordinaryExtensions,
  type Packet,
  records,
  u16,
  vec16,
} from "./support/packets.ts";

const inNetwork = needs(
  await hasNetworks(),
  "needs root and network namespaces",
);

/** A daemon on the near end, and what it sends. */
interface Sensor extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly folder: string;
  /** The handshakes so far. */
  seen(): HandshakeEvent[];
  /** Waits for so many handshakes. */
  until(count: number): Promise<HandshakeEvent[]>;
}

async function startSensor(
  settings: string,
  options: DaemonOptions & { evidence?: string } = {},
): Promise<Sensor> {
  const folder = await temporaryFolder();
  const socket = `${folder.path}/network.socket`;
  const reader = listenForEvents(socket);
  const daemon = await startDaemon(
    folder.path,
    `[capture]
    ${settings}
    [socket]
    path = "${socket}"
    ${options.evidence ?? ""}`,
    options,
  );
  const seen = (): HandshakeEvent[] => handshakes(reader.events);
  return {
    daemon,
    folder: folder.path,
    seen,
    until: (count) =>
      eventually(
        `${count} handshakes`,
        () => seen().length >= count ? seen() : undefined,
      ),
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      reader[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A server that takes what it is sent, on any address. */
function startServer(): Disposable & { port: number } {
  const listener = Deno.listen({ hostname: "::", port: 0 });
  (async () => {
    for await (const connection of listener) {
      connection.readable.pipeTo(new WritableStream()).catch(() => {
        // The client has gone.
      });
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    [Symbol.dispose]: () => listener.close(),
  };
}

/** Has a client at the far end say a ClientHello in two segments. */
async function sayHello(
  network: Network,
  address: string,
  port: number,
): Promise<void> {
  const hello = records(clientHello({
    extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
  }));
  const octets = [...hello].map((byte) =>
    `\\x${byte.toString(16).padStart(2, "0")}`
  ).join("");
  const { command, args } = network.there(
    "bash",
    "-c",
    `printf '${octets}' > /dev/tcp/${address}/${port}`,
  );
  const { code, stderr } = await run(command, args);
  strictEqual(code, 0, stderr);
}

Deno.test({
  name:
    "capture goes on when its interface goes down, comes up, goes away and comes back",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    const { near, far, namespace } = network;
    using server = startServer();
    // Nothing but the one capability, as systemd gives it to an ordinary user.
    await using sensor = await startSensor(
      `interface = "${near.interface}"
       ports = [${server.port}]`,
      {
        wrapper: [
          ...[
            "setpriv",
            "--securebits=+noroot",
            "--bounding-set=-all,+net_raw",
          ],
          ...["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw"],
        ],
      },
    );
    match(
      await Deno.readTextFile(`/proc/${sensor.daemon.pid}/status`),
      /^CapEff:\t0000000000002000$/m,
    );
    await sayHello(network, near.v4, server.port);
    await sensor.until(1);

    await ipCommand(`link set ${near.interface} down`);
    await eventually(
      "the interface to be known as down",
      async () => !await sensor.daemon.isReady(),
    );
    strictEqual(await sensor.daemon.metric("capture_interface_up"), 0);
    await ipCommand(`link set ${near.interface} up`);
    await ipCommand(
      `address replace ${near.v6}/64 dev ${near.interface} nodad`,
    );
    await eventually(
      "the interface to be known as up",
      () => sensor.daemon.isReady(),
    );
    await sayHello(network, near.v6, server.port);
    await sensor.until(2);

    await ipCommand(`link delete ${near.interface}`);
    await eventually(
      "the loss of the interface",
      async () => !await sensor.daemon.isReady(),
    );
    await ipCommand(
      `link add ${near.interface} type veth peer name ${far.interface} netns ${namespace}`,
    );
    await ipCommand(`address add ${near.v4}/30 dev ${near.interface}`);
    await ipCommand(`link set ${near.interface} up`);
    await ipCommand(
      `-n ${namespace} address add ${far.v4}/30 dev ${far.interface}`,
    );
    await ipCommand(`-n ${namespace} link set ${far.interface} up`);
    await eventually(
      "the interface to be opened again",
      () => sensor.daemon.isReady(),
    );
    await sayHello(network, near.v4, server.port);
    const events = await sensor.until(3);
    deepStrictEqual(
      events.map(({ seq, status, src_ip }) => [seq, status, src_ip]),
      [
        [1, "complete", far.v4],
        [2, "complete", far.v6],
        [3, "complete", far.v4],
      ],
    );
  },
});

Deno.test({
  name: "capture finds the interface by the route, and follows the route",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    const { near, far } = network;
    using server = startServer();
    await using sensor = await startSensor(
      `interface = "route:${far.v4}"
       ports = [${server.port}]`,
    );
    await sayHello(network, near.v4, server.port);
    const [event] = await sensor.until(1);
    strictEqual(event?.in_iface, near.interface);
    // Packets to that address would now go over the loopback interface.
    await ipCommand(`route add ${far.v4}/32 dev lo`);
    try {
      const connect = async (): Promise<boolean> => {
        using _connection = await Deno.connect({ port: server.port });
        await _connection.write(records(clientHello()));
        return sensor.seen().some(({ in_iface }) => in_iface === "lo");
      };
      await eventually("the other interface", connect, 20_000);
    } finally {
      await ipCommand(`route delete ${far.v4}/32 dev lo`);
    }
  },
});

Deno.test({
  name: "capture says so where no route leads",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    for (
      const [name, says] of [
        ["route", /there is no default route$/m],
        ["route:203.0.113.9", /there is no route to 203\.0\.113\.9$/m],
      ] as const
    ) {
      await using folder = await temporaryFolder();
      const config = `${folder.path}/capture.toml`;
      await Deno.writeTextFile(config, `[capture]\ninterface = "${name}"`);
      const { command, args } = network.there(
        ...[Deno.execPath(), "run", "-q", "-A", "capture/main.ts"],
        ...["--config", config],
      );
      const { code, stderr } = await run(command, args);
      strictEqual(code, 66, stderr);
      match(stderr, says);
    }
  },
});

Deno.test({
  name:
    "capture on all interfaces reports each connection once, and leaves out sources",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    const { near, far } = network;
    using server = startServer();
    await using sensor = await startSensor(
      `interface = "any"
       ports = [${server.port}]
       exclude = ["${far.v4}/32"]`,
    );
    await sayHello(network, near.v4, server.port);
    await sayHello(network, near.v6, server.port);
    {
      using connection = await Deno.connect({ port: server.port });
      await connection.write(records(clientHello()));
      await sensor.until(2);
    }
    deepStrictEqual(
      sensor.seen().map(({ src_ip, in_iface }) => [src_ip, in_iface]),
      [[far.v6, "any"], ["127.0.0.1", "any"]],
    );
  },
});

Deno.test({
  name: "capture measures round trips where that is wanted",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    const { near, far } = network;
    using server = startServer();
    for (const wanted of [false, true]) {
      await using sensor = await startSensor(
        `interface = "${near.interface}"
         ports = [${server.port}]
         addresses = ["${near.v4}", "${near.v6}"]
         measure_rtt = ${wanted}`,
      );
      await sayHello(network, near.v4, server.port);
      await sayHello(network, near.v6, server.port);
      const events = await sensor.until(2);
      for (const event of events) {
        strictEqual(event.tcp_rtt_us !== undefined, wanted);
        const { syn_to_hello_us = -1, tcp_rtt_us = 0 } = event;
        ok(syn_to_hello_us > tcp_rtt_us, `${syn_to_hello_us} ${tcp_rtt_us}`);
        ok((event.hello_segments ?? 0) >= 2);
        match(event.ja4 ?? "", /^t13d0508h2_/);
        match(event.ja4_stable ?? "", /^t13d0508h2_/);
        ok([near.v4, near.v6].includes(event.dest_ip));
        strictEqual(event.community_id, await communityId(event));
      }
      deepStrictEqual(events.map(({ src_ip }) => src_ip), [far.v4, far.v6]);
    }
  },
});

/** Community ID 1 of a TCP connection, with seed 0, as its specification has it. */
async function communityId(event: HandshakeEvent): Promise<string> {
  const address = (text: string): number[] => {
    if (!text.includes(":")) return text.split(".").map(Number);
    const [front = "", back = ""] = text.split("::");
    const words = (part: string): number[] =>
      part.split(":").filter((word) => word !== "")
        .flatMap((word) => u16(Number.parseInt(word, 16)));
    const [head, tail] = [words(front), words(back)];
    return [...head, ...Array(16 - head.length - tail.length).fill(0), ...tail];
  };
  const ends = [
    [...address(event.src_ip), ...u16(event.src_port)],
    [...address(event.dest_ip), ...u16(event.dest_port)],
  ];
  const [low = [], high = []] = ends.toSorted((a, b) => {
    const at = a.findIndex((byte, index) => byte !== b[index]);
    return (a[at] ?? 0) - (b[at] ?? 0);
  });
  const seeded = bytes(
    [0, 0],
    low.slice(0, -2),
    high.slice(0, -2),
    [6, 0],
    low.slice(-2),
    high.slice(-2),
  );
  const digest = await crypto.subtle.digest("SHA-1", seeded);
  return `1:${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}

interface Encapsulated {
  readonly name: string;
  readonly packets: readonly Packet[];
  readonly expected: Partial<HandshakeEvent>;
}

const V6 = { source: "2001:db8::10", destination: "2001:db8::443" };

/** Packets of one client each, and what must be told of it. */
const ENCAPSULATED: readonly Encapsulated[] = (() => {
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

Deno.test({
  name:
    "capture sees what the filter lets pass of tags, tunnels, QUIC, DTLS and TURN",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    for (
      const [workers, looks] of [[1, false], [1, true], [2, true]] as const
    ) {
      const settings = looks
        ? 'vlan = true\ntunnels = ["ipip", "gre", "vxlan", "geneve", "gtp", "teredo", "l2tp", "mpls", "pppoe"]'
        : "";
      await using sensor = await startSensor(
        `interface = "${network.near.interface}"
         workers = ${workers}
         ${settings}`,
      );
      await sendPackets(
        network,
        ENCAPSULATED.flatMap(({ packets }) => packets),
      );
      // The kernel takes the outer tag away and libpcap puts it back, wanted or not.
      const wanted = ENCAPSULATED.filter(({ name, expected }) =>
        looks || expected.transport !== undefined || name === "no tag" ||
        name === "a VLAN" || name.startsWith("fragments")
      );
      const events = await sensor.until(wanted.length);
      const found = events.toSorted((a, b) => a.src_port - b.src_port);
      deepStrictEqual(
        found.map(({ status, vlan, tunnel, transport, src_ip }) => ({
          status,
          vlan,
          tunnel,
          transport,
          src_ip,
        })),
        wanted.map(({ expected }) => ({
          status: "complete",
          vlan: undefined,
          tunnel: undefined,
          transport: "tcp",
          src_ip: "192.0.2.10",
          ...expected,
        })),
      );
      deepStrictEqual(
        events.map(({ seq }) => seq),
        events.map((_, index) => index + 1),
      );
    }
  },
});

Deno.test({
  name: "capture drains at SIGTERM: what the kernel holds is still reported",
  ...inNetwork,
  async fn() {
    await using network = await startNetwork();
    await using sensor = await startSensor(
      `interface = "${network.near.interface}"
       timeout_ms = 200`,
    );
    const packets = Array.from(
      { length: 200 },
      (_, index) =>
        new Connection({ sourcePort: 3000 + index }).syn()
          .send(records(clientHello())).packets,
    ).flat();
    await sendPackets(network, packets, {
      packetsPerSecond: 100_000,
      rounds: 1,
    });
    const { code, ms } = await sensor.daemon.stop();
    strictEqual(code, 0);
    strictEqual((await sensor.until(200)).length, 200);
    ok(ms < 1000, `${ms} ms`);
  },
});
