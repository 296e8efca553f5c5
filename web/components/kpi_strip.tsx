/** The strip of six figures on top of the Overview. @module */
import type { ComponentChildren, VNode } from "preact";
import LiveNumber from "../islands/LiveNumber.tsx";
import type { Loaded } from "../data/ask.ts";
import { withRange } from "../data/range.ts";
import { threatLevel } from "../data/threat_level.ts";
import { age, compact, count, duration, percent, plural } from "./format.ts";
import type { OverviewData } from "./overview.tsx";
import { usePage } from "./page_view.ts";
import { SeverityBar } from "./severity.tsx";
import { Sparkline } from "./small_charts.tsx";

type StripData = Pick<
  OverviewData,
  | "traffic"
  | "before"
  | "fingerprints"
  | "detections"
  | "pastShare"
  | "pipeline"
  | "campaigns"
>;

export function KpiStrip(data: StripData): VNode {
  return (
    <section class="kpis card" aria-label="Key figures">
      <ThreatTile {...data} />
      <RequestsTile {...data} />
      <AnomalousTile {...data} />
      <OpenTile {...data} />
      <FingerprintTile {...data} />
      <PipelineTile {...data} />
    </section>
  );
}

function Tile(
  { title, aside, value, unit, children }: {
    title: string;
    aside?: ComponentChildren;
    value: ComponentChildren;
    unit?: ComponentChildren;
    children?: ComponentChildren;
  },
): VNode {
  return (
    <div class="kpi">
      <div class="kpi-head">
        <h2>{title}</h2>
        <span class="kpi-aside">{aside}</span>
      </div>
      <p class="kpi-value">
        {value} <span class="kpi-unit">{unit}</span>
      </p>
      <div class="kpi-foot">{children}</div>
    </div>
  );
}

/** The first failure among the parts of a tile, in its place. */
function Failed(
  { title, parts }: { title: string; parts: readonly Loaded<unknown>[] },
): VNode {
  const failed = parts.find((part) => !part.ok);
  return (
    <Tile title={title} value="–">
      <span class="bad">
        {failed !== undefined && !failed.ok ? failed.message : ""}
      </span>
    </Tile>
  );
}

function ThreatTile(
  { detections, traffic, pastShare, campaigns }: StripData,
): VNode {
  const title = "Threat level";
  if (!detections.ok || !traffic.ok || !pastShare.ok || !campaigns.ok) {
    return (
      <Failed
        title={title}
        parts={[detections, traffic, pastShare, campaigns]}
      />
    );
  }
  const level = threatLevel({
    open: detections.value.open.open,
    anomalousShare: traffic.value.anomalousShare,
    campaigns: campaigns.value.length,
    ...(pastShare.value === undefined ? {} : { past: pastShare.value }),
  });
  const steps = ["low", "medium", "high", "critical"] as const;
  return (
    <Tile
      title={title}
      aside={`${level.points} / 100`}
      value={level.word}
      unit={level.reason}
    >
      <svg
        class="sev-bar"
        width="100%"
        height="7"
        role="img"
        aria-label={`${level.points} of 100`}
      >
        {steps.map((step, index) => {
          const filled = Math.max(
            0,
            Math.min(1, (level.points - index * 25) / 25),
          );
          return (
            <g key={step}>
              <rect
                class="track"
                x={`${index * 25}%`}
                width="24%"
                height="7"
                rx="2"
              />
              {filled > 0
                ? (
                  <rect
                    class={`sev-${step}`}
                    x={`${index * 25}%`}
                    width={`${(24 * filled).toFixed(1)}%`}
                    height="7"
                    rx="2"
                  />
                )
                : null}
            </g>
          );
        })}
      </svg>
    </Tile>
  );
}

