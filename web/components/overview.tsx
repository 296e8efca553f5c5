/** The Overview: how bad it is, what the traffic does, what needs a person. @module */
import type { VNode } from "preact";
import LiveMark from "../islands/LiveMark.tsx";
import LiveNumber from "../islands/LiveNumber.tsx";
import LiveRequests from "../islands/LiveRequests.tsx";
import { type Loaded, part } from "../data/ask.ts";
import type { Campaign } from "../data/campaigns.ts";
import type { DetectionsInBrief } from "../data/open_detections.ts";
import type { FingerprintFigures } from "../data/overview.ts";
import type { PipelineState } from "../data/pipeline.ts";
import { type TimeRange, withRange } from "../data/range.ts";
import type { ScoreHistogram } from "../data/score_histogram.ts";
import type { ThreatFacts } from "../data/threat_level.ts";
import type { Source, TopOrder, Tops } from "../data/top.ts";
import type { Traffic } from "../data/traffic.ts";
import type { ClaimRow } from "../data/user_agents.ts";
import type { LiveNumbers } from "../live_query.ts";
import { CampaignsPanel } from "./campaigns_panel.tsx";
import { ClaimsPanel } from "./claims_panel.tsx";
import { Done } from "./done_notice.tsx";
import { compact } from "./format.ts";
import { KpiStrip } from "./kpi_strip.tsx";
import { NeedsAttention } from "./needs_attention.tsx";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";
import { ScoreChart } from "./small_charts.tsx";
import { TopFingerprints, TopHosts, TopSources } from "./top_panels.tsx";
import { TrafficPanel } from "./traffic_panel.tsx";

/** All that the Overview shows; each part may have failed to load by itself. */
export interface OverviewData {
  readonly range: TimeRange;
  readonly orders: Readonly<Record<"fp" | "ip" | "host", TopOrder>>;
  readonly traffic: Loaded<Traffic>;
  readonly before: Loaded<number>;
  readonly fingerprints: Loaded<FingerprintFigures>;
  readonly detections: Loaded<DetectionsInBrief>;
  readonly pastShare: Loaded<ThreatFacts["past"]>;
  readonly pipeline: Loaded<PipelineState>;
  readonly source: Source;
  readonly tops: Loaded<Tops>;
  readonly claims: Loaded<ClaimRow[]>;
  readonly campaigns: Loaded<Campaign[]>;
  readonly histogram: Loaded<ScoreHistogram>;
  readonly live: Loaded<LiveNumbers>;
}

export function Overview(data: OverviewData): VNode {
  const { range, traffic, live } = data;
  const { url, zone } = usePage();
  const query = withRange("/", url).slice(1);
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <span class="page-note">{range.label}</span>
        {live.ok
          ? (
            <p class="live-line">
              <LiveMark />
              <b>
                <LiveNumber
                  field="requests_1m"
                  initial={live.value.requests_1m}
                />
              </b>{" "}
              requests and{" "}
              <b>
                <LiveNumber
                  field="handshakes_1m"
                  initial={live.value.handshakes_1m}
                />
              </b>{" "}
              handshakes in the last minute
            </p>
          )
          : null}
      </div>
      <Done />
      <KpiStrip {...data} />
      <div class="grid">
        <TrafficPanel
          title="Traffic by class"
          traffic={traffic}
          range={range}
          detections={data.detections.ok ? data.detections.value.lane : []}
          empty={<NoTraffic {...data} />}
        />
        <NeedsAttention detections={data.detections} />
        <TopFingerprints
          rows={part(data.tops, (tops) => tops.fingerprints)}
          order={data.orders.fp}
        />
        <TopSources
          rows={part(data.tops, (tops) => tops.sources)}
          order={data.orders.ip}
          source={data.source}
        />
        <TopHosts
          rows={part(data.tops, (tops) => tops.hosts)}
          order={data.orders.host}
        />
        <ClaimsPanel rows={data.claims} />
        <CampaignsPanel campaigns={data.campaigns} />
        <Panel
          title="Score distribution"
          note="log scale"
          class="span-6"
          loaded={data.histogram}
        >
          {(value) =>
            value.total === 0
              ? (
                <Empty title="Nothing is scored yet">
                  The detector scores windows of traffic every few seconds.
                </Empty>
              )
              : <ScoreChart histogram={value} />}
        </Panel>
        <Panel
          title="Latest requests"
          note={
            <>
              <LiveMark /> with the handshake of their connection
            </>
          }
          class="span-24"
          loaded={live}
        >
          {(value) => (
            <LiveRequests initial={value.requests} zone={zone} query={query} />
          )}
        </Panel>
      </div>
    </>
  );
}

/** No traffic in the range: because nothing comes in at all, or only not then. */
function NoTraffic({ before, range }: OverviewData): VNode {
  const { url } = usePage();
  const earlier = before.ok ? before.value : 0;
  return earlier > 0 || range.explicit
    ? (
      <Empty title="No request in this time range">
        {earlier > 0
          ? `There are ${compact(earlier)} in the range just before. `
          : ""}
        <a href={withRange("/", url, { from: "-7d", to: "" })}>
          Show the last 7 days
        </a>
      </Empty>
    )
    : (
      <Empty title="No traffic has arrived yet">
        Send a request to the web server that is watched; it appears here within
        two seconds. If it does not, <a href="/health">System health</a>{" "}
        shows which part is silent.
      </Empty>
    );
}
