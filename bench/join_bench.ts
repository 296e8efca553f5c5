/**
 * What the join costs beyond reading and parsing: events a second of CPU time for each step, in one
 * process and in turns, medians. The floor is what any consumer in JavaScript must do: split lines,
 * decode, JSON.parse. Two more figures: the rate with columns for ClickHouse, and the longest
 * stall with a million live handshakes. One JSON line each.
 *
 *     deno run -A bench/join_bench.ts
 *
 * @module
 */
import process from "node:process";
import { httpEventColumns } from "../lib/http_events.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { eventBytesMax } from "../lib/limits.ts";
import { encodeNative } from "../lib/native_format.ts";
import { toCorrelated } from "../correlate/correlated.ts";
import { EventIds } from "../correlate/event_id.ts";
import { Join, type Joined } from "../correlate/join.ts";
import { LineSplitter } from "../correlate/lines.ts";
import { parseHttpEvent, parseNetworkEvent } from "../correlate/parse.ts";
import {
  at,
  handshake,
  request,
  START_US,
  testOptions,
} from "../correlate/testing.ts";

const PAIRS = 30_000;
const ROUNDS = 7;
const COMMAND = "deno run -A bench/join_bench.ts";

/** A pair of handshake and request for each number, alternating, in chunks as a socket gives them. */
function chunks(): { bytes: Uint8Array[]; average: number } {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  let text = "";
  let total = 0;
  for (let n = 0; n < PAIRS; n++) {
    const connection = {
      src_ip: `${10 + (n >> 16)}.${n >> 8 & 255}.${n & 255}.7`,
      src_port: 1024 + n % 60_000,
    };
    const ts = at(n / 10);
    text += JSON.stringify(handshake({
      ...connection,
      ts,
      seq: n + 1,
      client_random_hash: n.toString(16).padStart(16, "0"),
    })) + "\n";
    text += JSON.stringify(request({
      ...connection,
      ts: ts + 2000,
      conn: n,
      conn_ts: ts,
      req_idx: 0,
      pid: n % 8,
      seq: (n >> 3) + 1,
      url_path: `/api/v1/items/${n}`,
    })) + "\n";
    if (text.length > 65_536 || n === PAIRS - 1) {
      parts.push(encoder.encode(text));
      total += parts.at(-1)?.length ?? 0;
      text = "";
    }
  }
  return { bytes: parts, average: total / (2 * PAIRS) };
}

/** Calls `take` with every line, handshakes and requests in turn. */
function eachLine(
  input: readonly Uint8Array[],
  take: (line: string, bytes: number, isHandshake: boolean) => void,
): void {
  const splitter = new LineSplitter(eventBytesMax);
  let isHandshake = true;
  for (const chunk of input) {
    splitter.push(chunk, (line, bytes) => {
      take(line, bytes, isHandshake);
      isHandshake = !isHandshake;
    });
  }
}

function floor(input: readonly Uint8Array[]): number {
  let ports = 0;
  eachLine(input, (line) => ports += JSON.parse(line).src_port);
  return ports;
}

/** A join whose tables are there already: they are made once in the life of a process. */
function newJoin(emit: (joined: Joined) => void): Join {
  return new Join(
    testOptions({ maxTls: 262_144, maxPendingHttp: 65_536 }),
    emit,
  );
}

function joined(input: readonly Uint8Array[], join: Join): number {
  let n = 0;
  eachLine(input, (line, bytes, isHandshake) => {
    if (n++ % 256 === 0) join.advance(n / 20, START_US + n * 50);
    const parsed = isHandshake ? parseNetworkEvent(line) : parseHttpEvent(line);
    if (!parsed.ok) {
      throw new Error(`a line of the benchmark is ${parsed.reason}`);
    }
    if (parsed.event.event_type === "handshake") {
      join.handshake(parsed.event, bytes);
    } else if (parsed.event.event_type === "request") {
      join.request(parsed.event);
    }
  });
  if (join.counts.matched.conn !== PAIRS) {
    throw new Error(`${join.counts.matched.conn} of ${PAIRS} pairs matched`);
  }
  return n;
}

/** One step of the benchmark: what is prepared, and what is measured. */
type Arm = () => (input: readonly Uint8Array[]) => void;

function withoutOutput(): ReturnType<Arm> {
  const join = newJoin(() => {});
  return (input) => joined(input, join);
}

function withText(): ReturnType<Arm> {
  const ids = new EventIds(1, 1);
  let seq = 0;
  let characters = 0;
  const join = newJoin((pair) => {
    characters += JSON.stringify(toCorrelated(pair, ids.of(++seq))).length;
  });
  return (input) => joined(input, join);
}

function withColumns(): ReturnType<Arm> {
  const ids = new EventIds(1, 1);
  let seq = 0;
  let bytes = 0;
  let events: CorrelatedEvent[] = [];
  const join = newJoin((pair) => {
    events.push(toCorrelated(pair, ids.of(++seq)));
    if (events.length < 20_000 && seq < PAIRS) return;
    bytes += encodeNative(httpEventColumns(events), events.length).length;
    events = [];
  });
  return (input) => joined(input, join);
}

/** Milliseconds of CPU of this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** Most CPU time for 1024 pairs, collection of garbage included, while a million handshakes are live and each new one evicts one. */
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
  const step = (n: number): void => {
    const connection = {
      src_ip: `${10 + (n >> 16 & 127)}.${n >> 8 & 255}.${n & 255}.7`,
      src_port: 1024 + (n >> 4) % 60_000,
    };
    const own = { ...connection, seq: n + 1, client_random_hash: `${n}` };
    join.handshake({ ...hello, ...own } as typeof hello, 600);
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

function print(
  name: string,
  value: number,
  unit: string,
  baseline: number,
): void {
  // deno-lint-ignore no-console -- the lines are the result
  console.log(JSON.stringify({
    name,
    value: Number(value.toPrecision(4)),
    unit,
    baseline: Number(baseline.toPrecision(4)),
    ratio: Number(
      (unit === "ms" ? baseline / value : value / baseline).toFixed(3),
    ),
    command: COMMAND,
  }));
}

if (import.meta.main) {
  const { bytes } = chunks();
  const arms: Readonly<Record<string, Arm>> = {
    join_floor: () => floor,
    join_events_per_second: withoutOutput,
    join_with_text_events_per_second: withText,
    join_with_columns_events_per_second: withColumns,
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS + 2; round++) {
    for (const [name, prepare] of Object.entries(arms)) {
      const run = prepare();
      const before = cpuMs();
      run(bytes);
      // Two rounds to warm up.
      if (round >= 2) {
        times.set(name, [...times.get(name) ?? [], cpuMs() - before]);
      }
    }
  }
  const rate = (name: string): number =>
    2 * PAIRS / (median(times.get(name) ?? []) / 1000);
  const base = rate("join_floor");
  for (const name of Object.keys(arms)) {
    print(name, rate(name), "events/s", base);
  }
  print(
    "join_longest_stall_ms_per_1024_pairs_1m_live",
    longestStallMs(),
    "ms",
    25,
  );
}
