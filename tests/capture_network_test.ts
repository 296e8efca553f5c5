/** The capture daemon on a network of its own: what it sees of it, and what befalls the interface. @module */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { HandshakeEvent } from "../lib/events.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import { sendPackets } from "./support/blast.ts";
import {
  type Daemon,
  type DaemonOptions,
  handshakes,
  listenForEvents,
  startDaemon,
} from "./support/capture.ts";
import { ENCAPSULATED } from "./support/encapsulated.ts";
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
  EXT,
  ordinaryExtensions,
  records,
  u16,
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
