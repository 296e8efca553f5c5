/** Metrics of the capture, read from its totals when they are asked for. @module */
import {
  Counter,
  createRegistry,
  Gauge,
  type Registry,
} from "../lib/metrics.ts";
import type { Outlet } from "./outlet.ts";
import type { EvidenceRing } from "./evidence.ts";
import type { Totals } from "./totals.ts";

/** What is measured. */
export interface Measured {
  /** Undefined before the first packets were looked for. */
  readonly totals: () => Totals | undefined;
  readonly outlets: readonly Outlet[];
  readonly evidence: EvidenceRing | undefined;
  /** Whether the interface is open and up. */
  readonly isUp: () => boolean;
}

/** A registry over what the parts say at the time. */
export function captureRegistry(
  { totals, outlets, evidence, isUp }: Measured,
): Registry {
  const registry = createRegistry("capture");
  const counter = (
    name: string,
    help: string,
    value: (totals: Totals) => number,
  ): void => {
    new Counter({
      name,
      help,
      registers: [registry],
      collect(): void {
        this.reset();
        const sums = totals();
        if (sums !== undefined) this.inc(value(sums));
      },
    });
  };
  const labelled = <Label extends string>(
    name: string,
    help: string,
    label: Label,
    values: (totals: Totals) => Readonly<Record<string, number>>,
  ): void => {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect(): void {
        this.reset();
        const sums = totals();
        if (sums === undefined) return;
        for (const [key, value] of Object.entries(values(sums))) {
          this.inc({ [label]: key } as Record<Label, string>, value);
        }
      },
    });
  };
  const gauge = (
    name: string,
    help: string,
    value: (totals: Totals) => number,
  ): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect(): void {
        const sums = totals();
        if (sums !== undefined) this.set(value(sums));
      },
    });
  };

  counter(
    "capture_packets_total",
    "Packets that passed the filter and were read",
    ({ parser, oversized }) => parser.packets + oversized,
  );
  counter(
    "capture_bytes_total",
    "Bytes of these packets, as captured",
    ({ parser }) => parser.bytes,
  );
  counter(
    "capture_kernel_drops_total",
    "Packets the kernel dropped because the ring was full",
    ({ kernel }) => kernel.kernelDrops,
  );
  counter(
    "capture_interface_drops_total",
    "Packets the interface or its driver dropped",
    ({ kernel }) => kernel.interfaceDrops,
  );
  labelled(
    "capture_handshakes_total",
    "ClientHellos by what became of them",
    "status",
    ({ parser: { complete, malformed, truncated, gap, sslv2 } }) => ({
      complete,
      malformed,
      truncated,
      gap,
      sslv2,
    }),
  );
  labelled(
    "capture_packets_skipped_total",
    "Packets in which no ClientHello was looked for",
    "reason",
    ({ parser, oversized }) => ({
      link_type_unknown: parser.linkTypeUnknown,
      not_ip: parser.notIp,
      fragment: parser.fragmentsDiscarded,
      not_tls: parser.notTls,
      tcp_malformed: parser.tcpMalformed,
      quic_not_authentic: parser.quicNotAuthentic,
      quic_version_unknown: parser.quicVersionUnknown,
      oversized,
    }),
  );
  counter(
    "capture_segments_discarded_total",
    "Segments beyond what is kept of an unfinished ClientHello",
    ({ parser }) => parser.segmentsDiscarded,
  );
  counter(
    "capture_flows_evicted_total",
    "Connections forgotten to make room for newer ones",
    ({ parser }) => parser.flowsEvicted,
  );
  counter(
    "capture_streams_evicted_total",
    "Unfinished ClientHellos given up to make room for newer ones",
    ({ parser }) => parser.streamsEvicted,
  );
  counter(
    "capture_wasm_traps_total",
    "Times the parser had to be replaced; each is a fault of ours",
    ({ traps }) => traps,
  );
  gauge(
    "capture_flows_held",
    "Connections remembered",
    ({ parser }) => parser.flowsHeld,
  );
  gauge(
    "capture_streams_held",
    "Unfinished ClientHellos",
    ({ parser }) => parser.streamsHeld,
  );
  labelled(
    "capture_events_dropped_total",
    "Events dropped because an outlet's reader did not keep up",
    "outlet",
    () =>
      Object.fromEntries(
        outlets.map((outlet) => [outlet.name, outlet.eventsDropped]),
      ),
  );
  labelled(
    "capture_events_repeated_total",
    "Events sent again, because a reader left before it had read all",
    "outlet",
    () =>
      Object.fromEntries(
        outlets.map((outlet) => [outlet.name, outlet.eventsRepeated]),
      ),
  );
  new Gauge({
    name: "capture_interface_up",
    help: "Whether the interface is open and up",
    registers: [registry],
    collect(): void {
      this.set(isUp() ? 1 : 0);
    },
  });
  if (evidence !== undefined) {
    const kept = (
      name: string,
      help: string,
      value: () => number,
    ): void => {
      new Counter({
        name,
        help,
        registers: [registry],
        collect(): void {
          this.reset();
          this.inc(value());
        },
      });
    };
    kept(
      "capture_evidence_packets_total",
      "Packets written to files of evidence",
      () => evidence.packetsWritten,
    );
    kept(
      "capture_evidence_packets_dropped_total",
      "Packets that the disk did not take, or not in time",
      () => evidence.packetsDropped,
    );
  }
  new Gauge({
    name: "capture_outlet_connected",
    help: "Whether an outlet is open",
    labelNames: ["outlet"],
    registers: [registry],
    collect(): void {
      for (const { name, connected } of outlets) {
        this.set({ outlet: name }, connected ? 1 : 0);
      }
    },
  });
  return registry;
}
