/** Metrics of the capture, read from its totals when they are asked for. @module */
import {
  Counter,
  createRegistry,
  Gauge,
  type Registry,
} from "../lib/metrics.ts";
import type { EvidenceRing } from "./evidence.ts";
import type { Outlet } from "./outlet.ts";
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

/** Values by the value of a label; without a label the one value has an empty name. */
type Values = Readonly<Record<string, number>>;

/** A metric; one whose name ends in `_total` is a counter. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  readonly values: () => Values;
}

/** Metrics of the totals, with one value each. */
const SUMS: readonly [
  name: string,
  help: string,
  value: (totals: Totals) => number,
][] = [
  [
    "capture_packets_total",
    "Packets that passed the filter and were read",
    ({ parser, oversized }) => parser.packets + oversized,
  ],
  [
    "capture_bytes_total",
    "Bytes of these packets, as captured",
    ({ parser }) => parser.bytes,
  ],
  [
    "capture_kernel_drops_total",
    "Packets the kernel dropped because the ring was full",
    ({ kernel }) => kernel.kernelDrops,
  ],
  [
    "capture_interface_drops_total",
    "Packets dropped by the interface, its driver or the queue behind it",
    ({ kernel }) => kernel.interfaceDrops,
  ],
  [
    "capture_segments_discarded_total",
    "Segments beyond what is kept of an unfinished ClientHello",
    ({ parser }) => parser.segmentsDiscarded,
  ],
  [
    "capture_flows_evicted_total",
    "Connections forgotten to make room for newer ones",
    ({ parser }) => parser.flowsEvicted,
  ],
  [
    "capture_streams_evicted_total",
    "Unfinished ClientHellos given up to make room for newer ones",
    ({ parser }) => parser.streamsEvicted,
  ],
  [
    "capture_wasm_traps_total",
    "Times the parser had to be replaced; each is a fault of ours",
    ({ traps }) => traps,
  ],
  [
    "capture_flows_held",
    "Connections remembered",
    ({ parser }) => parser.flowsHeld,
  ],
  [
    "capture_streams_held",
    "Unfinished ClientHellos",
    ({ parser }) => parser.streamsHeld,
  ],
];

/** A registry over what the parts say at the time. */
export function captureRegistry(measured: Measured): Registry {
  const registry = createRegistry("capture");
  for (
    const metric of [
      ...ofTotals(measured.totals),
      ...ofOutlets(measured.outlets),
      ...ofEvidence(measured.evidence),
      {
        name: "capture_interface_up",
        help: "Whether the interface is open and up",
        values: () => ({ "": measured.isUp() ? 1 : 0 }),
      },
    ]
  ) register(registry, metric);
  return registry;
}

function ofTotals(totals: () => Totals | undefined): Metric[] {
  const read = (values: (totals: Totals) => Values) => (): Values => {
    const sums = totals();
    return sums === undefined ? {} : values(sums);
  };
  return [
    ...SUMS.map(([name, help, value]) => ({
      name,
      help,
      values: read((sums) => ({ "": value(sums) })),
    })),
    {
      name: "capture_handshakes_total",
      help: "ClientHellos by what became of them",
      label: "status",
      values: read(({ parser }) => {
        const { complete, malformed, truncated, gap, sslv2 } = parser;
        return { complete, malformed, truncated, gap, sslv2 };
      }),
    },
    {
      name: "capture_packets_skipped_total",
      help: "Packets in which no ClientHello was looked for",
      label: "reason",
      values: read(({ parser, oversized }) => ({
        link_type_unknown: parser.linkTypeUnknown,
        not_ip: parser.notIp,
        fragment: parser.fragmentsDiscarded,
        not_tls: parser.notTls,
        tcp_malformed: parser.tcpMalformed,
        quic_not_authentic: parser.quicNotAuthentic,
        quic_version_unknown: parser.quicVersionUnknown,
        oversized,
      })),
    },
  ];
}

function ofOutlets(outlets: readonly Outlet[]): Metric[] {
  const label = "outlet";
  const read = (value: (outlet: Outlet) => number) => (): Values =>
    Object.fromEntries(outlets.map((outlet) => [outlet.name, value(outlet)]));
  return [
    {
      name: "capture_events_dropped_total",
      help: "Events dropped because an outlet's reader did not keep up",
      label,
      values: read(({ eventsDropped }) => eventsDropped),
    },
    {
      name: "capture_events_repeated_total",
      help: "Events sent again, because a reader left before it had read all",
      label,
      values: read(({ eventsRepeated }) => eventsRepeated),
    },
    {
      name: "capture_outlet_connected",
      help: "Whether an outlet is open",
      label,
      values: read(({ connected }) => connected ? 1 : 0),
    },
  ];
}

function ofEvidence(evidence: EvidenceRing | undefined): Metric[] {
  if (evidence === undefined) return [];
  return [
    {
      name: "capture_evidence_packets_total",
      help: "Packets written to files of evidence",
      values: () => ({ "": evidence.packetsWritten }),
    },
    {
      name: "capture_evidence_packets_dropped_total",
      help: "Packets that the disk did not take, or not in time",
      values: () => ({ "": evidence.packetsDropped }),
    },
  ];
}

function register(
  registry: Registry,
  { name, help, label, values }: Metric,
): void {
  const labelNames = label === undefined ? [] : [label];
  const labels = (value: string): Record<string, string> =>
    label === undefined ? {} : { [label]: value };
  const registers = [registry];
  if (name.endsWith("_total")) {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect(): void {
        this.reset();
        for (const [key, value] of Object.entries(values())) {
          this.inc(labels(key), value);
        }
      },
    });
    return;
  }
  new Gauge({
    name,
    help,
    labelNames,
    registers,
    collect(): void {
      for (const [key, value] of Object.entries(values())) {
        this.set(labels(key), value);
      }
    },
  });
}
