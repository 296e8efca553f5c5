/** One detection with everything its page shows about why, whose and since when. @module */
import type { Detection, Reason, RuleHit } from "../../lib/events.ts";
import { SEVERITIES } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql, typed } from "../../lib/sql.ts";
import { ask, askOne, ipText } from "./ask.ts";
import { loadListsOf } from "./client_lists.ts";
import { SORT_KEY } from "./detection_order.ts";
import { severityOf } from "./severity.ts";

/** A detection and its present triage state. */
export interface DetectionView extends
  Omit<
    Detection,
    "first_seen" | "last_seen" | "src_ip"
  > {
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly src_ip: string;
  readonly asn: number;
  readonly as_org: string;
  readonly country: string;
  readonly networkKind: string;
  /** Client that the JA4 is known for; "" if none. */
  readonly client: string;
  readonly state: string;
  readonly verdict: string;
  readonly assignee: string;
}

/** What people have said of a detection last. */
export interface TriageState {
  readonly state: string;
  readonly verdict: string;
  readonly assignee: string;
}

/**
 * The detection `id`; undefined if there is none.
 *
 * @param said of it, where that is known: the row of a list has it.
 */
export async function loadDetection(
  db: Database,
  id: string,
  said?: TriageState,
): Promise<DetectionView | undefined> {
  const [row, triage] = await Promise.all([
    askOne<RawDetection>(
      db,
      sql`SELECT id, toFloat64(toUnixTimestamp64Milli(first_seen)) AS first_ms,
        toFloat64(toUnixTimestamp64Milli(last_seen)) AS last_ms, toString(src_ip) AS src_ip_text,
        ja4, http_host, toString(severity) AS severity_word, round(score, 6) AS score_number,
        toFloat64(p_value) AS p_number, round(base, 6) AS base_number, title, summary, tags, reasons, rules,
        toFloat64(requests) AS request_count, windows, user_agent, asn, toString(country) AS country_text,
        dictGet('dict_networks', 'as_org', src_ip) AS as_org,
        dictGet('dict_network_kinds', 'kind', src_ip) AS network_kind,
        dictGet('dict_ja4', 'label', tuple(toString(ja4))) AS client,
        campaign_id, model_id
      FROM detections FINAL WHERE id = ${id}`,
    ),
    said ?? loadTriageState(db, id),
  ]);
  if (row === undefined) return undefined;
  return {
    id: row.id,
    firstSeenMs: row.first_ms,
    lastSeenMs: row.last_ms,
    src_ip: ipText(row.src_ip_text),
    ja4: row.ja4,
    http_host: row.http_host,
    severity: severityOf(row.severity_word),
    score: row.score_number,
    p_value: row.p_number,
    base: row.base_number,
    title: row.title,
    summary: row.summary,
    tags: row.tags,
    reasons: readList(row.reasons, isReason),
    rules: readList(row.rules, isRuleHit),
    requests: row.request_count,
    windows: row.windows,
    user_agent: row.user_agent,
    asn: row.asn,
    as_org: row.as_org,
    country: row.country_text,
    networkKind: row.network_kind,
    client: row.client,
    campaign_id: row.campaign_id,
    model_id: row.model_id,
    state: triage.state,
    verdict: triage.verdict,
    assignee: triage.assignee,
  };
}

/** As the view detections_current says it. */
async function loadTriageState(db: Database, id: string): Promise<TriageState> {
  const row = await askOne<TriageState>(
    db,
    sql`SELECT argMaxIf(said.state, ts, said.state != '') AS state,
        argMaxIf(said.verdict, ts, said.verdict != '') AS verdict,
        argMaxIf(said.assignee, ts, said.assignee != '') AS assignee
      FROM triage_events AS said WHERE detection_id = ${id}`,
  );
  return {
    state: row?.state || "open",
    verdict: row?.verdict || "none",
    assignee: row === undefined || row.assignee === "-" ? "" : row.assignee,
  };
}

/** A row: what the view has under the same name, and what has to be read first. */
type RawDetection =
  & Pick<
    DetectionView,
    | "id"
    | "ja4"
    | "http_host"
    | "title"
    | "summary"
    | "tags"
    | "windows"
    | "user_agent"
    | "asn"
    | "as_org"
    | "client"
    | "campaign_id"
    | "model_id"
  >
  & {
    first_ms: number;
    last_ms: number;
    src_ip_text: string;
    severity_word: string;
    score_number: number;
    p_number: number;
    base_number: number;
    reasons: string;
    rules: string;
    request_count: number;
    country_text: string;
    network_kind: string;
  };

/** The entries of a JSON array that are what they should be; of broken JSON, none. */
function readList<T>(json: string, is: (value: unknown) => value is T): T[] {
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) ? list.filter(is) : [];
  } catch {
    return [];
  }
}

