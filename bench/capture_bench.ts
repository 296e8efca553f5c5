/**
 * What the capture costs, from a file to NDJSON on one core, in this process: packets a second in
 * mixed traffic, ClientHellos a second where each packet is one. CPU time and not the clock counts,
 * so that a busy machine gives the same figures; medians. The baseline runs in turns with it:
 * `tcpdump -r FILE -w /dev/null`, what libpcap alone takes to read and write the packets. One JSON
 * line each.
 *
 *     deno run -A bench/capture_bench.ts
 *
 * @module
 */
import process from "node:process";
import { fingerprintFile } from "../capture/fingerprint.ts";
import { LineBuffer } from "../capture/line_buffer.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { compileParser, Parser } from "../wasm/mod.ts";
import { type Packet, pcapFile } from "../tests/support/packets.ts";
import { manyHellos, mixedTraffic } from "./capture_traffic.ts";

const ROUNDS = 7;

interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: number;
  readonly ratio: number;
  readonly command: string;
}

if (import.meta.main) {
  await using folder = await temporaryFolder();
  const parser = new Parser(await compileParser());
  const mixed = mixedTraffic();
  const hellos = manyHellos();
  const results = [
    await measure(parser, folder.path, {
      name: "capture_packets_per_second",
      unit: "packets/s",
      packets: mixed,
      count: mixed.length,
    }),
    await measure(parser, folder.path, {
      name: "capture_client_hellos_per_second",
      unit: "ClientHellos/s",
      packets: hellos,
      count: hellos.length,
    }),
  ];
  // deno-lint-ignore no-console -- the result of a benchmark
  for (const result of results) console.log(JSON.stringify(result));
}

async function measure(
  parser: Parser,
  folder: string,
  options: { name: string; unit: string; packets: Packet[]; count: number },
): Promise<Result> {
  const path = `${folder}/${options.name}.pcap`;
  await Deno.writeFile(path, pcapFile(options.packets));
  using sink = await Deno.open("/dev/null", { write: true });
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    const out = new LineBuffer((bytes) => sink.writeSync(bytes));
    fingerprintFile(parser, path, (lines) => out.write(lines));
    out.flush();
    const { user, system } = process.cpuUsage(before);
    ours.push((user + system) / 1000);
    theirs.push(await tcpdumpMs(path));
  }
  const perSecond = (times: number[]) =>
    Math.round(options.count / median(times) * 1000);
  return {
    name: options.name,
    value: perSecond(ours),
    unit: options.unit,
    baseline: perSecond(theirs),
    ratio: Math.round(median(theirs) / median(ours) * 100) / 100,
    command: "deno run -A bench/capture_bench.ts",
  };
}

/** CPU milliseconds of tcpdump over the file, as the shell counts those of its children. */
async function tcpdumpMs(path: string): Promise<number> {
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", 'tcpdump -r "$0" -w /dev/null 2> /dev/null; times', path],
  }).output();
  const children = new TextDecoder().decode(stdout).split("\n")[1] ?? "";
  return children.split(" ").reduce((sum, text) => {
    const [minutes = "0", seconds = "0"] = text.split("m");
    return sum + (Number(minutes) * 60 + parseFloat(seconds)) * 1000;
  }, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
