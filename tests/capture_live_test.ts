/** The capture daemon as a process on the loopback interface, with real clients. @module */
import {
  deepStrictEqual,
  match,
  ok,
  rejects,
  strictEqual,
} from "node:assert/strict";
import { isRoot } from "../ffi/libc.ts";
import {
  eventually,
  freePort,
  needs,
  temporaryFolder,
} from "../lib/testing.ts";
import {
  captureArgs,
  handshakes,
  listenForEvents,
  startDaemon,
} from "./support/capture.ts";
import { makeCertificate } from "./support/certificate.ts";
import {
  clientHello,
  EXT,
  ordinaryExtensions,
  records,
} from "./support/packets.ts";
import { run } from "./support/network.ts";

const ROOT = new URL("..", import.meta.url);
const asRoot = needs(isRoot(), "needs root to capture packets");

/** A TLS server that notes where its clients come from. */
async function startServer(
  folder: string,
  hostname: string,
): Promise<Disposable & { port: number; clients: Deno.NetAddr[] }> {
  const { key, cert } = await makeCertificate(folder);
  const listener = Deno.listenTls({ hostname, port: 0, key, cert });
  const clients: Deno.NetAddr[] = [];
  const answer = async (connection: Deno.TlsConn): Promise<void> => {
    try {
      await connection.read(new Uint8Array(4096));
      await connection.write(
        new TextEncoder().encode(
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
      );
    } catch {
      // A client that only shakes hands.
    } finally {
      connection.close();
    }
  };
  (async () => {
    for await (const connection of listener) {
      clients.push(connection.remoteAddr as Deno.NetAddr);
      answer(connection);
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    clients,
    [Symbol.dispose]: () => listener.close(),
  };
}

Deno.test(
  "capture sees the ClientHellos of real clients, IPv4 and IPv6",
  asRoot,
  async () => {
    await using folder = await temporaryFolder();
    using v4 = await startServer(folder.path, "127.0.0.1");
    using v6 = await startServer(folder.path, "::1");
    const socket = `${folder.path}/network.socket`;
    using reader = listenForEvents(socket);
    await using daemon = await startDaemon(
      folder.path,
      `[capture]
    interface = "lo"
    ports = [${v4.port}, ${v6.port}]
    sensor = "live-test"
    stats_interval_s = 1
    [socket]
    path = "${socket}"`,
    );
    for (let client = 0; client < 10; client++) {
      await run("curl", ["-sk", `https://127.0.0.1:${v4.port}/`]);
    }
    await run("curl", ["-skg", `https://[::1]:${v6.port}/`]);
    await run("openssl", ["s_client", "-connect", `127.0.0.1:${v4.port}`]);
    const sent = await sendSlowly(v4.port);
    await eventually(
      "13 handshakes",
      () => handshakes(reader.events).length === 13,
    );

    const found = handshakes(reader.events);
    deepStrictEqual(
      found.map(({ status }) => status),
      Array(13).fill("complete"),
    );
    deepStrictEqual(
      found.map(({ seq }) => seq),
      found.map((_, index) => index + 1),
    );
    const ends = (address: string, port: number) => `${address} ${port}`;
    deepStrictEqual(
      found.map((event) => ends(event.src_ip, event.src_port)).sort(),
      [
        ...v4.clients.map(({ hostname, port }) => ends(hostname, port)),
        ...v6.clients.map(({ hostname, port }) => ends(hostname, port)),
        ends("127.0.0.1", sent),
      ].filter((one, index, all) => all.indexOf(one) === index).sort(),
    );
    for (const event of found) {
      strictEqual(event.sensor, "live-test");
      strictEqual(event.in_iface, "lo");
      match(event.tcp_options ?? "", /^2-/);
      ok((event.syn_to_hello_us ?? -1) >= 0);
      ok(Math.abs(event.ts / 1000 - Date.now()) < 60_000);
    }
    const byCurl = new Set(
      found.slice(0, 11).map(({ ja4_stable }) => ja4_stable),
    );
    strictEqual(byCurl.size, 1);
    const slow = found.find(({ src_port }) => src_port === sent);
    deepStrictEqual(
      [slow?.hello_segments, slow?.ja4],
      [3, "t13d0508h2_e133e205ac38_cc45ea788379"],
    );
    const stats = await eventually(
      "a stats event with all of them",
      () =>
        reader.events.find((event) =>
          event.event_type === "stats" && event.handshakes === 13
        ),
    );
    ok(stats.event_type === "stats");
    deepStrictEqual(
      [stats.kernel_drops, stats.events_dropped, stats.wasm_traps],
      [0, 0, 0],
    );

    const metrics = await (await fetch(`http://${daemon.health}/metrics`))
      .text();
    match(metrics, /^capture_handshakes_total\{status="complete"\} 13$/m);
    const { code, ms } = await daemon.stop();
    strictEqual(code, 0);
    // 200 ms is the promise; a busy machine needs some more to end a process.
    ok(ms < 1000, `${ms} ms`);
  },
);

/** A post-quantum ClientHello in three segments; returns the client's port. */
async function sendSlowly(port: number): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  connection.setNoDelay();
  const hello = records(clientHello({
    extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
  }));
  for (
    const part of [hello.slice(0, 3), hello.slice(3, 900), hello.slice(900)]
  ) {
    await connection.write(part);
    // Each part must leave as a segment of its own.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return (connection.localAddr as Deno.NetAddr).port;
}

Deno.test(
  "capture sees the ClientHellos of real QUIC and DTLS clients",
  asRoot,
  async () => {
    await using folder = await temporaryFolder();
    using server = await startQuicServer(folder.path);
    const dtlsPort = freePort();
    const socket = `${folder.path}/network.socket`;
    using reader = listenForEvents(socket);
    await using _daemon = await startDaemon(
      folder.path,
      `[capture]
    interface = "lo"
    ports = [${server.port}, ${dtlsPort}]
    [socket]
    path = "${socket}"`,
    );
    await rejects(async () =>
      await Deno.connectQuic({
        hostname: "127.0.0.1",
        serverName: "localhost",
        port: server.port,
        alpnProtocols: ["h3"],
      })
    );
    // Nobody listens; the ClientHello is all that is wanted.
    await run("openssl", [
      ...["s_client", "-dtls1_2", "-servername", "dtls.example"],
      ...["-connect", `127.0.0.1:${dtlsPort}`],
    ]);
    await eventually("two handshakes", () => {
      return handshakes(reader.events).length === 2;
    });
    deepStrictEqual(
      handshakes(reader.events).map((event) => [
        event.transport,
        event.status,
        event.dest_port,
        event.sni,
        event.client_alpns,
        event.ja4?.slice(0, 4),
      ]),
      [
        ["quic", "complete", server.port, "localhost", ["h3"], "q13d"],
        ["dtls", "complete", dtlsPort, "dtls.example", undefined, "dd2d"],
      ],
    );
  },
);

/** A QUIC server that refuses whoever comes. */
async function startQuicServer(
  folder: string,
): Promise<Disposable & { port: number }> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    ...await makeCertificate(folder),
    alpnProtocols: ["h3"],
  });
  (async () => {
    for (;;) (await listener.incoming()).refuse();
  })().catch(() => {
    // The endpoint was closed.
  });
  return {
    port: endpoint.addr.port,
    [Symbol.dispose]: () => endpoint.close(),
  };
}

