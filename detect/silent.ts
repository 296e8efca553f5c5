/**
 * Clients that shake hands and ask nothing: scanners of TLS, health probes, those who try names.
 * There is nothing to compare them with people by; the rules judge them, the lists too.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { invariant } from "../lib/invariant.ts";
import { parseIp } from "../lib/ip.ts";
import { sql, typed } from "../lib/sql.ts";
import { type Span, within } from "./learned.ts";
import type { ClientLists } from "./lists.ts";
import { SILENT_HANDSHAKES_MIN } from "./rules.ts";
import { type WindowFacts, WITHOUT_REQUESTS } from "./windows.ts";

const ROWS_MAX = 20_000;

interface SilentRow {
  readonly window_start: UnixMicros;
  readonly src_ip: string;
  readonly ja4: string;
  readonly ja4_label: string;
  readonly sni: string;
  readonly handshakes: number;
  readonly first_ts: UnixMicros;
  readonly last_ts: UnixMicros;
  readonly asn: number;
  readonly country: string;
  readonly network_kind: string;
}

/**
 * Windows of handshakes over TCP that no request followed, of clients that made many or that the
 * deny or watch list names.
 */
export async function readSilent(
  db: Database,
  span: Span,
  options: {
    windowS: number;
    lists: ClientLists;
    signal?: AbortSignal | undefined;
  },
): Promise<WindowFacts[]> {
  const rows = await db.query<SilentRow>(
    sql`
SELECT toUnixTimestamp(toStartOfInterval(h.ts, toIntervalSecond(${
      typed(options.windowS, "UInt32")
    }))) * 1000000 AS window_start,
  src_ip, toString(ja4) AS ja4, dictGet('dict_ja4', 'label', tuple(ja4)) AS ja4_label, anyHeavy(toString(h.sni)) AS sni,
  count() AS handshakes, toUnixTimestamp64Micro(min(h.ts)) AS first_ts, toUnixTimestamp64Micro(max(h.ts)) AS last_ts,
  any(h.asn) AS asn, any(toString(h.country)) AS country, any(toString(h.network_kind)) AS network_kind
FROM http_events AS h
WHERE match = 'tls_only' AND transport IN ('tcp', '') AND ${within(span)}
GROUP BY window_start, src_ip, ja4
ORDER BY handshakes DESC
LIMIT ${ROWS_MAX}`,
    {
      signal: options.signal,
      settings: { output_format_json_quote_64bit_integers: 0 },
    },
  );
  return rows.map((row) => asWindow(row, options.windowS)).filter((facts) =>
    facts.silent_handshakes >= SILENT_HANDSHAKES_MIN ||
    options.lists.deniedBy(facts) !== "" ||
    options.lists.watchedBy(facts) !== ""
  );
}

function asWindow(row: SilentRow, windowS: number): WindowFacts {
  const src_ip = parseIp(row.src_ip);
  invariant(src_ip !== undefined, "the database gave no address");
  return {
    ...WITHOUT_REQUESTS,
    window_start: row.window_start,
    window_s: windowS,
    src_ip,
    ja4: row.ja4,
    ja4s_seen: row.ja4 === "" ? [] : [row.ja4],
    ja4_label: row.ja4_label,
    http_host: row.sni,
    any_sni: row.sni,
    first_ts: row.first_ts,
    last_ts: row.last_ts,
    asn: row.asn,
    country: row.country,
    network_kind: row.network_kind,
    without_sni: row.sni === "" ? row.handshakes : 0,
    connections: row.handshakes,
    silent_handshakes: row.handshakes,
  };
}
