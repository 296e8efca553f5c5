/** What the parts of this host do at the moment, from their own metrics. @module */
import { askHealth } from "../lib/metrics.ts";
import { pause } from "../lib/shutdown.ts";
import { databaseUrl } from "./host_config.ts";
import {
  healthAddress,
  PART_NAMES,
  type PartConfig,
  type PartName,
} from "./parts.ts";
import { type Family, parseMetrics, sumOf } from "./samples.ts";

/** One part. Rates are those of the time between two looks. */
export interface PartReport {
  readonly name: PartName;
  readonly state: "ready" | "not ready" | "away";
  readonly version: string;
  readonly uptime_s: number;
  readonly memory_bytes: number;
  /** Name of a figure to its value; a rate ends in `/s`, a time in `_s`. */
  readonly figures: Readonly<Record<string, number>>;
  /** Why it is not ready. */
  readonly reason: string;
}

/** A figure: of one counter the rate, of a gauge the value. */
interface Figure {
  readonly label: string;
  readonly metric: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly rate: boolean;
}

const RATE = true;
const VALUE = false;

function figure(
  label: string,
  metric: string,
  rate: boolean,
  labels: Readonly<Record<string, string>> = {},
): Figure {
  return { label, metric, rate, labels };
}

/** What tells how a part is getting on, by the names of docs/metrics.md. */
export const FIGURES: Readonly<
  Record<Exclude<PartName, "store">, readonly Figure[]>
> = {
  capture: [
    figure("packets/s", "capture_packets_total", RATE),
    figure("handshakes/s", "capture_handshakes_total", RATE),
    figure("kernel_drops/s", "capture_kernel_drops_total", RATE),
  ],
  correlate: [
    figure("handshakes/s", "correlate_events_received_total", RATE, {
      source: "network",
    }),
    figure("requests/s", "correlate_events_received_total", RATE, {
      source: "http",
    }),
    figure("rows/s", "correlate_sink_rows_total", RATE),
    figure("rows_waiting", "correlate_spool_rows", VALUE),
    figure("lost/s", "correlate_input_lost_total", RATE),
  ],
  detect: [
    figure("windows/s", "detect_windows_scored_total", RATE),
    figure("cycles", "detect_cycles_total", VALUE),
    figure("failed_cycles", "detect_cycle_failures_total", VALUE),
    figure("model_age_s", "detect_model_age_seconds", VALUE),
  ],
  web: [
    figure("requests/s", "web_requests_total", RATE),
    figure("open_browsers", "web_event_streams", VALUE),
  ],
};

/** What a part says when it is asked. */
interface Look {
  readonly metrics: readonly Family[];
  readonly ready: boolean;
  readonly reason: string;
  /** Milliseconds on the process's own clock. */
  readonly atMs: number;
}

/** Asks every part twice, `intervalMs` apart. */
export async function reportParts(
  configs: Readonly<Record<PartName, PartConfig>>,
  intervalMs: number,
  signal: AbortSignal,
): Promise<PartReport[]> {
  const first = await lookAtAll(configs);
  await pause(intervalMs, signal);
  const second = await lookAtAll(configs);
  return PART_NAMES.map((name) =>
    report(name, first.get(name), second.get(name))
  );
}

async function lookAtAll(
  configs: Readonly<Record<PartName, PartConfig>>,
): Promise<Map<PartName, Look | undefined>> {
  return new Map(
    await Promise.all(PART_NAMES.map(async (name) => {
      const look = name === "store"
        ? lookAtStore(databaseUrl(configs.correlate))
        : lookAt(healthAddress(name, configs[name].content));
      return [name, await look.catch(() => undefined)] as const;
    })),
  );
}

async function lookAt(listen: string): Promise<Look> {
  const { text } = await askHealth(listen, "/metrics");
  const { ok, text: reasons } = await askHealth(listen, "/readyz");
  return {
    metrics: parseMetrics(text),
    ready: ok,
    reason: ok ? "" : reasons.trim().replaceAll("\n", "; "),
    atMs: performance.now(),
  };
}

/** A ClickHouse, the embedded or another: it is there if it answers. */
async function lookAtStore(url: string): Promise<Look> {
  const answer = await fetch(new URL("/ping", url), {
    signal: AbortSignal.timeout(2000),
  });
  await answer.text();
  return { metrics: [], ready: answer.ok, reason: "", atMs: performance.now() };
}

function report(
  name: PartName,
  before: Look | undefined,
  after: Look | undefined,
): PartReport {
  const empty = {
    name,
    version: "",
    uptime_s: 0,
    memory_bytes: 0,
    figures: {},
    reason: "",
  };
  if (after === undefined) return { ...empty, state: "away" };
  const { metrics, ready, reason, atMs } = after;
  const started = sumOf(metrics, "process_start_time_seconds");
  const figures = name === "store" ? [] : FIGURES[name];
  return {
    ...empty,
    state: ready ? "ready" : "not ready",
    reason,
    version: versionOf(metrics),
    uptime_s: started === undefined
      ? 0
      : Math.max(0, Math.round(Date.now() / 1000 - started)),
    memory_bytes: sumOf(metrics, "process_resident_memory_bytes") ?? 0,
    figures: Object.fromEntries(
      figures.map(({ label, metric, labels, rate }) => {
        const value = sumOf(metrics, metric, labels) ?? 0;
        if (!rate) return [label, value];
        const old = sumOf(before?.metrics ?? [], metric, labels) ?? value;
        const seconds = (atMs - (before?.atMs ?? atMs)) / 1000;
        // A part that was restarted meanwhile counts from 0 again.
        return [label, seconds > 0 ? Math.max(0, value - old) / seconds : 0];
      }),
    ),
  };
}

function versionOf(metrics: readonly Family[]): string {
  return metrics.find(({ name }) => name === "ja4_build_info")?.samples[0]
    ?.labels["version"] ?? "";
}
