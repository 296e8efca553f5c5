/**
 * What the join costs beyond reading and parsing: events a second of CPU time for each step, in one
 * process and in turns, medians of ratios to the floor of the same round. The floor is what any
 * consumer in JavaScript must do with a line: split, decode, JSON.parse. The second floor parses the
 * lines of a piece together, as the correlator does. The same join by other software follows
 * (bench/correlate_peers.ts). One JSON line each.
 *
 *     deno task bench correlate
 *
 * @module
 */
import process from "node:process";
import { httpEventColumns } from "../lib/http_events.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { eventBytesMax } from "../lib/limits.ts";
import { encodeNative } from "../lib/native_format.ts";
import { handshakeFacts } from "../correlate/hello.ts";
import { Join } from "../correlate/join.ts";
import { LineSplitter } from "../correlate/lines.ts";
import type { MessageBatch } from "../correlate/messages.ts";
import { Pipeline, type RowSink } from "../correlate/pipeline.ts";
import { Privacy } from "../correlate/privacy.ts";
import {
  at,
  handshake,
  request,
  START_US,
  testOptions,
} from "../correlate/testing.ts";
import { comparePeers } from "./correlate_peers.ts";

const PAIRS = 30_000;
const ROUNDS = 9;
const COMMAND = "deno task bench correlate";
/** Lines written at a time: what the spool's writes hold under load. */
const WRITTEN_TOGETHER = 32;

/** Pieces of two streams as sockets give them, taken in turns. */
interface Input {
  readonly network: readonly Uint8Array[];
  readonly http: readonly Uint8Array[];
}

/** A pair of handshake and request for each number. */
function makeInput(): Input {
  const input = { network: [] as Uint8Array[], http: [] as Uint8Array[] };
  const encoder = new TextEncoder();
  let network = "";
  let http = "";
  for (let n = 0; n < PAIRS; n++) {
    const connection = {
      src_ip: `${10 + (n >> 16)}.${n >> 8 & 255}.${n & 255}.7`,
      src_port: 1024 + n % 60_000,
    };
    const ts = at(n / 10);
    network += JSON.stringify(handshake({
      ...connection,
      ts,
      seq: n + 1,
      client_random_hash: n.toString(16).padStart(16, "0"),
    })) + "\n";
    http += JSON.stringify(request({
      ...connection,
      ts: ts + 2000,
      conn: n,
      conn_ts: ts,
      pid: n % 8,
      seq: (n >> 3) + 1,
      url_path: `/api/v1/items/${n}`,
    })) + "\n";
    if (n % 64 < 63 && n < PAIRS - 1) continue;
    input.network.push(encoder.encode(network));
    input.http.push(encoder.encode(http));
    network = http = "";
  }
  return input;
}

/** Splits copies of the pieces, since a splitter writes between lines. */
function eachBatch(
  input: Input,
  take: (lines: MessageBatch, source: keyof Input) => void,
): void {
  const splitters = {
    network: new LineSplitter(eventBytesMax),
    http: new LineSplitter(eventBytesMax),
  };
  const buffer = new Uint8Array(256 * 1024);
  for (let i = 0; i < input.network.length; i++) {
    for (const source of ["network", "http"] as const) {
      const piece = input[source][i] ?? new Uint8Array();
      buffer.set(piece);
      splitters[source].push(
        buffer.subarray(0, piece.length),
        (lines) => take(lines, source),
      );
    }
  }
}

function readFloor(input: Input): number {
  let characters = 0;
  const decoder = new TextDecoder();
  eachLine(input, (bytes) => characters += decoder.decode(bytes).length);
  return characters;
}

function parseFloor(input: Input): number {
  let ports = 0;
  const decoder = new TextDecoder();
  eachLine(input, (bytes) => {
    ports += JSON.parse(decoder.decode(bytes)).src_port;
  });
  return ports;
}

/** Lines as a plain consumer finds them. */
function eachLine(input: Input, take: (bytes: Uint8Array) => void): void {
  for (let i = 0; i < input.network.length; i++) {
    for (const source of ["network", "http"] as const) {
      const piece = input[source][i] ?? new Uint8Array();
      let from = 0;
      for (let end; (end = piece.indexOf(10, from)) >= 0; from = end + 1) {
        take(piece.subarray(from, end));
      }
    }
  }
}

function parseTogether(input: Input): number {
  let ports = 0;
  eachBatch(input, (lines) => {
    for (const value of lines.values()) {
      ports += (value as { src_port: number }).src_port;
    }
  });
  return ports;
}

/** Time of the join at the start of the measured events, milliseconds: all before it has expired. */
const WARM_MS = 10_000_000;

/** A pipeline as it is after a while: tables and arena have their size, and are empty. */
function newPipeline(sinks: readonly RowSink[]): Pipeline {
  const pipeline = new Pipeline({
    join: testOptions({
      ...{ maxTls: 262_144, maxPendingHttp: 65_536 },
      emitTlsOrphans: false,
    }),
    privacy: new Privacy({ addresses: "full", query: "keep", queryNames: [] }),
    ...{ sinks, deadLetters: undefined, origin: 1, epoch: 1 },
  });
  const { join } = pipeline;
  join.advance(0, START_US);
  const facts = new TextEncoder().encode(handshakeFacts(handshake()));
  for (let n = 0; n < PAIRS; n++) {
    const src_ip = `172.16.${n >> 8 & 255}.${n & 255}`;
    join.handshake(
      handshake({ src_ip, seq: n + 1, sensor: "warm", client_random_hash: "" }),
      700,
      facts,
    );
  }
  for (let ms = 0; ms <= WARM_MS; ms += 100_000) {
    join.advance(ms, START_US + ms * 1000);
  }
  if (join.handshakesHeld > 0) throw new Error("the tables are not empty");
  return pipeline;
}

