/**
 * What the capture costs, from a file to NDJSON on one core, in this process: packets and megabytes
 * a second in mixed traffic, ClientHellos a second where each packet is one, and where the time goes.
 * CPU time and not the clock counts, so that a busy machine gives the same figures; medians.
 *
 * Baselines of the same run: `tcpdump -r FILE -w /dev/null` (in turns with ours), which is what libpcap
 * alone takes to read and write the packets; tshark printing JA3 and ndpiReader, which look for the
 * same as we do (on a part of the packets, they take long). One JSON line each; a baseline whose
 * program is not installed is named as `absent`.
 *
 *     deno task bench capture
 *
 * @module
 */
import process from "node:process";
import { fingerprintInput } from "../capture/fingerprint.ts";
import { LineBuffer } from "../capture/line_buffer.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { compileParser, Parser } from "../wasm/mod.ts";
import { type Packet, pcapFile } from "../tests/support/packets.ts";
import { manyHellos, mixedTraffic } from "./capture_traffic.ts";

const ROUNDS = 9;
/** Packets of a file that the slow programs read. */
const PART = 30_000;
const COMMAND = "deno task bench capture";

interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: number;
  readonly ratio?: number;
  /** Program of the baseline that is not installed. */
  readonly absent?: string;
  readonly command: string;
}

/** Milliseconds of one round: CPU time, and by the clock what each part of it took. */
interface Round {
  readonly cpu: number;
  readonly read: number;
  readonly parse: number;
  readonly write: number;
}

/** Programs that find ClientHellos, and print JA3. */
const FINDERS = {
  tshark: (path: string) => `tshark -r ${path} -T fields -e tls.handshake.ja3`,
  ndpireader: (path: string) => `ndpiReader -v 2 -i ${path}`,
} as const;

if (import.meta.main) {
  await using folder = await temporaryFolder();
  const parser = new Parser(await compileParser());
  await measure(parser, folder.path, {
    name: "capture_packets_per_second",
    unit: "packets/s",
    packets: mixedTraffic(),
  });
  await measure(parser, folder.path, {
    name: "capture_client_hellos_per_second",
    unit: "ClientHellos/s",
    packets: manyHellos(),
  });
}

async function measure(
  parser: Parser,
  folder: string,
  { name, unit, packets }: { name: string; unit: string; packets: Packet[] },
): Promise<void> {
  const path = `${folder}/${name}.pcap`;
  const file = pcapFile(packets);
  await Deno.writeFile(path, file);
  const rounds: Round[] = [];
  const tcpdump: (number | undefined)[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(await ours(parser, path));
    tcpdump.push(await cpuMs(`tcpdump -r ${path} -w /dev/null`));
  }
  const cpu = median(rounds.map(({ cpu }) => cpu));
  const floor = tcpdump.includes(undefined)
    ? undefined
    : median(tcpdump as number[]);
  const perSecond = (count: number, ms: number) => count / ms * 1000;
  compare(name, unit, perSecond(packets.length, cpu), {
    program: "tcpdump",
    value: floor && perSecond(packets.length, floor),
  });
  if (unit === "packets/s") {
    const megabytes = file.length / 1e6;
    compare("capture_megabytes_per_second", "MB/s", perSecond(megabytes, cpu), {
      program: "tcpdump",
      value: floor && perSecond(megabytes, floor),
    });
  }
  const part = `${folder}/part.pcap`;
  await Deno.writeFile(part, pcapFile(packets.slice(0, PART)));
  for (const [program, command] of Object.entries(FINDERS)) {
    const ms = await cpuMs(command(part));
    compare(`${name}_beside_${program}`, unit, perSecond(packets.length, cpu), {
      program,
      value: ms && perSecond(Math.min(PART, packets.length), ms),
    });
  }
  for (const step of ["read", "parse", "write"] as const) {
    const shares = rounds.map((round) =>
      round[step] / (round.read + round.parse + round.write)
    );
    print({
      name: `${name}_share_${step}`,
      value: Math.round(median(shares) * 1000) / 10,
      unit: "%",
      command: COMMAND,
    });
  }
}

/** Reads the file once, with its events to /dev/null. */
async function ours(parser: Parser, path: string): Promise<Round> {
  using sink = await Deno.open("/dev/null", { write: true });
  using file = await Deno.open(path);
  let [read, write] = [0, 0];
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const out = new LineBuffer((bytes) => sink.writeSync(bytes));
  const input = {
    readSync(bytes: Uint8Array): number | null {
      const startedMs = performance.now();
      const count = file.readSync(bytes);
      read += performance.now() - startedMs;
      return count;
    },
  };
  fingerprintInput(parser, path, input, (lines) => {
    const startedMs = performance.now();
    out.write(lines);
    write += performance.now() - startedMs;
  });
  out.flush();
  const { user, system } = process.cpuUsage(before);
  const parse = performance.now() - startedMs - read - write;
  return { cpu: (user + system) / 1000, read, parse, write };
}

/** CPU milliseconds of `command`, as the shell counts those of its children; undefined without it. */
async function cpuMs(command: string): Promise<number | undefined> {
  const { stdout, success } = await new Deno.Command("bash", {
    args: [
      "-c",
      `command -v ${command.split(" ")[0]} > /dev/null || exit 1
       ${command} > /dev/null 2> /dev/null; times`,
    ],
  }).output();
  if (!success) return undefined;
  const children = new TextDecoder().decode(stdout).split("\n")[1] ?? "";
  return children.split(" ").reduce((sum, text) => {
    const [minutes = "0", seconds = "0"] = text.split("m");
    return sum + (Number(minutes) * 60 + parseFloat(seconds)) * 1000;
  }, 0);
}

function compare(
  name: string,
  unit: string,
  value: number,
  baseline: { program: string; value: number | undefined },
): void {
  print({
    name,
    value: Math.round(value),
    unit,
    ...baseline.value === undefined ? { absent: baseline.program } : {
      baseline: Math.round(baseline.value),
      ratio: Math.round(value / baseline.value * 100) / 100,
    },
    command: COMMAND,
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function print(result: Result): void {
  // deno-lint-ignore no-console -- the result of a benchmark
  console.log(JSON.stringify(result));
}
