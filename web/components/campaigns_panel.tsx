import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { Campaign } from "../data/campaigns.ts";
import { count, plural } from "./format.ts";
import { Empty, Panel } from "./panel.tsx";
import { SeverityGlyph } from "./severity.tsx";
import { Ago } from "./text.tsx";
import { CampaignLink } from "./values.tsx";

/** Campaigns of the range. */
export function CampaignsPanel(
  { campaigns }: { campaigns: Loaded<Campaign[]> },
): VNode {
  return (
    <Panel
      title="Campaigns"
      note="detections that act as one"
      class="span-8 flush"
      loaded={campaigns}
    >
      {(list) =>
        list.length === 0
          ? (
            <Empty title="No campaign in this time range">
              Detections that share fingerprint, headers and behaviour are
              grouped here.
            </Empty>
          )
          : (
            <div
              class="table-scroll"
              tabIndex={0}
              role="region"
              aria-label="Campaigns"
            >
              <table class="data">
                <thead>
                  <tr>
                    <th scope="col">Campaign</th>
                    <th scope="col">What</th>
                    <th scope="col" class="num">Addr.</th>
                    <th scope="col" class="num">Seen</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map((campaign) => (
                    <tr key={campaign.id}>
                      <td class="nowrap">
                        <SeverityGlyph severity={campaign.severity} label />
                        {" "}
                        <CampaignLink id={campaign.id} />
                      </td>
                      <td
                        class="clip wide"
                        title={`${printable(campaign.title)}, ${
                          plural(campaign.detections.length, "detection")
                        }, ${plural(campaign.requests, "request")}`}
                      >
                        {printable(campaign.title)}
                      </td>
                      <td class="num">{count(campaign.addresses)}</td>
                      <td class="num">
                        <Ago ms={campaign.lastSeenMs} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
    </Panel>
  );
}