Deno.test(
  "capture drops root, and writes into a new file on SIGHUP",
  asRoot,
  async () => {
    await using folder = await temporaryFolder();
    await Deno.chmod(folder.path, 0o777);
    using server = await startServer(folder.path, "127.0.0.1");
    const path = `${folder.path}/events.ndjson`;
    await using daemon = await startDaemon(
      folder.path,
      `[capture]
    interface = "lo"
    ports = [${server.port}]
    user = "nobody"
    [socket]
    enabled = false
    [file]
    enabled = true
    path = "${path}"`,
    );
    // Every thread: the kernel keeps rights by thread, libc alone changes them all.
    let threads = 0;
    for await (const { name } of Deno.readDir(`/proc/${daemon.pid}/task`)) {
      const status = await Deno.readTextFile(
        `/proc/${daemon.pid}/task/${name}/status`,
      ).catch(() => undefined); // it has ended meanwhile
      if (status === undefined) continue;
      threads++;
      match(status, /^CapEff:\t0000000000000000$/m);
      match(status, /^CapPrm:\t0000000000000000$/m);
      match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
      match(status, /^Groups:\t?\s*(65534)?\s*$/m);
    }
    ok(threads > 3, `${threads} threads`);
    const lines = async (file: string): Promise<number> =>
      (await Deno.readTextFile(file).catch(() => "")).split("\n")
        .filter((line) => line.includes('"handshake"')).length;
    const url = `https://127.0.0.1:${server.port}/`;
    await run("curl", ["-sk", url]);
    await eventually("the first event", async () => await lines(path) === 1);
    await Deno.rename(path, `${path}.1`);
    daemon.signal("SIGHUP");
    await run("curl", ["-sk", url]);
    await eventually("the second event", async () => await lines(path) === 1);
    strictEqual(await lines(`${path}.1`), 1);
  },
);