function RequestsTile({ traffic, before }: StripData): VNode {
  if (!traffic.ok) return <Failed title="Requests" parts={[traffic]} />;
  const { requests, columns } = traffic.value;
  return (
    <Tile
      title="Requests"
      aside={before.ok && before.value > requests * COMPARABLE
        ? (
          <span title={`${count(before.value)} in the range just before`}>
            {change(requests / before.value - 1)}
          </span>
        )
        : null}
      value={
        <data value={requests} title={count(requests)}>
          {compact(requests)}
        </data>
      }
    >
      <Sparkline values={columns.map((column) => column.total)} />
    </Tile>
  );
}

/** Below this share of the present range, the range before is not one to compare with: data began in it. */
const COMPARABLE = 0.1;

/** `+4.1 %`, `−12 %`. */
function change(share: number): string {
  const text = percent(Math.abs(share));
  return share < 0 ? `−${text}` : `+${text}`;
}

function AnomalousTile({ traffic }: StripData): VNode {
  if (!traffic.ok) return <Failed title="Anomalous share" parts={[traffic]} />;
  const { anomalousShare, columns, totals } = traffic.value;
  return (
    <Tile
      title="Anomalous share"
      aside={
        <span title={plural(totals.anomalous, "request")}>
          {compact(totals.anomalous)}
        </span>
      }
      value={percent(anomalousShare)}
    >
      <Sparkline
        values={columns.map(({ counts, total }) =>
          total === counts.unscored
            ? 0
            : counts.anomalous / (total - counts.unscored)
        )}
        tone="bad"
      />
    </Tile>
  );
}

function OpenTile({ detections }: StripData): VNode {
  const { url, nowMs } = usePage();
  if (!detections.ok) {
    return <Failed title="Open detections" parts={[detections]} />;
  }
  const { inbox, lastHour, oldestMs, open } = detections.value.open;
  return (
    <Tile
      title="Open detections"
      aside={lastHour > 0
        ? <span class="bad">+{count(lastHour)} in 1 h</span>
        : null}
      value={
        <a class="plain" href={withRange("/detections", url)}>
          <LiveNumber field="open_detections" initial={inbox} />
        </a>
      }
      unit={oldestMs === undefined
        ? "all seen"
        : `oldest ${age((nowMs - oldestMs) / 1000)}`}
    >
      <SeverityBar counts={open} />
    </Tile>
  );
}

function FingerprintTile({ fingerprints }: StripData): VNode {
  if (!fingerprints.ok) {
    return <Failed title="JA4 seen" parts={[fingerprints]} />;
  }
  const { seen, fresh, byColumn } = fingerprints.value;
  return (
    <Tile
      title="JA4 seen"
      aside={
        <span title="Not seen in the 30 days before">
          {count(fresh)} new
        </span>
      }
      value={count(seen)}
    >
      <Sparkline values={byColumn} />
    </Tile>
  );
}

/** Seconds from arrival to database beyond which the pipeline is behind. */
const LAG_BAD_S = 10;

function PipelineTile({ pipeline }: StripData): VNode {
  const { url, nowMs } = usePage();
  if (!pipeline.ok) return <Failed title="Pipeline" parts={[pipeline]} />;
  const { lagS, lastEventMs, correlated, dropped } = pipeline.value;
  const state = lastEventMs === undefined
    ? { word: "no events", tone: "bad" }
    : dropped > 0
    ? { word: "losing events", tone: "bad" }
    : (lagS ?? 0) > LAG_BAD_S
    ? { word: "behind", tone: "bad" }
    : { word: "healthy", tone: "good" };
  return (
    <Tile
      title="Pipeline"
      aside={
        <a class={state.tone} href={withRange("/health", url)}>{state.word}</a>
      }
      value={lagS !== undefined
        ? duration(lagS)
        : lastEventMs === undefined
        ? "–"
        : age((nowMs - lastEventMs) / 1000)}
      unit={lagS !== undefined
        ? "p95 lag"
        : lastEventMs === undefined
        ? "in 15 min"
        : "since an event"}
    >
      {correlated === undefined ? "" : `${percent(correlated)} correlated, `}
      {plural(dropped, "drop")}
    </Tile>
  );
}
