import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import type { DetectionColumn } from "../data/open_detections.ts";
import type { TimeRange } from "../data/range.ts";
import type { Traffic } from "../data/traffic.ts";
import { Panel } from "./panel.tsx";
import { TrafficChart, TrafficLegend } from "./traffic_chart.tsx";

/** The card of the chart of requests over time; `empty` stands in it where there is no request. */
export function TrafficPanel(
  { title, traffic, empty, ...chart }: {
    title: string;
    traffic: Loaded<Traffic>;
    range: TimeRange;
    detections?: readonly DetectionColumn[];
    empty: VNode;
  },
): VNode {
  return (
    <Panel
      title={title}
      class="span-16"
      loaded={traffic}
      {...(traffic.ok && traffic.value.requests > 0
        ? { actions: <TrafficLegend traffic={traffic.value} /> }
        : {})}
    >
      {(value) =>
        value.requests === 0
          ? empty
          : <TrafficChart traffic={value} {...chart} />}
    </Panel>
  );
}
