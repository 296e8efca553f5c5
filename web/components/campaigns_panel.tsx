import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { Campaign } from "../data/campaigns.ts";
import { TablePanel } from "./data_table.tsx";
import { count, plural } from "./format.ts";
import { Empty } from "./panel.tsx";
import { SeverityGlyph } from "./severity.tsx";
import { Ago } from "./text.tsx";
import { CampaignLink } from "./values.tsx";

/** Campaigns of the range. */
export function CampaignsPanel(
  { campaigns }: { campaigns: Loaded<Campaign[]> },
): VNode {
  return (
    <TablePanel
      title="Campaigns"
      note="detections that act as one"
      class="span-9"
      loaded={campaigns}
      empty={
        <Empty title="No campaign in this time range">
          Detections that share fingerprint, headers and behaviour are grouped
          here.
        </Empty>
      }
      columns={[
        {
          head: "Campaign",
          class: "nowrap",
          cell: (row) => (
            <>
              <SeverityGlyph severity={row.severity} label />{" "}
              <CampaignLink id={row.id} />
            </>
          ),
        },
        {
          head: "What",
          class: "clip wide",
          cell: (row) => printable(row.title),
          title: (row) =>
            `${printable(row.title)}, ${
              plural(row.detections.length, "detection")
            }, ${plural(row.requests, "request")}`,
        },
        { head: "Addr.", num: true, cell: (row) => count(row.addresses) },
        {
          head: "Seen",
          num: true,
          cell: (row) => <Ago ms={row.lastSeenMs} />,
        },
      ]}
    />
  );
}
