/**
 * What the correlator counts, for Prometheus and for rows of `pipeline_metrics`.
 *
 * Laws: for requests, received = rows + discarded + held; for rows, recovered + written =
 * delivered + dropped + held.
 *
 * @module
 */
import {
  Counter,
  createRegistry,
  Gauge,
  type Registry,
} from "../lib/metrics.ts";
import { monotonicMs } from "./clock.ts";
import type { Delivery } from "./delivery.ts";
import type { HttpInputs } from "./http_inputs.ts";
import type { LineSink } from "./line_sink.ts";
import type { NetworkSocket } from "./network_socket.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Spool } from "./spool.ts";
import type { StoreLatency } from "./store_latency.ts";

/** The parts that are read. */
export interface Measured {
  readonly pipeline: Pipeline;
  readonly network: NetworkSocket;
  readonly http: HttpInputs;
  readonly spool: Spool | undefined;
  readonly delivery: Delivery | undefined;
  /** Measured where there is a database. */
  readonly latency: StoreLatency | undefined;
  readonly sinks: readonly LineSink[];
  /** Requests that the last process held when it was killed. */
  readonly killed: number;
  /** Longest turn of the event loop since the last call, milliseconds. */
  readonly loopLagMs: () => number;
}

/** One value of a metric; labels by name. */
interface Value {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric and how it is read. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly values: () => readonly Value[];
}

/** A row of `pipeline_metrics` without its time and origin. */
export interface Reading {
  readonly metric: string;
  readonly value: number;
}

/** All metrics of one correlator. */
export class CorrelateMetrics {
  readonly registry: Registry = createRegistry("correlate");
  readonly #metrics: readonly Metric[];
  readonly #latency: StoreLatency | undefined;

