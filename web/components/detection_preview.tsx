/** A detection in brief, beside the list: why, who, and the verdict. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { DetectionView } from "../data/detection.ts";
import { withParams, withRange } from "../data/range.ts";
import { claimOf } from "../data/user_agents.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { NOTHING_DONE } from "./done_notice.tsx";
import { featureView } from "./features.ts";
import { count, duration } from "./format.ts";
import { usePage } from "./page_view.ts";
import { ContributionBar } from "./reason_charts.tsx";
import { SeverityBadge } from "./severity.tsx";
import {
  CampaignLink,
  HostLink,
  IpLink,
  Ja4Link,
  NetworkLinks,
} from "./values.tsx";
import { VERDICTS, verdictWord } from "./verdict.ts";

/** Reasons shown. */
const LINES = 5;

export function Preview(
  { detection, list }: {
    detection: DetectionView;
    /** The list beside it, to which a verdict leads back. */
    list: URL;
  },
): VNode {
  const { url, mayTriage } = usePage();
  const { id, severity, score, verdict } = detection;
  const reasons = detection.reasons
    .toSorted((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const largest = Math.abs(reasons[0]?.contribution ?? 0);
  const claim = claimOf(detection.user_agent);
  const spanS = (detection.lastSeenMs - detection.firstSeenMs) / 1000;
  const page = withRange(`/detections/${id}`, url);
  return (
    <div id="preview" data-preview={id}>
      <p class="preview-head">
        <SeverityBadge severity={severity} />
        <b>{score.toFixed(2)}</b>
        <span class="mono muted">{id}</span>
        <a class="btn" href={page}>Open</a>
      </p>
      <p class="preview-text">
        <b>
          <bdi>{printable(detection.title)}.</bdi>
        </b>{" "}
        <span class="muted">{printable(detection.summary)}</span>
      </p>
      {reasons.length === 0
        ? <p class="preview-text">No single feature explains this.</p>
        : (
          <table class="data preview-reasons">
            <caption class="visually-hidden">Why it was flagged</caption>
            <tbody>
              {reasons.slice(0, LINES).map((reason) => {
                const { label, format } = featureView(reason.feature);
                return (
                  <tr key={reason.feature}>
                    <th scope="row">{printable(label)}</th>
                    <td class="num strong">
                      {printable(reason.here ?? format(reason.value))}
                    </td>
                    <td>
                      <ContributionBar
                        contribution={reason.contribution}
                        largest={largest}
                      />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      {detection.ja4 === "" ? null : (
        <p class="ja4-box">
          <Ja4Link ja4={detection.ja4} />
          <CopyButton text={detection.ja4} label="JA4" />
        </p>
      )}
      <dl class="facts-list">
        <dt>Handshake</dt>
        <dd>
          {detection.ja4 === ""
            ? "none seen"
            : printable(detection.client) || "client not known"}
        </dd>
        <dt>Claims</dt>
        <dd>
          {printable(claim.product)}
          {claim.system === "" ? "" : ` on ${claim.system}`}
        </dd>
        <dt>Source</dt>
        <dd class="wrap">
          <IpLink ip={detection.src_ip} />
        </dd>
        <dt>Network</dt>
        <dd class="wrap">
          <NetworkLinks {...detection} />
        </dd>
        <dt>Target</dt>
        <dd class="wrap">
          <HostLink host={detection.http_host} max={40} />
        </dd>
        <dt>Requests</dt>
        <dd>{count(detection.requests)} in {duration(spanS)}</dd>
        {detection.campaign_id === "" ? null : (
          <>
            <dt>Campaign</dt>
            <dd>
              <CampaignLink id={detection.campaign_id} />
            </dd>
          </>
        )}
      </dl>
      {mayTriage
        ? (
          <form
            class="preview-verdict"
            method="post"
            action={withParams(list, { sel: id, ...NOTHING_DONE })}
          >
            <input type="hidden" name="id" value={id} />
            <span class="btn-group" role="group" aria-label="Verdict">
              {VERDICTS.map((one, index) => (
                <button
                  key={one}
                  class="btn"
                  type="submit"
                  name="action"
                  value={verdict === one ? "no_verdict" : one}
                  aria-pressed={verdict === one ? "true" : "false"}
                >
                  {verdictWord(one)} <kbd>{index + 1}</kbd>
                </button>
              ))}
            </span>
          </form>
        )
        : null}
    </div>
  );
}
