import type { VNode } from "preact";
import { clock } from "../components/format.ts";
import type { LiveRequest } from "../live.ts";
import { useLive } from "../live_client.ts";

const MATCH_WORDS: Readonly<Record<LiveRequest["match"], string>> = {
  conn: "exact",
  window: "by time",
  none: "no handshake",
  tls_only: "no request",
};

/** The newest requests with their handshakes, as they come in. Holds still under the pointer or focus. */
export default function LiveRequests(
  { initial, zone, query }: {
    initial: readonly LiveRequest[];
    zone: string;
    /** Query string that links carry: the range of the page, with its question mark, or "". */
    query: string;
  },
): VNode {
  const live = useLive();
  const rows = (live.value?.requests ?? initial).slice(0, 8);
  return (
    <div
      class="table-scroll"
      tabIndex={0}
      role="region"
      aria-label="Latest requests"
    >
      <table class="data live-requests" data-live-rows={rows.length}>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Address</th>
            <th scope="col">JA4</th>
            <th scope="col">Client by JA4</th>
            <th scope="col">Request</th>
            <th scope="col" class="num">Status</th>
            <th scope="col">Correlation</th>
          </tr>
        </thead>
        <tbody>
          {rows.length === 0
            ? (
              <tr>
                <td colSpan={7} class="muted">No request in the last minute</td>
              </tr>
            )
            : rows.map((row) => (
              <tr key={row.event_id}>
                <td class="mono">{clock(row.ts / 1000, zone)}</td>
                <td>
                  <a class="value mono" href={`/ip/${row.src_ip}${query}`}>
                    {row.src_ip}
                  </a>
                </td>
                <td>
                  {row.ja4 === ""
                    ? <span class="muted">no handshake</span>
                    : (
                      <a class="value" href={`/ja4/${row.ja4}${query}`}>
                        <span class="ja4">
                          {row.ja4.split("_").map((part, index) => (
                            <>
                              {index === 0 ? "" : "_"}
                              <span class={`ja4-${"abc"[index] ?? "c"}`}>
                                {part}
                              </span>
                            </>
                          ))}
                        </span>
                      </a>
                    )}
                </td>
                <td>
                  {row.ja4_client === ""
                    ? <span class="muted">unknown</span>
                    : <span class="badge">{row.ja4_client}</span>}
                </td>
                <td class="clip">
                  <bdi>
                    {row.http_method} {row.url_path}{" "}
                    <span class="muted">{row.http_host}</span>
                  </bdi>
                </td>
                <td
                  class={`num status-text-${
                    Math.floor(row.status_code / 100)
                  }xx`}
                >
                  {row.status_code}
                </td>
                <td>
                  <span
                    class={row.match === "conn" ? "badge ok" : "badge"}
                  >
                    {MATCH_WORDS[row.match]}
                  </span>
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