function pumped(input: Input, pipeline: Pipeline): void {
  let n = 0;
  eachBatch(input, (lines, source) => {
    n += lines.count;
    const ms = WARM_MS + n / 20;
    pipeline.join.advance(ms, START_US + ms * 1000);
    if (source === "network") pipeline.takeNetwork(lines);
    else pipeline.takeHttp(lines, "reqin");
  });
  const { matched } = pipeline.join.counts;
  if (matched.conn !== PAIRS || pipeline.rewritten > 0) {
    throw new Error(`${matched.conn} of ${PAIRS} pairs matched`);
  }
}

/** One step of the benchmark: what is prepared, and what is measured. */
type Arm = () => (input: Input) => void;

function withoutOutput(): ReturnType<Arm> {
  const pipeline = newPipeline([]);
  return (input) => pumped(input, pipeline);
}

function withText(): ReturnType<Arm> {
  const encoder = new TextEncoder();
  let lines: string[] = [];
  let bytes = 0;
  const pipeline = newPipeline([{
    append(line): void {
      lines.push(line);
      if (lines.length < WRITTEN_TOGETHER) return;
      bytes += encoder.encode(lines.join("\n")).length;
      lines = [];
    },
  }]);
  return (input) => pumped(input, pipeline);
}

function withColumns(): ReturnType<Arm> {
  let bytes = 0;
  let rows = 0;
  let events: CorrelatedEvent[] = [];
  const pipeline = newPipeline([{
    append(line): void {
      rows++;
      events.push(JSON.parse(line) as CorrelatedEvent);
      if (events.length < 20_000 && rows < PAIRS) return;
      bytes += encodeNative(httpEventColumns(events), events.length).length;
      events = [];
    },
  }]);
  return (input) => pumped(input, pipeline);
}

/** Milliseconds of CPU of this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/**
 * Most CPU time for 1024 pairs, collection of garbage included, while a million handshakes are live
 * and each new one evicts one.
 */
function longestStallMs(): number {
  const live = 1_000_000;
  const join = new Join(
    testOptions({
      maxTls: live,
      maxBytes: 2 ** 40,
      perSourceMax: live,
      emitTlsOrphans: false,
    }),
    () => {},
  );
  join.advance(0, START_US);
  const hello = handshake();
  const made = request();
  const encoder = new TextEncoder();
  const facts = encoder.encode(handshakeFacts(hello));
  const step = (n: number): void => {
    const connection = {
      src_ip: `${10 + (n >> 16 & 127)}.${n >> 8 & 255}.${n & 255}.7`,
      src_port: 1024 + (n >> 4) % 60_000,
    };
    const own = { ...connection, seq: n + 1, client_random_hash: `${n}` };
    join.handshake(
      { ...hello, ...own } as typeof hello,
      600,
      facts,
    );
    if (n % 4 === 0) {
      join.request(
        { ...made, ...connection, conn: n, conn_ts: made.ts } as typeof made,
      );
    }
  };
  for (let n = 0; n < live; n++) step(n);
  let longest = 0;
  for (let n = live; n < live + 200 * 1024;) {
    const started = cpuMs();
    for (const end = n + 1024; n < end; n++) step(n);
    longest = Math.max(longest, cpuMs() - started);
  }
  return longest;
}

/** Prints a figure; `ratio` says how often ours is better than the baseline. */
function print(
  name: string,
  { value, unit, baseline, ratio }: {
    value: number;
    unit: string;
    baseline: number;
    ratio: number;
  },
): void {
  // deno-lint-ignore no-console -- the lines are the result
  console.log(JSON.stringify({
    name,
    value: Number(value.toPrecision(4)),
    unit,
    baseline: Number(baseline.toPrecision(4)),
    ratio: Number(ratio.toFixed(3)),
    command: COMMAND,
  }));
}

const ARMS: Readonly<Record<string, Arm>> = {
  correlate_read_floor: () => readFloor,
  correlate_parse_floor: () => parseFloor,
  correlate_parse_together: () => parseTogether,
  correlate_join: withoutOutput,
  correlate_join_with_text: withText,
  correlate_join_with_columns: withColumns,
};

/** Prints all steps; returns the CPU time of the join with text, microseconds an event. */
function compareSteps(): number {
  const input = makeInput();
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS + 2; round++) {
    const times: Record<string, number> = {};
    for (const [name, prepare] of Object.entries(ARMS)) {
      const run = prepare();
      const before = cpuMs();
      run(input);
      times[name] = (cpuMs() - before) * 1000 / (2 * PAIRS);
    }
    // Two rounds to warm up.
    if (round >= 2) rounds.push(times);
  }
  const floorOf = (times: Record<string, number>): number =>
    times["correlate_parse_floor"] ?? NaN;
  for (const name of Object.keys(ARMS)) {
    print(name, {
      value: 1e6 / median(rounds.map((times) => times[name] ?? NaN)),
      unit: "events/s",
      baseline: 1e6 / median(rounds.map(floorOf)),
      ratio: median(
        rounds.map((times) => floorOf(times) / (times[name] ?? NaN)),
      ),
    });
  }
  return median(
    rounds.map((times) => times["correlate_join_with_text"] ?? NaN),
  );
}

if (import.meta.main) {
  const ownUs = compareSteps();
  const stallMs = longestStallMs();
  print("correlate_longest_stall_per_1024_pairs_1m_live", {
    ...{ value: stallMs, unit: "ms", baseline: 25, ratio: 25 / stallMs },
  });
  await comparePeers(ownUs, print);
}