function isReason(value: unknown): value is Reason {
  if (value === null || typeof value !== "object") return false;
  const reason = value as Partial<Reason>;
  return typeof reason.feature === "string" &&
    [
      reason.value,
      reason.p5,
      reason.p50,
      reason.p95,
      reason.percentile,
      reason.contribution,
    ].every((number) => Number.isFinite(number));
}

function isRuleHit(value: unknown): value is RuleHit {
  if (value === null || typeof value !== "object") return false;
  const hit = value as Partial<RuleHit>;
  return typeof hit.rule === "string" && typeof hit.text === "string" &&
    SEVERITIES.some((severity) => severity === hit.severity);
}

/** What else is known of the source. */
export interface SourceFacts {
  /** Other detections of the address. */
  readonly otherDetections: number;
  /** First request of the address within what is kept, milliseconds since the epoch. */
  readonly firstSeenMs?: number;
  /** Lists that name the address or its network, the fingerprint or the host. */
  readonly lists: readonly string[];
}

/** {@linkcode SourceFacts} of a detection's address. */
export async function loadSourceFacts(
  db: Database,
  detection: Pick<DetectionView, "id" | "src_ip" | "ja4" | "http_host">,
): Promise<SourceFacts> {
  const ip = typed(detection.src_ip, "IPv6");
  const [others, first, lists] = await Promise.all([
    askOne<{ n: number }>(
      db,
      sql`SELECT toUInt32(count()) AS n FROM detections FINAL
        WHERE src_ip = ${ip} AND id != ${detection.id}`,
    ),
    askOne<{ first: number; n: number }>(
      db,
      sql`SELECT toUnixTimestamp(min(bucket)) AS first, toUInt32(count()) AS n
        FROM entity_5m WHERE src_ip = ${ip}`,
    ),
    loadListsOf(db, [
      ["ip", detection.src_ip],
      ["ja4", detection.ja4],
      ["http_host", detection.http_host],
    ]),
  ]);
  return {
    otherDetections: others?.n ?? 0,
    lists,
    ...(first !== undefined && first.n > 0
      ? { firstSeenMs: first.first * 1000 }
      : {}),
  };
}

/** A window of a detection's client that scored higher than all before it. */
export interface ScoreRise {
  readonly atMs: number;
  readonly before: number;
  readonly score: number;
}

/** When the score of a detection rose by at least this, it is worth a line. */
const RISE_MIN = 0.005;

/** The {@linkcode ScoreRise}s of a detection, newest first. */
export async function loadScoreRises(
  db: Database,
  { src_ip, ja4, http_host, firstSeenMs, lastSeenMs }: Pick<
    DetectionView,
    "src_ip" | "ja4" | "http_host" | "firstSeenMs" | "lastSeenMs"
  >,
): Promise<ScoreRise[]> {
  const rows = await ask<{ at: number; score: number }>(
    db,
    sql`SELECT toUnixTimestamp(window_start) + window_s AS at, round(toFloat64(scores.score), 6) AS score
      FROM scores FINAL
      WHERE src_ip = ${
      typed(src_ip, "IPv6")
    } AND ja4 = ${ja4} AND http_host = ${http_host}
        AND addSeconds(window_start, window_s) > ${new Date(firstSeenMs)}
        AND window_start >= ${new Date(firstSeenMs - 86_400_000)}
        AND window_start <= ${new Date(lastSeenMs)} AND alert
      ORDER BY window_start LIMIT 200`,
  );
  const rises: ScoreRise[] = [];
  let highest = rows[0]?.score ?? 0;
  for (const { at, score } of rows) {
    if (score < highest + RISE_MIN) continue;
    rises.push({
      atMs: Math.min(at * 1000, lastSeenMs),
      before: highest,
      score,
    });
    highest = score;
  }
  return rises.reverse();
}

/** Place of a detection in the inbox, for the links to the one before and after. */
export interface Neighbours {
  /** From 1. */
  readonly position: number;
  readonly total: number;
  readonly previous?: string;
  readonly next?: string;
}

/** {@linkcode Neighbours} in the inbox by severity and score; undefined if it is not in the inbox. */
export async function loadNeighbours(
  db: Database,
  id: string,
): Promise<Neighbours | undefined> {
  const rows = await ask<{ id: string }>(
    db,
    sql`SELECT id FROM detections_current WHERE state IN ('open', 'acknowledged')
      ORDER BY ${SORT_KEY.severity} DESC, id DESC LIMIT 1000`,
  );
  const at = rows.findIndex((row) => row.id === id);
  if (at < 0) return undefined;
  const previous = rows[at - 1]?.id;
  const next = rows[at + 1]?.id;
  return {
    position: at + 1,
    total: rows.length,
    ...(previous === undefined ? {} : { previous }),
    ...(next === undefined ? {} : { next }),
  };
}
