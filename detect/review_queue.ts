/**
 * Which windows to ask an analyst about. Labels of the top alone teach nothing new (measured worse
 * than none up to a hundred); ten of the top and fifteen drawn from ranks of 10 to 35 %, one of each
 * group, teach most.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { parseIp } from "../lib/ip.ts";
import { sql, typed } from "../lib/sql.ts";
import { Random } from "./random.ts";

const TOP = 10;
const UNCERTAIN = 15;
const UNCERTAIN_RANKS = { from: 0.1, to: 0.35 };
const CANDIDATES_MAX = 100_000;

/** A window that could be asked about. */
export interface Candidate {
  readonly score: number;
  /** Windows of one group get one label. */
  readonly group_key: string;
}

/** A window that is asked about. */
export interface Question<C extends Candidate> {
  readonly kind: "top" | "uncertain";
  readonly candidate: C;
  /** Candidates of its group. */
  readonly members: number;
}

/** Draws one batch; equal candidates and seeds give equal batches. */
export function drawBatch<C extends Candidate>(
  candidates: readonly C[],
  seed: number,
): Question<C>[] {
  const members = Map.groupBy(candidates, ({ group_key }) => group_key);
  const ranked = candidates.toSorted((a, b) => b.score - a.score);
  const asked = new Set<string>();
  const batch: Question<C>[] = [];
  const ask = (kind: Question<C>["kind"], candidate: C): void => {
    asked.add(candidate.group_key);
    batch.push({
      kind,
      candidate,
      members: members.get(candidate.group_key)?.length ?? 1,
    });
  };
  for (const candidate of ranked) {
    if (batch.length >= TOP) break;
    if (!asked.has(candidate.group_key)) ask("top", candidate);
  }
  const middle = ranked.slice(
    Math.floor(UNCERTAIN_RANKS.from * ranked.length),
    Math.ceil(UNCERTAIN_RANKS.to * ranked.length),
  );
  const random = new Random(seed);
  while (middle.length > 0 && batch.length < TOP + UNCERTAIN) {
    const [candidate] = middle.splice(random.below(middle.length), 1) as [C];
    if (!asked.has(candidate.group_key)) ask("uncertain", candidate);
  }
  return batch;
}

interface ScoreRow extends Candidate {
  readonly window_start: UnixMicros;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly user_agent: string;
  readonly contributions: readonly number[];
}

/** A row of the table `review_queue`. */
export interface QueueRow {
  readonly batch: number;
  readonly position: number;
  readonly kind: "top" | "uncertain";
  readonly group_key: string;
  readonly members: number;
  readonly window_start: UnixMicros;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly score: number;
  readonly user_agent: string;
  readonly reasons: readonly string[];
}

/** Draws a batch from the windows of the day before `now` that nobody labelled, and stores it. */
export async function writeQueue(
  db: Database,
  now: UnixMicros,
  signal?: AbortSignal,
): Promise<QueueRow[]> {
  const day = typed(Math.floor(now / 1e6) - 86_400, "UInt32");
  const end = typed(Math.floor(now / 1e6) + 60, "UInt32");
  const rows = await db.query<ScoreRow>(
    sql`
SELECT toUnixTimestamp(scored.window_start) * 1000000 AS window_start, scored.src_ip AS src_ip, scored.ja4 AS ja4,
  scored.http_host AS http_host, score, contributions, d.user_agent AS user_agent,
  if(d.campaign_id != '', toString(d.campaign_id), concat(toString(scored.src_ip), '|', scored.ja4, '|', scored.http_host)) AS group_key
FROM (
  SELECT * FROM scores FINAL
  WHERE scores.window_start >= toDateTime(${day}, 'UTC') AND scores.window_start < toDateTime(${end}, 'UTC')
    AND traffic_class != 'verified' AND model != ''
) AS scored
LEFT JOIN (
  SELECT src_ip, ja4, http_host, argMax(user_agent, rev) AS user_agent, argMax(campaign_id, rev) AS campaign_id
  FROM detections WHERE last_seen >= toDateTime(${day}, 'UTC') GROUP BY src_ip, ja4, http_host
) AS d ON d.src_ip = scored.src_ip AND d.ja4 = scored.ja4 AND d.http_host = scored.http_host
WHERE (scored.src_ip, scored.ja4, scored.http_host) NOT IN (SELECT src_ip, ja4, http_host FROM labels FINAL)
ORDER BY score DESC, window_start, src_ip LIMIT ${CANDIDATES_MAX}`,
    {
      signal,
      settings: { output_format_json_quote_64bit_integers: 0 },
      timeoutMs: 60_000,
    },
  );
  const batch = drawBatch(rows, Math.floor(now / 1e6)).map((
    { kind, candidate, members },
    i,
  ): QueueRow => ({
    batch: now,
    position: i + 1,
    kind,
    group_key: candidate.group_key,
    members,
    window_start: candidate.window_start,
    src_ip: parseIp(candidate.src_ip) ?? candidate.src_ip,
    ja4: candidate.ja4,
    http_host: candidate.http_host,
    score: candidate.score,
    user_agent: candidate.user_agent,
    reasons: [...candidate.contributions.entries()]
      .filter(([, share]) => share > 0).sort(([, a], [, b]) => b - a)
      .slice(0, 5).flatMap(([column]) => FEATURES[column]?.name ?? []),
  }));
  if (batch.length > 0) {
    await db.insertRows(
      "review_queue",
      batch.map((row) => ({
        ...row,
        src_ip: row.src_ip.includes(":") ? row.src_ip : `::ffff:${row.src_ip}`,
        window_start: row.window_start / 1e6,
      })),
      { signal },
    );
  }
  return batch;
}
