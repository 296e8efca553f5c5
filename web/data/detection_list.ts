/**
 * The list of detections: view, filters, order and cursor of the URL in, one page of rows out.
 *
 * Pages are cut by key, not by offset, so that a detection that arrives while somebody reads does not
 * push another one over the edge.
 *
 * @module
 */
import type { Severity } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql, typed } from "../../lib/sql.ts";
import { parseIp } from "../../lib/ip.ts";
import type { Query } from "../query/ast.ts";
import { compileQuery } from "../query/compile.ts";
import { formatQuery } from "../query/format.ts";
import { parseQuery } from "../query/parse.ts";
import { loadMatching } from "./api_detections.ts";
import { ask, ipText } from "./ask.ts";
import { type DetectionView, loadDetection } from "./detection.ts";
import { type Sort, SORT_KEY, SORTS } from "./detection_order.ts";
import { FOLDED_JA4 } from "./folds.ts";
import type { TimeRange } from "./range.ts";
import { BY_WEIGHT, severityOf } from "./severity.ts";

export const VIEWS = ["inbox", "mine", "escalated", "archived"] as const;
export type View = typeof VIEWS[number];

/** Rows of one page. */
export const PAGE_ROWS = 100;

/** Filters a URL may name, each shown as a chip. */
export const FILTERS = [
  "host",
  "ip",
  "ja4",
  "severity",
  "campaign",
  "verdict",
] as const;
export type FilterName = typeof FILTERS[number];

/** What the list is asked for. */
export interface ListQuery {
  readonly view: View;
  readonly sort: Sort;
  readonly filters: ReadonlyMap<FilterName, string>;
  /** In the query language; empty = all. */
  readonly asked: Query;
  /** Last seen within; undefined = any time. */
  readonly range?: TimeRange;
  /** What relative times of the query are taken from, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly after?: Cursor;
  /** Whose detections the view `mine` shows. */
  readonly login: string;
}

/** Where the page before ended: the sort value (a whole number) and the id of its last row. */
export interface Cursor {
  readonly value: number;
  readonly id: string;
}

/** One line. */
export interface DetectionRow {
  readonly id: string;
  readonly severity: Severity;
  readonly score: number;
  readonly title: string;
  readonly tags: readonly string[];
  readonly src_ip: string;
  readonly asn: number;
  readonly as_org: string;
  readonly country: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly requests: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly state: string;
  readonly verdict: string;
  readonly assignee: string;
  readonly notes: number;
  readonly campaign_id: string;
  /** Requests of the client over its last hour, twelve columns of five minutes. */
  readonly activity: readonly number[];
}

/** One page of the list. */
export interface DetectionPage {
  readonly rows: readonly DetectionRow[];
  /** The row that is shown beside the list: the one asked for, else the first. */
  readonly preview: DetectionView | undefined;
  /** All that match, on every page. */
  readonly total: number;
  /** Text of `after` for the next page; undefined on the last. */
  readonly next?: string;
}

/** Reads the list's parameters; a fault is a sentence. */
export function parseListQuery(
  url: URL,
  { range, login, nowMs }: {
    readonly range: TimeRange | undefined;
    readonly login: string;
    readonly nowMs: number;
  },
): { ok: true; query: ListQuery } | { ok: false; message: string } {
  const get = (name: string): string => url.searchParams.get(name) ?? "";
  const view = VIEWS.find((one) => one === (get("view") || "inbox"));
  if (view === undefined) return unknownWord("view", get("view"), VIEWS);
  const sort = SORTS.find((one) => one === (get("sort") || "severity"));
  if (sort === undefined) return unknownWord("sort", get("sort"), SORTS);
  const filters = new Map<FilterName, string>();
  for (const name of FILTERS) {
    const text = get(name);
    if (text === "") continue;
    const value = name === "ip" ? parseIp(text) : text;
    if (value === undefined) {
      return {
        ok: false,
        message: `Cannot filter by address: "${text}" is not an IP address.`,
      };
    }
    if (name === "severity" && !BY_WEIGHT.some((one) => one === value)) {
      return unknownWord("severity", text, BY_WEIGHT);
    }
    filters.set(name, value);
  }
  const parsed = parseQuery(get("q"));
  if (!parsed.ok) {
    const { message, at } = parsed.fault;
    return {
      ok: false,
      message: `Cannot read the query at column ${at + 1}: ${message}.`,
    };
  }
  const afterText = get("after");
  const after = afterText === "" ? undefined : readCursor(afterText);
  if (afterText !== "" && after === undefined) {
    return {
      ok: false,
      message:
        "The link to this page of the list is damaged. Start again from the first page.",
    };
  }
  return {
    ok: true,
    query: {
      view,
      sort,
      filters,
      asked: parsed.query,
      login,
      nowMs,
      ...(range === undefined ? {} : { range }),
      ...(after === undefined ? {} : { after }),
    },
  };
}

