/** Three requests of each window that is shown, for people to look at. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql, typed } from "../lib/sql.ts";
import { type Span, within } from "./learned.ts";
import type { WindowVerdict } from "./verdict.ts";
import type { WindowFacts } from "./windows.ts";

/** Addresses that one query asks for. */
const ADDRESSES_AT_ONCE = 5000;

/**
 * Up to three requests of each shown window by {@linkcode exampleKey}, spread over its time, as
 * JSON: what an analyst looks up first.
 */
export async function readExamples(
  db: Database,
  shown: readonly WindowVerdict[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const starts = shown.map(({ facts }) => facts.window_start);
  const ends = shown.map(({ facts }) => facts.last_ts + 1);
  const span: Span = {
    from: Math.min(...starts) as UnixMicros,
    to: Math.max(...ends) as UnixMicros,
  };
  const addresses = [...new Set(shown.map(({ facts }) => facts.src_ip))];
  for (let at = 0; at < addresses.length; at += ADDRESSES_AT_ONCE) {
    const rows = await db.query<{ key: string; examples: string }>(
      sql`
SELECT concat(replaceOne(toString(src_ip), '::ffff:', ''), '|', ja4, '|', http_host, '|', toString(hour)) AS key,
  toJSONString(arrayMap(i -> all[i], arrayDistinct([1, intDiv(length(all) + 1, 2), length(all)]))) AS examples
FROM (
  SELECT src_ip, ja4, http_host, toUnixTimestamp(toStartOfInterval(ts, toIntervalSecond(${
        typed(shown[0]?.facts.window_s ?? 3600, "UInt32")
      }))) AS hour,
    arraySort(x -> x.ts, groupArraySample(64, 1)(CAST(
      (toString(event_id), toUnixTimestamp64Micro(client_facts.ts), toString(http_method), substring(url_path, 1, 200), status_code),
      'Tuple(event_id String, ts Int64, http_method String, url_path String, status_code UInt16)'))) AS all
  FROM client_facts
  WHERE ${within(span)} AND src_ip IN (SELECT toIPv6(arrayJoin(${
        addresses.slice(at, at + ADDRESSES_AT_ONCE)
      })))
  GROUP BY src_ip, ja4, http_host, hour
)`,
      {
        settings: { output_format_json_quote_64bit_integers: 0 },
        timeoutMs: 60_000,
      },
    );
    for (const { key, examples } of rows) found.set(key, examples);
  }
  return found;
}

/** The key of a window among the examples. */
export function exampleKey(
  facts: Pick<WindowFacts, "src_ip" | "ja4" | "http_host" | "window_start">,
): string {
  return `${facts.src_ip}|${facts.ja4}|${facts.http_host}|${
    facts.window_start / 1e6
  }`;
}
