import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { DetectionView, SourceFacts } from "../data/detection.ts";
import { withRange } from "../data/range.ts";
import { claimOf } from "../data/user_agents.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { dayClock, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Panel } from "./panel.tsx";
import { Moment } from "./text.tsx";
import { HostLink, IpLink, NetworkLinks, UserAgentLink } from "./values.tsx";

/** Who it is, as far as the packets and the headers say. */
export function SourceCard(
  { detection, facts }: {
    detection: DetectionView;
    facts: Loaded<SourceFacts>;
  },
): VNode {
  const { url, mayTriage } = usePage();
  const claim = claimOf(detection.user_agent);
  return (
    <Panel
      title="Source"
      loaded={facts}
      actions={
        <a href={withRange(`/ip/${detection.src_ip}`, url)}>
          <Icon name="arrow-up-right" /> Address page
        </a>
      }
    >
      {(known) => (
        <dl class="facts-list">
          <dt>Address</dt>
          <dd>
            <IpLink ip={detection.src_ip} />{" "}
            {detection.networkKind === "" ? null : (
              <span class="badge warn">
                {printable(detection.networkKind)}
              </span>
            )}
            <CopyButton text={detection.src_ip} label="address" />
          </dd>
          <dt>Network</dt>
          <dd>
            <NetworkLinks {...detection} />
          </dd>
          <dt>Target</dt>
          <dd>
            <HostLink host={detection.http_host} />
          </dd>
          <dt>Claims</dt>
          <dd>
            {printable(claim.product)}
            {claim.system === "" ? "" : ` on ${claim.system}`}
          </dd>
          <dt>User agent</dt>
          <dd class="wrap">
            {detection.user_agent === ""
              ? <span class="muted">none sent</span>
              : (
                <span class="mono small">
                  <UserAgentLink userAgent={detection.user_agent} max={160} />
                </span>
              )}
          </dd>
          <dt>First seen</dt>
          <dd>
            {known.firstSeenMs === undefined
              ? <span class="muted">no longer kept</span>
              : <Moment ms={known.firstSeenMs} format={dayClock} label />}
          </dd>
          <dt>Also</dt>
          <dd>
            {known.otherDetections === 0 ? "no other detection" : (
              <a
                href={withRange("/detections", url, { ip: detection.src_ip })}
              >
                {plural(known.otherDetections, "other detection")}
              </a>
            )}
          </dd>
          <dt>Lists</dt>
          <dd>
            {known.lists.length === 0
              ? "none"
              : known.lists.map((list) => (
                <span key={list} class={`badge list-${list}`}>
                  {printable(list)}
                </span>
              ))} {mayTriage
              ? (
                <a
                  data-key="l"
                  href={`/lists?value=${encodeURIComponent(detection.src_ip)}`}
                >
                  Add the address <kbd>l</kbd>
                </a>
              )
              : null}
          </dd>
        </dl>
      )}
    </Panel>
  );
}
