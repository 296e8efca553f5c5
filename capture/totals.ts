/** What a sensor counts, added up over its threads, its parsers and its interfaces. @module */
import type { KernelStats } from "../ffi/pcap.ts";
import type { StatsEvent, UnixMicros } from "../lib/events.ts";
import type { ParserCounters } from "../wasm/mod.ts";

/** Sums since the start of the process. */
export interface Totals {
  readonly parser: ParserCounters;
  readonly kernel: KernelStats;
  readonly handshakes: number;
  readonly traps: number;
  readonly oversized: number;
}

/** Counters that are a state and no sum. */
const GAUGES: readonly string[] = ["flowsHeld", "streamsHeld"];

/** Counters of a parser and of those before it, whose state is gone. */
export function addRetired(
  retired: ParserCounters | undefined,
  current: ParserCounters,
): ParserCounters {
  return retired === undefined
    ? current
    : sumOf(current, retired, (name) => GAUGES.includes(name));
}

/** What the kernel counted on one interface and then on another. */
export function addKernel(a: KernelStats, b: KernelStats): KernelStats {
  return sumOf(a, b);
}

/** The sums of several threads, of one at least. */
export function sumTotals(all: readonly [Totals, ...Totals[]]): Totals {
  const [first, ...others] = all;
  return others.reduce((sum, one) => ({
    parser: sumOf(sum.parser, one.parser),
    kernel: sumOf(sum.kernel, one.kernel),
    handshakes: sum.handshakes + one.handshakes,
    traps: sum.traps + one.traps,
    oversized: sum.oversized + one.oversized,
  }), first);
}

function sumOf<T extends object>(
  a: T,
  b: T,
  leaveOut: (name: string) => boolean = () => false,
): T {
  const other = b as Record<string, number>;
  const sums = Object.entries(a as Record<string, number>).map((
    [name, value],
  ) => [name, leaveOut(name) ? value : value + (other[name] ?? 0)]);
  return Object.fromEntries(sums) as T;
}

/** Who says a {@linkcode StatsEvent}, and what else belongs into it. */
export interface StatsFacts {
  readonly sensor: string;
  readonly boot: number;
  readonly ts: UnixMicros;
  /** Events that no reader took in time. */
  readonly eventsDropped: number;
  /** Resident memory of the process. */
  readonly memoryBytes: number;
}

/** The periodic event that tells "no TLS seen" from "lost". */
export function statsEvent(
  { parser, kernel, handshakes, traps, oversized }: Totals,
  { sensor, boot, ts, eventsDropped, memoryBytes }: StatsFacts,
): StatsEvent {
  return {
    event_type: "stats",
    ts,
    sensor,
    boot,
    packets: parser.packets + oversized,
    kernel_drops: kernel.kernelDrops,
    interface_drops: kernel.interfaceDrops,
    events_dropped: eventsDropped,
    handshakes,
    flows_held: parser.flowsHeld,
    flows_evicted: parser.flowsEvicted,
    wasm_traps: traps,
    memory_bytes: memoryBytes,
  };
}
