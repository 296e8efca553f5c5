import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { clockMs, count } from "../components/format.ts";
import { here } from "../here.ts";
import { keysOff } from "../keys_off.ts";
import type { LiveRow } from "../live.ts";
import { LiveBuffer, ROWS_MAX } from "../live_buffer.ts";
import { followRequests, useStaleness } from "../live_client.ts";
import { EVERYTHING } from "../query/ast.ts";
import { liveFault, matches } from "../query/match.ts";
import { parseQuery } from "../query/parse.ts";

const MATCH_WORDS: Readonly<Record<LiveRow["match"], string>> = {
  conn: "exact",
  window: "by time",
  none: "no handshake",
  tls_only: "no request",
};
/** Rows that can be pinned. */
const PINS_MAX = 20;

/**
 * Requests as they are stored. Stands still under the pointer, where one has scrolled, and on demand; what
 * comes meanwhile is counted. What a browser or the server could not take is counted as well.
 */
export default function LiveTail(
  { initial, text: asked, zone }: {
    /** Newest first. */
    initial: readonly LiveRow[];
    /** Query that the rows have to match. */
    text: string;
    zone: string;
  },
): VNode {
  const buffer = useRef(new LiveBuffer());
  const shown = useSignal<readonly LiveRow[]>(initial);
  const counts = useSignal(buffer.current.counts);
  const rate = useSignal(0);
  const paused = useSignal<"" | "hand" | "pointer" | "scroll">("");
  const pins = useSignal<readonly LiveRow[]>([]);
  const text = useSignal(asked);
  const box = useRef<HTMLDivElement>(null);
  const stale = useStaleness().value;
  const query = useRef(EVERYTHING);

  function draw(): void {
    const { rows, counts: now } = buffer.current;
    counts.value = now;
    rate.value = buffer.current.rate(Date.now());
    if (!buffer.current.paused) {
      // Below what the stream brought: what the server knew before it.
      const before = initial.filter((row) => matches(query.current, row));
      shown.value = [...rows, ...before].slice(0, ROWS_MAX);
    }
  }

  function pause(why: "hand" | "pointer" | "scroll"): void {
    if (paused.value !== "") return;
    paused.value = why;
    buffer.current.pause();
  }

  function resume(): void {
    paused.value = "";
    buffer.current.resume();
    box.current?.scrollTo({ top: 0 });
    draw();
  }

  useEffect(() => {
    buffer.current.take(
      { next: 0, lost: 0, rows: [] },
      () => true,
      Date.now(),
    );
    const leave = followRequests((batch) => {
      buffer.current.take(
        batch,
        (row) => matches(query.current, row),
        Date.now(),
      );
      draw();
    });
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      const busy = target instanceof HTMLElement &&
        target.matches("input, textarea, select, button, a, summary");
      if (event.key !== " " || busy || keysOff()) return;
      event.preventDefault();
      if (paused.value === "") pause("hand");
      else resume();
    };
    document.addEventListener("keydown", onKey);
    return () => {
      leave();
      document.removeEventListener("keydown", onKey);
    };
  }, []);

  function onFilter(event: Event): void {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const read = parseQuery(String(data.get("q") ?? ""));
    text.value = String(data.get("q") ?? "");
    if (!read.ok) return;
    query.current = liveFault(read.query) === undefined
      ? read.query
      : EVERYTHING;
    buffer.current.clear();
    draw();
    const url = new URL(location.href);
    url.searchParams.set("q", text.value);
    history.replaceState(null, "", url);
  }

  const parsed = parseQuery(text.value);
  const fault = parsed.ok ? liveFault(parsed.query) : parsed.fault.message;
  query.current = parsed.ok && fault === undefined ? parsed.query : EVERYTHING;
  const { received, matched, filtered, lost, waiting } = counts.value;
  return (
    <>
      <form
        class="query-form live-filter"
        method="get"
        action={here("/live")}
        onSubmit={onFilter}
      >
        <label class="visually-hidden" for="query">Filter</label>
        <input
          id="query"
          class="input mono"
          name="q"
          defaultValue={asked}
          placeholder="status:5xx or -ja4.client:chrome"
          autocomplete="off"
          spellcheck={false}
          aria-invalid={fault === undefined ? undefined : "true"}
          aria-describedby={fault === undefined ? undefined : "live-fault"}
        />
        <button class="btn" type="submit">Filter</button>
        <button
          class="btn needs-script"
          type="button"
          aria-pressed={paused.value !== "" ? "true" : "false"}
          onClick={() => paused.value === "" ? pause("hand") : resume()}
        >
          {paused.value === "" ? "Pause" : "Go on"}
        </button>
      </form>
      {fault === undefined
        ? null
        : (
          <p class="notice notice-bad" id="live-fault" role="alert">
            {fault}. All requests are shown.
          </p>
        )}
      <dl class="live-counts" data-live-received={received}>
        <div>
          <dt>Requests a second</dt>
          <dd>{rate.value.toFixed(rate.value < 10 ? 1 : 0)}</dd>
        </div>
        <div>
          <dt>Received</dt>
          <dd data-count="received">{count(received)}</dd>
        </div>
        <div>
          <dt>Matched</dt>
          <dd data-count="matched">{count(matched)}</dd>
        </div>
        <div>
          <dt>Filtered out</dt>
          <dd data-count="filtered">{count(filtered)}</dd>
        </div>
        <div>
          <dt>Too many to send</dt>
          <dd data-count="lost" class={lost > 0 ? "bad" : ""}>{count(lost)}</dd>
        </div>
        <div>
          <dt>Stream</dt>
          <dd>
            {stale === undefined
              ? <span class="live-mark">live</span>
              : (
                <span class="live-mark is-bad">
                  {stale.cause === "database"
                    ? "database away"
                    : "dashboard away"}
                </span>
              )}
          </dd>
        </div>
      </dl>
      {paused.value === "" ? null : (
        <p class="notice live-paused" role="status">
          <span>
            Paused, <b data-count="waiting">{count(waiting)}</b> new
          </span>
          <button type="button" class="btn" onClick={resume}>Go on</button>
        </p>
      )}
      <section class="card flush">
        {pins.value.length === 0 ? null : (
          <LiveTable
            label="Pinned"
            rows={pins.value}
            zone={zone}
            pinned
            onPin={(row) =>
              pins.value = pins.value.filter((one) => one !== row)}
          />
        )}
        <div
          ref={box}
          class="live-box"
          tabIndex={0}
          role="region"
          aria-label="Requests"
          onPointerEnter={(event) =>
            event.pointerType === "mouse" && pause("pointer")}
          onPointerLeave={() => paused.value === "pointer" && resume()}
          onScroll={(event) => {
            const { scrollTop } = event.currentTarget;
            if (scrollTop > 4) {
              if (paused.value === "pointer") paused.value = "scroll";
              else pause("scroll");
            } else if (paused.value === "scroll") resume();
          }}
        >
          <LiveTable
            label="Requests, newest first"
            rows={shown.value}
            zone={zone}
            onPin={(row) =>
              pins.value = [
                row,
                ...pins.value.filter((one) => one.event_id !== row.event_id),
              ].slice(0, PINS_MAX)}
          />
        </div>
      </section>
    </>
  );
}