  constructor(measured: Measured) {
    this.#latency = measured.latency;
    if (this.#latency !== undefined) {
      this.registry.registerMetric(this.#latency.histogram);
      this.registry.registerMetric(this.#latency.fromHello);
    }
    this.#metrics = metricsOf(measured);
    for (const metric of this.#metrics) this.#register(metric);
  }

  /**
   * Every value now, and the latency since the last call. A sum stands for the counters of loss,
   * whatever their labels.
   */
  readings(): Reading[] {
    const latency = this.#latency?.takeQuantiles(monotonicMs()) ?? [];
    const readings: Reading[] = [
      ...latency.map(({ quantile, seconds }) => ({
        metric: `correlate_store_latency_seconds{quantile="${quantile}"}`,
        value: seconds,
      })),
      {
        metric: "process_resident_memory_bytes",
        value: Deno.memoryUsage().rss,
      },
    ];
    for (const { name, values } of this.#metrics) {
      const found = values();
      if (/_(dropped|lost)_total$/.test(name)) {
        readings.push({
          metric: name,
          value: found.reduce((sum, { value }) => sum + value, 0),
        });
        continue;
      }
      for (const { labels, value } of found) {
        const text = Object.entries(labels)
          .map(([label, of]) => `${label}="${of}"`).join(",");
        readings.push({
          metric: text === "" ? name : `${name}{${text}}`,
          value,
        });
      }
    }
    return readings;
  }

  #register({ name, help, values }: Metric): void {
    const labelNames = Object.keys(values()[0]?.labels ?? {});
    const options = { name, help, labelNames, registers: [this.registry] };
    if (name.endsWith("_total")) {
      new Counter({
        ...options,
        collect(): void {
          this.reset();
          for (const { labels, value } of values()) this.inc(labels, value);
        },
      });
    } else {
      new Gauge({
        ...options,
        collect(): void {
          for (const { labels, value } of values()) this.set(labels, value);
        },
      });
    }
  }
}

function metricsOf(measured: Measured): Metric[] {
  const { pipeline, network, http, spool, delivery, sinks } = measured;
  const { join } = pipeline;
  const { counts } = join;
  return [
    metric("correlate_events_received_total", "Events of the inputs", () => [
      ...labelled("source", {
        network: pipeline.network.received + network.tooLong,
        http: pipeline.http.received + http.tooLong,
      }),
    ]),
    metric(
      "correlate_input_bytes_total",
      "Bytes of the inputs",
      () =>
        labelled("source", {
          network: pipeline.network.bytes,
          http: pipeline.http.bytes,
        }),
    ),
    metric(
      "correlate_events_discarded_total",
      "Events that make no row, by reason",
      () => [
        ...discarded("network", {
          ...pipeline.network.invalid,
          too_long: network.tooLong,
          control: pipeline.network.control,
          ...counts.handshakesDiscarded,
        }),
        ...discarded("http", {
          ...pipeline.http.invalid,
          too_long: http.tooLong,
          control: pipeline.http.control,
          ...counts.requestsDiscarded,
        }),
      ],
    ),
    metric(
      "correlate_input_lost_total",
      "Events that producers numbered and that never came",
      () =>
        labelled("source", {
          network: join.lost.handshakes,
          http: join.lost.requests,
        }),
    ),
    single(
      "correlate_killed_requests_lost_total",
      "Requests that waited in memory when the last run was killed",
      () => measured.killed,
    ),
    metric(
      "correlate_events_held",
      "Events in memory",
      () =>
        labelled("source", {
          network: join.handshakesHeld,
          http: join.requestsHeld,
        }),
    ),
    single(
      "correlate_join_bytes",
      "Event text of the handshakes in memory",
      () => join.bytesHeld,
    ),
    metric(
      "correlate_join_matched_total",
      "Requests with a handshake",
      () => labelled("match", counts.matched),
    ),
    metric(
      "correlate_join_orphans_total",
      "Requests without a handshake, by reason",
      () => labelled("reason", counts.orphans),
    ),
    single(
      "correlate_join_tls_only_total",
      "Handshakes that no request followed in time",
      () => counts.tlsOnly,
    ),
    metric(
      "correlate_join_evicted_total",
      "Handshakes removed early, by the bound that asked for it",
      () => labelled("reason", counts.evicted),
    ),
    single(
      "correlate_inputs_blocked",
      "1 while nothing is read, as the spool is full and nothing may be lost",
      () => spool?.blocked === true ? 1 : 0,
    ),
    single(
      "correlate_events_rewritten_total",
      "Events whose text was not that of our producers, and had to be written anew",
      () => pipeline.rewritten,
    ),
    single(
      "correlate_capture_up",
      "1 while a sensor is heard",
      () => join.captureUp ? 1 : 0,
    ),
    single(
      "correlate_sensors",
      "Sensors connected",
      () => network.connections,
    ),
    single(
      "correlate_ring_bytes",
      "Bytes that wait between reader and join",
      () => http.waitingBytes,
    ),
    single(
      "correlate_ring_full_waits_total",
      "Times the reader found no room",
      () => http.fullWaits,
    ),
    single(
      "correlate_max_dgram_qlen",
      "Datagrams the kernel queues, as far as measured; 0 if not",
      () => http.queueLength ?? 0,
    ),
    single(
      "correlate_event_loop_lag_seconds",
      "Longest turn of the event loop since the last reading",
      () => measured.loopLagMs() / 1000,
    ),
    metric(
      "correlate_rows_dropped_total",
      "Rows lost, by reason",
      () =>
        labelled("reason", {
          ...(spool?.counts.dropped ?? { full: 0, refused: 0, damaged: 0 }),
          sink: sinks.reduce((sum, { dropped }) => sum + dropped, 0),
        }),
    ),
    ...(spool === undefined ? [] : spoolMetrics(spool)),
    ...(delivery === undefined ? [] : deliveryMetrics(delivery)),
  ];
}

function spoolMetrics(spool: Spool): Metric[] {
  const { counts } = spool;
  return [
    metric(
      "correlate_spool_rows_total",
      "Rows of the spool",
      () =>
        labelled("what", {
          recovered: counts.recovered,
          written: counts.written,
          delivered: counts.delivered,
        }),
    ),
    single("correlate_spool_rows", "Rows that wait", () => spool.rowsHeld),
    single("correlate_spool_bytes", "Bytes on disk", () => spool.bytes),
    single(
      "correlate_spool_damaged_bytes_total",
      "Bytes found on disk that are no rows",
      () => counts.damagedBytes,
    ),
  ];
}

function deliveryMetrics(delivery: Delivery): Metric[] {
  const { counts } = delivery;
  return [
    single(
      "correlate_sink_rows_total",
      "Rows the database took",
      () => counts.rows,
    ),
    single(
      "correlate_sink_batches_total",
      "Batches the database took",
      () => counts.batches,
    ),
    single(
      "correlate_sink_retries_total",
      "Tries that were repeated",
      () => delivery.retries,
    ),
    single(
      "correlate_sink_in_doubt_total",
      "Inserts whose answer was lost",
      () => counts.inDoubt,
    ),
    single(
      "correlate_sink_repaired_rows_total",
      "Rows that were missing after such an insert",
      () => counts.repaired,
    ),
    single(
      "correlate_sink_windows_rebuilt_total",
      "Windows of aggregate tables written anew after such an insert",
      () => counts.windowsRebuilt,
    ),
    single(
      "correlate_sink_dead_rows_total",
      "Rows the database refused, set aside",
      () => counts.dead,
    ),
  ];
}

function metric(
  name: string,
  help: string,
  values: () => readonly Value[],
): Metric {
  return { name, help, values };
}

function single(name: string, help: string, read: () => number): Metric {
  return { name, help, values: () => [{ labels: {}, value: read() }] };
}

function labelled(
  label: string,
  values: Readonly<Record<string, number>>,
): Value[] {
  return Object.entries(values).map(([of, value]) => ({
    labels: { [label]: of },
    value,
  }));
}

function discarded(
  source: string,
  reasons: Readonly<Record<string, number>>,
): Value[] {
  return Object.entries(reasons).map(([reason, value]) => ({
    labels: { source, reason },
    value,
  }));
}