function unknownWord(
  name: string,
  found: string,
  words: readonly string[],
): { ok: false; message: string } {
  return {
    ok: false,
    message: `Cannot read "${name}": expected one of ${
      words.join(", ")
    }, found "${found.slice(0, 60)}".`,
  };
}

/** Text of a cursor. */
export function writeCursor(cursor: Cursor): string {
  return new TextEncoder().encode(JSON.stringify([cursor.value, cursor.id]))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A cursor, or undefined if the text is none. */
export function readCursor(text: string): Cursor | undefined {
  try {
    const json: unknown = JSON.parse(
      new TextDecoder().decode(
        Uint8Array.fromBase64(text, { alphabet: "base64url" }),
      ),
    );
    if (!Array.isArray(json)) return undefined;
    const [value, id] = json as unknown[];
    if (!Number.isSafeInteger(value) || typeof id !== "string") {
      return undefined;
    }
    return { value: value as number, id };
  } catch {
    return undefined;
  }
}

/** The condition on detections_current that `query` stands for. */
export function listConditions(query: ListQuery): Sql {
  const { filters, range } = query;
  const parts: Sql[] = [
    query.view === "inbox"
      ? sql`state IN ('open', 'acknowledged')`
      : query.view === "mine"
      ? sql`assignee = ${query.login} AND state != 'archived'`
      : sql`state = ${query.view}`,
  ];
  if (range !== undefined) {
    parts.push(sql`last_seen >= ${range.from} AND first_seen < ${range.to}`);
  }
  const host = filters.get("host");
  if (host !== undefined) parts.push(sql`http_host = ${host}`);
  const ip = filters.get("ip");
  if (ip !== undefined) parts.push(sql`src_ip = ${typed(ip, "IPv6")}`);
  const ja4 = filters.get("ja4");
  if (ja4 !== undefined) parts.push(sql`ja4 = ${ja4}`);
  const severity = filters.get("severity");
  if (severity !== undefined) parts.push(sql`toString(severity) = ${severity}`);
  const campaign = filters.get("campaign");
  if (campaign !== undefined) parts.push(sql`campaign_id = ${campaign}`);
  const verdict = filters.get("verdict");
  if (verdict !== undefined) parts.push(sql`verdict = ${verdict}`);
  if (formatQuery(query.asked) !== "") {
    parts.push(compileQuery(query.asked, "detections", {
      nowMs: query.nowMs,
      range: range ?? { from: new Date(0), to: new Date(query.nowMs) },
    }));
  }
  return sql.join(parts, " AND ");
}

/** The first `limit` rows of what `query` asks for, and one of them in detail. */
export async function loadDetectionPage(
  db: Database,
  query: ListQuery,
  { limit = PAGE_ROWS, beside }: {
    readonly limit?: number;
    /** Whose preview is wanted. */
    readonly beside?: string | null;
  } = {},
): Promise<DetectionPage> {
  const where = listConditions(query);
  const key = SORT_KEY[query.sort];
  const { after } = query;
  const behind = after === undefined
    ? sql``
    : sql`AND (${key}, id) < (${typed(after.value, "Int64")}, ${after.id})`;
  const rows = await ask<RawRow>(
    db,
    sql`SELECT id, toString(severity) AS severity_word, round(score, 6) AS score_number, title, tags,
        toString(src_ip) AS src_ip_text, asn, dictGet('dict_networks', 'as_org', src_ip) AS as_org,
        toString(country) AS country_text, ja4, http_host,
        toFloat64(requests) AS request_count,
        toFloat64(toUnixTimestamp64Milli(first_seen)) AS first_ms,
        toFloat64(toUnixTimestamp64Milli(last_seen)) AS last_ms,
        state, verdict, assignee, toUInt32(notes) AS note_count, campaign_id,
        ${key} AS sort_key, toFloat64(sort_key) AS sort_number
      FROM detections_current WHERE ${where} ${behind}
      ORDER BY sort_key DESC, id DESC LIMIT ${limit + 1}`,
  );
  const page = rows.slice(0, limit);
  const chosen = page.find(({ id }) => id === beside) ?? page[0];
  // A first page that holds them all has counted them.
  const counted = after === undefined && rows.length <= limit;
  const [totals, activity, preview] = await Promise.all([
    counted ? undefined : ask<{ total: number }>(
      db,
      sql`SELECT toUInt32(count()) AS total FROM detections_current WHERE ${where}`,
    ),
    loadActivity(db, page),
    chosen === undefined ? undefined : loadDetection(db, chosen.id, chosen),
  ]);
  const last = page.at(-1);
  return {
    rows: page.map((row) => viewOf(row, activity)),
    preview,
    total: totals?.[0]?.total ?? rows.length,
    ...(rows.length > limit && last !== undefined
      ? { next: writeCursor({ value: last.sort_number, id: last.id }) }
      : {}),
  };
}

/** {@linkcode loadMatching} of a list. */
export function loadMatchingIds(
  db: Database,
  query: ListQuery,
  moment: { by: Date; most: number },
): Promise<string[]> {
  return loadMatching(db, listConditions(query), moment);
}

interface RawRow {
  id: string;
  severity_word: string;
  score_number: number;
  title: string;
  tags: string[];
  src_ip_text: string;
  asn: number;
  as_org: string;
  country_text: string;
  ja4: string;
  http_host: string;
  request_count: number;
  first_ms: number;
  last_ms: number;
  state: string;
  verdict: string;
  assignee: string;
  note_count: number;
  campaign_id: string;
  sort_number: number;
}

function viewOf(
  row: RawRow,
  activity: ReadonlyMap<string, readonly number[]>,
): DetectionRow {
  return {
    id: row.id,
    severity: severityOf(row.severity_word),
    score: row.score_number,
    title: row.title,
    tags: row.tags,
    src_ip: ipText(row.src_ip_text),
    asn: row.asn,
    as_org: row.as_org,
    country: row.country_text,
    ja4: row.ja4,
    http_host: row.http_host,
    requests: row.request_count,
    firstSeenMs: row.first_ms,
    lastSeenMs: row.last_ms,
    state: row.state,
    verdict: row.verdict,
    assignee: row.assignee,
    notes: row.note_count,
    campaign_id: row.campaign_id,
    activity: activity.get(row.id) ?? [],
  };
}

const ACTIVITY_COLUMNS = 12;
const ACTIVITY_S = 300;

/** The last hour of each row's client, up to its last request. */
async function loadActivity(
  db: Database,
  rows: readonly RawRow[],
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  if (rows.length === 0) return found;
  const oldest = Math.min(...rows.map((row) => row.last_ms));
  const newest = Math.max(...rows.map((row) => row.last_ms));
  const keys = [...new Set(rows.map((row) => row.src_ip_text))];
  const counts = await ask<
    {
      src_ip: string;
      client_ja4: string;
      http_host: string;
      at: number;
      n: number;
    }
  >(
    db,
    sql`SELECT toString(src_ip) AS src_ip, ${FOLDED_JA4} AS client_ja4, http_host, toUnixTimestamp(bucket) AS at,
        toFloat64(sum(requests)) AS n
      FROM entity_5m
      WHERE bucket >= ${new Date(oldest - 3_900_000)} AND bucket <= ${new Date(
      newest,
    )} AND entity_5m.src_ip IN ${typed(keys, "Array(IPv6)")}
      GROUP BY src_ip, client_ja4, http_host, at LIMIT 100000`,
  );
  const byClient = Map.groupBy(
    counts,
    (one) => `${one.src_ip} ${one.client_ja4} ${one.http_host}`,
  );
  for (const row of rows) {
    const columns = new Array<number>(ACTIVITY_COLUMNS).fill(0);
    const end = Math.floor(row.last_ms / 1000 / ACTIVITY_S);
    const client = `${row.src_ip_text} ${row.ja4} ${row.http_host}`;
    for (const one of byClient.get(client) ?? []) {
      const back = end - Math.floor(one.at / ACTIVITY_S);
      if (back < 0 || back >= ACTIVITY_COLUMNS) continue;
      columns[ACTIVITY_COLUMNS - 1 - back] = one.n;
    }
    found.set(row.id, columns);
  }
  return found;
}