const hasIp = isRoot() &&
  (await run("ip", ["-V"]).catch(() => ({ code: 1 }))).code === 0;

Deno.test({
  name: "capture opens an interface again that was deleted and made anew",
  ...needs(hasIp, "needs root and the command ip to make interfaces"),
  async fn() {
    await using folder = await temporaryFolder();
    const name = `ja4t${freePort()}`;
    const peer = `${name}p`;
    const add = async (): Promise<{ code: number }> => {
      await run("ip", [...["link", "add", name, "type", "veth"], "peer", peer]);
      return await run("ip", ["link", "set", name, "up"]);
    };
    const remove = () => run("ip", ["link", "delete", name]);
    strictEqual((await add()).code, 0);
    try {
      await using daemon = await startDaemon(
        folder.path,
        `[capture]
        interface = "${name}"
        [socket]
        enabled = false
        [file]
        enabled = true
        path = "${folder.path}/events.ndjson"`,
      );
      const isReady = async (): Promise<boolean> => {
        const response = await fetch(`http://${daemon.health}/readyz`);
        await response.body?.cancel();
        return response.ok;
      };
      await remove();
      await eventually("the loss", async () => !await isReady());
      await add();
      await eventually("the interface", isReady);
    } finally {
      await remove();
    }
  },
});

Deno.test.each([
  {
    name: "an interface that is not there",
    toml: '[capture]\ninterface = "nosuch0"',
    code: 66,
    says: /interface "nosuch0": there is none; there are .*\blo\b/,
    root: true,
  },
  {
    name: "a filter that cannot be read",
    toml: '[capture]\ninterface = "lo"\nfilter = "foo bar"',
    code: 78,
    says: /filter "foo bar": .*syntax error/,
    root: false,
  },
  {
    name: "wrong keys and values, all at once",
    toml: '[capture]\ninterfac = "lo"\nports = [0]',
    code: 78,
    says: /capture\.ports\.0: [^]*capture\.interfac: unknown key/,
    root: false,
  },
  {
    name: "no outlet",
    toml: "[socket]\nenabled = false",
    code: 78,
    says: /No outlet is enabled/,
    root: false,
  },
  {
    name: "an unknown user",
    toml: '[capture]\ninterface = "lo"\nuser = "no-such-user"',
    code: 78,
    says: /user "no-such-user": no such user/,
    root: true,
  },
])("capture refuses $name", async ({ toml, code, says, root }) => {
  if (root && needs(isRoot(), "needs root to capture packets").ignore) return;
  await using folder = await temporaryFolder();
  const config = `${folder.path}/capture.toml`;
  await Deno.writeTextFile(config, toml);
  const result = await runCapture([Deno.execPath(), ...captureArgs(config)]);
  deepStrictEqual(
    [result.code, says.test(result.stderr)],
    [code, true],
    result.stderr,
  );
  ok(!result.stderr.includes("    at "), "a stack is nothing for operators");
});

Deno.test("capture refuses to run without CAP_NET_RAW", asRoot, async () => {
  await using folder = await temporaryFolder();
  const config = `${folder.path}/capture.toml`;
  await Deno.writeTextFile(config, '[capture]\ninterface = "lo"');
  const result = await runCapture([
    // Still uid 0, so that Deno finds its cache, but root in name only.
    ...["setpriv", "--inh-caps=-net_raw", "--bounding-set=-net_raw"],
    Deno.execPath(),
    ...captureArgs(config),
  ]);
  strictEqual(result.code, 77, result.stderr);
  match(result.stderr, /no permission; run as root or with CAP_NET_RAW/);
});

async function runCapture(
  [command = "", ...args]: readonly string[],
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
