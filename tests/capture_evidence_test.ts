/** `--write`: what the daemon captured, as other programs and our own read it. @module */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { HandshakeEvent } from "../lib/events.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import { sendPackets } from "./support/blast.ts";
import { handshakes, listenForEvents, startDaemon } from "./support/capture.ts";
import { eventsOfFile } from "./support/fingerprint.ts";
import { hasNetworks, run, startNetwork } from "./support/network.ts";
import {
  clientHello,
  Connection,
  EXT,
  ordinaryExtensions,
  records,
} from "./support/packets.ts";

const inNetwork = needs(
  await hasNetworks(),
  "needs root and network namespaces",
);

const CONNECTIONS = 500;
const PACKETS = CONNECTIONS * 3;

/** What must be the same live and from the file. */
function essence(event: HandshakeEvent): unknown {
  const { seq: _, sensor: __, boot: ___, in_iface: ____, ...rest } = event;
  return rest;
}

Deno.test.each([{ workers: 1 }, { workers: 2 }])(
  "capture --write keeps what it captured, workers = $workers",
  inNetwork,
  async ({ workers }) => {
    await using folder = await temporaryFolder();
    await using network = await startNetwork();
    await Deno.chmod(folder.path, 0o777);
    const kept = `${folder.path}/kept`;
    await Deno.mkdir(kept);
    await Deno.chown(kept, 65_534, 65_534);
    const socket = `${folder.path}/network.socket`;
    using reader = listenForEvents(socket);
    await Deno.chmod(socket, 0o777);
    await using daemon = await startDaemon(
      folder.path,
      `[capture]
      interface = "${network.near.interface}"
      workers = ${workers}
      user = "nobody"
      [socket]
      path = "${socket}"
      [evidence]
      file_bytes = ${1024 * 1024}
      files = 20`,
      { args: ["--write", `${kept}/case.pcapng`] },
    );
    const hello = records(clientHello({
      extensions: [...ordinaryExtensions(), EXT.keyShare(0x11ec, 1216)],
    }));
    const packets = Array.from(
      { length: CONNECTIONS },
      (_, index) =>
        new Connection({ sourcePort: 2000 + index }).syn().send(hello).packets,
    ).flat();
    await sendPackets(network, packets, {
      packetsPerSecond: 20_000,
      rounds: 2,
    });
    await eventually(
      "all handshakes",
      () => handshakes(reader.events).length === 2 * CONNECTIONS,
    );
    // What hosts say of themselves on a new network passes the filter too.
    await eventually("the disk", async () => {
      const written = await daemon.metric("capture_evidence_packets_total");
      return written >= 2 * PACKETS;
    });
    strictEqual(
      await daemon.metric("capture_evidence_packets_dropped_total"),
      0,
    );
    strictEqual((await daemon.stop()).code, 0);

    const files = (await Array.fromAsync(Deno.readDir(kept)))
      .map(({ name }) => `${kept}/${name}`).sort();
    ok(files.length >= 2, `${files.length} files`);
    let read = 0;
    for (const path of files) {
      match(path, /\/case_\d{8}T\d{9}Z_\d{5}\.pcapng$/);
      ok((await Deno.stat(path)).size <= 1024 * 1024);
      const { code, stdout, stderr } = await run("tcpdump", [
        ...["-n", "-q", "-r", path, "tcp"],
      ]);
      strictEqual(code, 0, stderr);
      read += stdout.trimEnd().split("\n").length;
    }
    strictEqual(read, 2 * PACKETS);
    await checkCapinfos(files, network.near.interface);

    // A connection may lie across two files; read as one they give what was reported live.
    const whole = `${folder.path}/whole.pcapng`;
    const parts = await Promise.all(files.map((path) => Deno.readFile(path)));
    await Deno.writeFile(whole, new Uint8Array(await new Blob(parts).bytes()));
    const { events, failure } = eventsOfFile(whole);
    strictEqual(failure, undefined);
    const byTime = (a: HandshakeEvent, b: HandshakeEvent): number =>
      a.ts - b.ts || a.src_port - b.src_port;
    deepStrictEqual(
      events.toSorted(byTime).map(essence),
      handshakes(reader.events).toSorted(byTime).map(essence),
    );
  },
);

/** What Wireshark's own tool says of the files. */
async function checkCapinfos(
  files: readonly string[],
  name: string,
): Promise<void> {
  const { code, stdout, stderr } = await run("capinfos", ["-M", ...files]);
  strictEqual(code, 0, stderr);
  const lines = stdout.split("\n");
  const values = (label: string): string[] =>
    lines.filter((line) => line.trim().startsWith(label)).map((line) =>
      line.slice(line.indexOf("=") + 1).trim()
    );
  strictEqual(
    lines.filter((line) => /^File type:\s.*\bpcapng$/.test(line))
      .length,
    files.length,
    stdout,
  );
  deepStrictEqual(values("Name ="), files.map(() => name));
  deepStrictEqual(
    values("Encapsulation ="),
    files.map(() => "Ethernet (1 - ether)"),
  );
  ok(
    values("Filter string =").every((filter) =>
      filter.includes("dst port 443")
    ),
  );
}

Deno.test.each([
  {
    name: "a folder that is not there",
    path: (folder: string) => `${folder}/missing/case.pcapng`,
    flags: ["-A"],
    code: 66,
    says: /there is no such folder/,
  },
  {
    name: "a folder in which the user may not write",
    path: (folder: string) => `${folder}/case.pcapng`,
    flags: ["-A"],
    code: 77,
    says: /the user may not write there/,
  },
  {
    name: "a folder that Deno keeps from it",
    path: (folder: string) => `${folder}/case.pcapng`,
    flags: ["-P=capture", "--allow-net", "--allow-read"],
    code: 77,
    says: /--allow-read and --allow-write do not name it/,
  },
])(
  "capture refuses to write into $name",
  inNetwork,
  async ({ path, flags, code, says }) => {
    await using folder = await temporaryFolder();
    const config = `${folder.path}/capture.toml`;
    await Deno.writeTextFile(
      config,
      '[capture]\ninterface = "lo"\nuser = "nobody"',
    );
    await Deno.chmod(folder.path, 0o755);
    const { code: ended, stderr } = await run(Deno.execPath(), [
      ...["run", "-q", ...flags, "capture/main.ts", "--config", config],
      ...["--write", path(folder.path)],
    ]);
    strictEqual(ended, code, stderr);
    match(stderr, says);
  },
);