function LiveTable(
  { label, rows, zone, onPin, pinned = false }: {
    label: string;
    rows: readonly LiveRow[];
    zone: string;
    onPin: (row: LiveRow) => void;
    pinned?: boolean;
  },
): VNode {
  return (
    <table class={pinned ? "data live-table pinned" : "data live-table"}>
      <caption class="visually-hidden">{label}</caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Address</th>
          <th scope="col">JA4</th>
          <th scope="col">Client</th>
          <th scope="col">Request</th>
          <th scope="col" class="num">Status</th>
          <th scope="col">User agent</th>
          <th scope="col">Correlation</th>
          <th scope="col">
            <span class="visually-hidden">Pin</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.length === 0
          ? (
            <tr>
              <td colSpan={9} class="muted">No request yet</td>
            </tr>
          )
          : rows.map((row) => (
            <tr key={row.event_id}>
              <td class="mono nowrap">{clockMs(row.ts / 1000, zone)}</td>
              <td>
                <a class="value mono" href={here(`/ip/${row.src_ip}`)}>
                  {row.src_ip}
                </a>
              </td>
              <td>
                {row.ja4 === ""
                  ? <span class="muted">–</span>
                  : (
                    <a class="value ja4" href={here(`/ja4/${row.ja4}`)}>
                      {row.ja4.split("_").map((part, index) => (
                        <span key={index} class={`ja4-${"abc"[index] ?? "c"}`}>
                          {index === 0 ? "" : "_"}
                          {part}
                        </span>
                      ))}
                    </a>
                  )}
              </td>
              <td>{row.ja4_client}</td>
              <td class="clip">
                <bdi>
                  {row.http_method} {row.url_path}{" "}
                  <span class="muted">{row.http_host}</span>
                </bdi>
              </td>
              <td
                class={`num status-text-${Math.floor(row.status_code / 100)}xx`}
              >
                {row.status_code === 0 ? "–" : row.status_code}
              </td>
              <td class="clip">
                <bdi>{row.user_agent}</bdi>
              </td>
              <td>
                <span class={row.match === "conn" ? "badge ok" : "badge"}>
                  {MATCH_WORDS[row.match]}
                </span>
              </td>
              <td>
                <button
                  type="button"
                  class="link needs-script"
                  onClick={() => onPin(row)}
                >
                  {pinned ? "Unpin" : "Pin"}
                </button>
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}
