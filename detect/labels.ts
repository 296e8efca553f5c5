/**
 * What analysts said of windows: labels with a scope and an expiry, and the verdicts of the inbox.
 * A label speaks of a client long before anything is learned of it.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";
import { sql } from "../lib/sql.ts";
import { networkOf } from "./networks.ts";
import type { WindowFacts } from "./windows.ts";

export const LABELS = ["bot", "human", "good_bot", "unsure"] as const;
export type LabelName = typeof LABELS[number];

/** What a label is said of, the narrowest first: which wins. */
export const SCOPES = [
  "window",
  "address",
  "fingerprint",
  "ja4",
  "network",
] as const;
export type LabelScope = typeof SCOPES[number];

/** One label in force. */
export interface Label {
  readonly id: string;
  readonly ts: UnixMicros;
  readonly label: LabelName;
  readonly scope: LabelScope;
  readonly src_ip: IpAddress;
  readonly ja4: string;
  readonly header_order: string;
  readonly http_host: string;
  readonly window_start: UnixMicros;
  readonly expires_at: UnixMicros;
}

/** The part of a window that labels speak of. */
export type Labelled = Pick<
  WindowFacts,
  "src_ip" | "ja4" | "http_host" | "window_start" | "signatures"
>;

/** Labels, ready to be asked. */
export class LabelSet {
  readonly all: readonly Label[];
  readonly #byKey = new Map<string, Label>();

  constructor(labels: readonly Label[]) {
    this.all = labels;
    for (const label of labels.toSorted((a, b) => a.ts - b.ts)) {
      this.#byKey.set(
        `${label.scope} ${keyOf(label.scope, label, label.header_order)}`,
        label,
      );
    }
  }

  /** The narrowest label that speaks of the window at its time; unsure ones say nothing. */
  of(window: Labelled): Label | undefined {
    if (this.#byKey.size === 0) return undefined;
    const order = mainOrder(window);
    for (const scope of SCOPES) {
      const label = this.#byKey.get(`${scope} ${keyOf(scope, window, order)}`);
      if (
        label !== undefined && label.label !== "unsure" &&
        window.window_start < label.expires_at
      ) return label;
    }
    return undefined;
  }
}

/** The header order of most of a window's requests that open pages or send forms; of any, if none do. */
export function mainOrder(window: Pick<WindowFacts, "signatures">): string {
  let best = "";
  let most = -1;
  for (const [{ kind, stable_order }, count] of window.signatures) {
    const weight = kind === "no-cors" || kind === "cors" ? 0 : count;
    if (weight > most) [best, most] = [stable_order, weight];
  }
  return best;
}

function keyOf(
  scope: LabelScope,
  of: Omit<Labelled, "signatures">,
  order: string,
): string {
  switch (scope) {
    case "window":
      return `${of.src_ip} ${of.ja4} ${of.http_host} ${of.window_start}`;
    case "address":
      return `${of.src_ip} ${of.ja4} ${of.http_host}`;
    case "fingerprint":
      return `${of.ja4} ${order}`;
    case "ja4":
      return of.ja4;
    case "network":
      return networkOf(of.src_ip);
  }
}

/** Days for which a verdict of the inbox speaks. */
const VERDICT_DAYS = 30;
const LABELS_MAX = 20_000;

/**
 * Labels and verdicts that have not expired at `now`. A verdict speaks of the detection's address,
 * JA4 and host.
 */
export async function readLabels(
  db: Database,
  now: UnixMicros,
  signal?: AbortSignal,
): Promise<LabelSet> {
  const rows = await db.query<Omit<Label, "src_ip"> & { src_ip: string }>(
    sql`
SELECT id, toUnixTimestamp64Micro(ts) AS ts, label, scope, src_ip, ja4, header_order, http_host,
  toUnixTimestamp(window_start) * 1000000 AS window_start, toUnixTimestamp(expires_at) * 1000000 AS expires_at
FROM labels FINAL
UNION ALL
SELECT d.id, said, transform(verdict, ['true_positive', 'false_positive', 'benign_bot'], ['bot', 'human', 'good_bot'], 'unsure'),
  'address', d.src_ip, d.ja4, '', d.http_host, toUnixTimestamp64Micro(d.first_seen),
  said + ${VERDICT_DAYS * 86_400_000_000}
FROM (
  SELECT detection_id, argMax(t.verdict, t.ts) AS verdict, toUnixTimestamp64Micro(max(t.ts)) AS said
  FROM triage_events AS t WHERE t.verdict != '' GROUP BY detection_id
) AS verdicts
INNER JOIN (SELECT id, src_ip, ja4, http_host, first_seen FROM detections FINAL) AS d ON d.id = verdicts.detection_id
WHERE verdict != 'none'
LIMIT ${LABELS_MAX}`,
    { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
  );
  return new LabelSet(
    rows.flatMap((row) => {
      const src_ip = parseIp(row.src_ip);
      return src_ip === undefined || row.expires_at <= now
        ? []
        : [{ ...row, src_ip }];
    }),
  );
}
