/** The dashboard for Grafana, packaging/monitoring/ja4-platform.dashboard.json, from a table of panels. @module */

/** One diagram. */
interface Panel {
  readonly title: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  readonly queries: readonly {
    readonly expr: string;
    readonly legend: string;
  }[];
  /** Columns of 24. */
  readonly width: number;
}

const BY_TIME = "[$__rate_interval]";

function panel(
  title: string,
  unit: string,
  queries: Readonly<Record<string, string>>,
  width = 8,
): Panel {
  return {
    title,
    unit,
    width,
    queries: Object.entries(queries).map(([legend, expr]) => ({
      legend,
      expr,
    })),
  };
}

function rate(metric: string, by = ""): string {
  const selector = `rate(${metric}${BY_TIME})`;
  return by === "" ? `sum(${selector})` : `sum by (${by}) (${selector})`;
}

/** Rows of the dashboard with their panels, in the order of the data's way. */
export const ROWS: readonly { title: string; panels: readonly Panel[] }[] = [
  {
    title: "All parts",
    panels: [
      panel("Parts that answer", "short", {
        "{{component}} {{instance}}": "ja4_up",
      }, 6),
      panel("Memory", "bytes", {
        "{{component}}": "process_resident_memory_bytes",
      }, 6),
      panel("Up for", "s", {
        "{{component}}": "time() - process_start_time_seconds",
      }, 6),
      panel("Versions", "short", {
        "{{component}} {{version}}": "ja4_build_info",
      }, 6),
    ],
  },
  {
    title: "Capture",
    panels: [
      panel("Packets", "pps", {
        read: rate("capture_packets_total"),
        "dropped by the kernel": rate("capture_kernel_drops_total"),
        "dropped by the interface": rate("capture_interface_drops_total"),
      }),
      panel("ClientHellos", "cps", {
        "{{status}}": rate("capture_handshakes_total", "status"),
      }),
      panel("Events lost before the correlator", "cps", {
        "{{outlet}}": rate("capture_events_dropped_total", "outlet"),
      }),
    ],
  },
  {
    title: "Correlate",
    panels: [
      panel("Events received", "cps", {
        "{{source}}": rate("correlate_events_received_total", "source"),
      }),
      panel("Requests with their handshake", "percentunit", {
        share: `${rate("correlate_join_matched_total")} / (${
          rate("correlate_join_matched_total")
        } + ${rate("correlate_join_orphans_total")})`,
      }),
      panel("Lost and discarded", "cps", {
        "lost {{source}}": rate("correlate_input_lost_total", "source"),
        "discarded {{reason}}": rate(
          "correlate_events_discarded_total",
          "reason",
        ),
        "rows dropped": rate("correlate_rows_dropped_total"),
      }),
      panel("Rows that wait for the database", "short", {
        rows: "correlate_spool_rows",
      }),
      panel("Rows stored", "cps", {
        stored: rate("correlate_sink_rows_total"),
        retries: rate("correlate_sink_retries_total"),
        refused: rate("correlate_sink_dead_rows_total"),
      }),
      panel("Request to row", "s", {
        p50:
          `histogram_quantile(0.5, sum by (le) (rate(correlate_store_latency_seconds_bucket${BY_TIME})))`,
        p99:
          `histogram_quantile(0.99, sum by (le) (rate(correlate_store_latency_seconds_bucket${BY_TIME})))`,
      }),
    ],
  },
  {
    title: "Detect and dashboard",
    panels: [
      panel("Windows scored", "cps", {
        windows: rate("detect_windows_scored_total"),
      }),
      panel("Length of a cycle", "s", {
        last: "detect_cycle_duration_seconds",
      }),
      panel("Alerts", "short", {
        raised: "increase(detect_alerts_total[1h])",
        "{{result}}": "sum by (result) (increase(detect_deliveries_total[1h]))",
      }),
      panel("Requests of the dashboard", "reqps", {
        "{{status}}": rate("web_requests_total", "status"),
      }),
      panel("Logins", "cps", {
        "{{outcome}}": rate("web_logins_total", "outcome"),
      }),
      panel("Open browsers", "short", { streams: "web_event_streams" }),
    ],
  },
];

/** Lines of Grafana's grid that a diagram takes. */
const HEIGHT = 8;
const COLUMNS = 24;

/** The file. */
export function grafanaDashboard(): string {
  const panels: unknown[] = [];
  let y = 0;
  for (const { title, panels: own } of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y++;
    let x = 0;
    for (const { title, unit, queries, width } of own) {
      if (x + width > COLUMNS) {
        x = 0;
        y += HEIGHT;
      }
      panels.push({
        id: panels.length + 1,
        type: "timeseries",
        title,
        datasource: { type: "prometheus", uid: "${datasource}" },
        gridPos: { x, y, w: width, h: HEIGHT },
        fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
        options: { legend: { displayMode: "list", placement: "bottom" } },
        targets: queries.map(({ expr, legend }, index) => ({
          refId: String.fromCharCode(65 + index),
          expr,
          legendFormat: legend,
          datasource: { type: "prometheus", uid: "${datasource}" },
        })),
      });
      x += width;
    }
    y += HEIGHT;
  }
  const dashboard = {
    uid: "ja4-platform",
    title: "JA4 platform",
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: {
      list: [{
        name: "datasource",
        label: "Data source",
        type: "datasource",
        query: "prometheus",
      }],
    },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
