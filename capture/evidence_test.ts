import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { isRoot } from "../ffi/libc.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import type { Logger } from "../lib/log.ts";
import { compileParser, Parser } from "../wasm/mod.ts";
import { EvidenceRing } from "./evidence.ts";
import { fingerprintFile } from "./fingerprint.ts";
import { type FileFacts, packetBlocks } from "./pcap_records.ts";

const parser = new Parser(await compileParser());
const facts: FileFacts = {
  linkType: 1,
  snapLength: 16_640,
  interface: "eth0",
  filter: "tcp dst port 443",
  application: "test",
};
const PIECE = 64 * 1024;
const LITTLE_ENDIAN = true;

/** `count` records as libpcap writes them, of `size` bytes each. */
function records(count: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * (16 + size)).fill(0x55);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index++) {
    const at = index * (16 + size);
    [1_700_000_000 + index, 7, size, size + 1].forEach((value, field) =>
      view.setUint32(at + 4 * field, value, LITTLE_ENDIAN)
    );
  }
  return bytes;
}

/** Packets in a file by our own reader, which fails at a file that is not whole. */
function packetsIn(path: string): number {
  const before = parser.counters().packets;
  fingerprintFile(parser, path, () => {});
  return parser.counters().packets - before;
}

function logger(lines: string[]): Logger {
  const note = (line: string): void => void lines.push(line);
  return { info: note, warn: note, error: note } as unknown as Logger;
}

/** The files of a folder in the order of their names, with their sizes. */
function filesIn(folder: string): { path: string; bytes: number }[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
    .map((name) => ({
      path: `${folder}/${name}`,
      bytes: Deno.statSync(`${folder}/${name}`).size,
    }));
}

Deno.test("packetBlocks() makes pieces of whole packets", () => {
  const pieces = packetBlocks(records(10, 1001), 3000);
  deepStrictEqual(
    pieces.map(({ packets, bytes }) => [packets, bytes.length]),
    Array(5).fill([2, 2 * (32 + 1004)]),
  );
  // A packet that is longer than a piece is one.
  strictEqual(packetBlocks(records(3, 5000), 3000).length, 3);
  deepStrictEqual(packetBlocks(new Uint8Array(), 3000), []);
});

Deno.test("EvidenceRing keeps the newest files, each no longer than allowed", async () => {
  await using folder = await temporaryFolder();
  // An earlier run left a file, and somebody else one that is none of ours.
  const old = `${folder.path}/ring_20200101T000000000Z_00001.pcapng`;
  const other = `${folder.path}/ring_notes.pcapng`;
  await Deno.writeTextFile(old, "old");
  await Deno.writeTextFile(other, "other");
  let now = Date.UTC(2026, 0, 1);
  const ring = new EvidenceRing({
    path: `${folder.path}/ring.pcapng`,
    fileBytes: 256 * 1024,
    fileCount: 3,
    now: () => now,
    log: logger([]),
  });
  const batch = packetBlocks(records(100, 1000), PIECE);
  for (let round = 1; round <= 20; round++) {
    ring.push(batch, facts);
    await eventually("the disk", () => ring.packetsWritten === round * 100);
    now += 1000;
  }
  await ring.stop();
  strictEqual(ring.packetsDropped, 0);
  const files = filesIn(folder.path);
  strictEqual(files.pop()?.path, other);
  strictEqual(files.length, 3);
  let packets = 0;
  for (const { path, bytes } of files) {
    match(path, /\/ring_20260101T0000\d{5}Z_0\d{4}\.pcapng$/);
    ok(bytes <= 256 * 1024, `${bytes}`);
    packets += packetsIn(path);
  }
  // Two whole files and the last, of 2,000 packets of a kilobyte.
  ok(packets > 400 && packets < 2000, `${packets}`);
});

Deno.test("EvidenceRing begins a file for another interface", async () => {
  await using folder = await temporaryFolder();
  const ring = new EvidenceRing({
    path: `${folder.path}/ring`,
    fileBytes: 1024 * 1024,
    fileCount: 5,
    now: Date.now,
    log: logger([]),
  });
  const batch = packetBlocks(records(2, 10), PIECE);
  ring.push(batch, facts);
  ring.push(batch, facts);
  ring.push(batch, { ...facts, interface: "any", linkType: 113 });
  ring.push(batch, facts);
  await ring.stop();
  deepStrictEqual(
    filesIn(folder.path).map(({ path }) => packetsIn(path)),
    [4, 2, 2],
  );
});

Deno.test("EvidenceRing drops what a slow disk does not take, and counts it", async () => {
  await using folder = await temporaryFolder();
  const ring = new EvidenceRing({
    path: `${folder.path}/ring.pcapng`,
    fileBytes: 64 * 1024 * 1024,
    fileCount: 2,
    now: Date.now,
    log: logger([]),
  });
  // 50 MB before the disk is asked for the first time.
  const batch = packetBlocks(records(10_000, 1000), PIECE);
  for (let round = 0; round < 5; round++) ring.push(batch, facts);
  ok(ring.packetsDropped > 0);
  await eventually(
    "the rest",
    () => ring.packetsWritten + ring.packetsDropped === 50_000,
  );
  await ring.stop();
  const [file] = filesIn(folder.path);
  strictEqual(packetsIn(file?.path ?? ""), ring.packetsWritten);
});

const canMount = isRoot() &&
  (await new Deno.Command("unshare", { args: ["-m", "true"] }).output()
      .catch(() => ({ code: 1 }))).code === 0;

Deno.test({
  name:
    "EvidenceRing goes on after a full disk, with whole packets in its files",
  ...needs(canMount, "needs root and mounts"),
  async fn() {
    await using folder = await temporaryFolder();
    const disk = `${folder.path}/disk`;
    await Deno.mkdir(disk);
    const mount = (command: string, ...args: string[]) =>
      new Deno.Command(command, { args }).output();
    await mount("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk);
    try {
      const lines: string[] = [];
      let now = Date.now();
      const ring = new EvidenceRing({
        path: `${disk}/ring.pcapng`,
        fileBytes: 64 * 1024 * 1024,
        fileCount: 2,
        now: () => now,
        log: logger(lines),
      });
      const batch = packetBlocks(records(2000, 1000), PIECE);
      ring.push(batch, facts);
      await eventually(
        "the disk to be full",
        () => ring.packetsWritten + ring.packetsDropped === 2000,
      );
      ok(ring.packetsDropped > 900, `${ring.packetsDropped}`);
      deepStrictEqual(lines, [
        "Cannot keep evidence; captured packets are not written",
      ]);
      const [full] = filesIn(disk);
      strictEqual(packetsIn(full?.path ?? ""), ring.packetsWritten);
      // Somebody makes room. The next attempt comes a second later.
      await Deno.remove(full?.path ?? "");
      const { packetsWritten } = ring;
      ring.push(batch.slice(0, 1), facts);
      await eventually("the pause", () => ring.packetsDropped > 900);
      now += 1001;
      ring.push(batch.slice(0, 1), facts);
      await eventually(
        "the next file",
        () => ring.packetsWritten > packetsWritten,
      );
      await ring.stop();
      strictEqual(lines.at(-1), "Evidence is kept again");
      deepStrictEqual(
        filesIn(disk).map(({ path }) => packetsIn(path)),
        [ring.packetsWritten - packetsWritten],
      );
    } finally {
      await mount("umount", disk);
    }
  },
});
