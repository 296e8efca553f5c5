/**
 * What clients claim against what their handshakes say: the User-Agent's product beside the client that
 * the JA4 is known for, with the share of requests in which the two agree.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import type { TimeRange } from "./range.ts";

/** What a User-Agent says it is. */
export interface Claim {
  /** `Chrome 131`, `python-requests 2.31`; `(none)` where the header is missing. */
  readonly product: string;
  /** `Windows`, `macOS`, ...; "" if it does not say. */
  readonly system: string;
  /** Families of the reference data whose handshake would fit; empty where any does. */
  readonly fits: readonly string[];
}

const CHROMIUM = ["chrome", "chromium", "edge", "opera", "brave"];
/** Tokens in the order they are looked for: Edge and Opera also say Chrome, Chrome also says Safari. */
const PRODUCTS: readonly (readonly [RegExp, string, readonly string[]])[] = [
  [/HeadlessChrome\/(\d+)/, "Headless Chrome", CHROMIUM],
  [/Edg(?:e|A|iOS)?\/(\d+)/, "Edge", CHROMIUM],
  [/OPR\/(\d+)/, "Opera", CHROMIUM],
  [/CriOS\/(\d+)/, "Chrome on iOS", ["safari"]],
  [/FxiOS\/(\d+)/, "Firefox on iOS", ["safari"]],
  [/Firefox\/(\d+)/, "Firefox", ["firefox"]],
  [/Chrome\/(\d+)/, "Chrome", CHROMIUM],
  [/Version\/(\d+)[.\d]* Mobile\/\S+ Safari\//, "Mobile Safari", ["safari"]],
  [/Version\/(\d+).*Safari\//, "Safari", ["safari"]],
  [/^curl\/([\d.]+)/i, "curl", ["curl"]],
  [/^Wget\/([\d.]+)/i, "Wget", ["wget"]],
  [/python-requests\/([\d.]+)/i, "python-requests", ["python"]],
  [/(?:aiohttp|httpx|urllib3?)\/([\d.]+)/i, "Python", ["python"]],
  [/Go-http-client\/([\d.]+)/i, "Go net/http", ["go"]],
  [/okhttp\/([\d.]+)/i, "OkHttp", ["okhttp", "android", "java"]],
  [/^Java\/([\d.]+)/, "Java", ["java"]],
  [/compatible; ([\w.-]+)\/?([\d.]*)/, "", []],
  [/([A-Za-z][\w-]*(?:bot|crawler|spider))\/?([\d.]*)/i, "", []],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/Windows/, "Windows"],
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Mac OS X/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux|X11/, "Linux"],
];

/** Reads the product and system out of a User-Agent; the text is hostile and may say anything. */
export function claimOf(userAgent: string): Claim {
  if (userAgent === "") return { product: "(none)", system: "", fits: [] };
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1] ??
    "";
  for (const [pattern, name, fits] of PRODUCTS) {
    const match = pattern.exec(userAgent);
    if (match === null) continue;
    const product = name === ""
      ? `${match[1] ?? ""} ${match[2] ?? ""}`.trim()
      : `${name} ${match[1] ?? ""}`.trim();
    return { product, system, fits };
  }
  return {
    product: userAgent.split(/[\s(]/)[0] ?? userAgent,
    system,
    fits: [],
  };
}

/** One line of the matrix. */
export interface ClaimRow {
  /** `Chrome 131 / Windows`. */
  readonly claim: string;
  readonly requests: number;
  /** What these handshakes are: a family of the reference data, "" if not known. */
  readonly handshake: string;
  /** Share of the claim's requests that have this handshake, 0..1. */
  readonly share: number;
  /** Whether handshake and claim agree; undefined where either is not known. */
  readonly agrees?: boolean;
}

/** Lines of the matrix. */
const LINES = 8;

/** {@linkcode ClaimRow}s of `range`, those that disagree among them always kept. */
export async function loadClaims(
  db: Database,
  range: TimeRange,
): Promise<ClaimRow[]> {
  const rows = await ask<
    { user_agent: string; client: string; requests: number }
  >(
    db,
    sql`SELECT user_agent, dictGet('dict_ja4', 'client', tuple(toString(ja4))) AS client,
        toFloat64(sum(events)) AS requests
      FROM clients_1h
      WHERE hour >= ${new Date(
      Math.floor(range.from.getTime() / 3_600_000) * 3_600_000,
    )} AND hour < ${range.to} AND ja4 != '' AND user_agent != ''
      GROUP BY user_agent, client ORDER BY requests DESC LIMIT 5000`,
  );
  return groupClaims(rows);
}

/**
 * Groups User-Agents by claim and by whether the handshake fits it. Of the lines that are kept, half are
 * for those that do not: they are few, and what the table is for.
 */
export function groupClaims(
  rows: readonly {
    readonly user_agent: string;
    readonly client: string;
    readonly requests: number;
  }[],
): ClaimRow[] {
  const totals = new Map<string, number>();
  const lines = new Map<string, ClaimRow>();
  for (const { user_agent, client, requests } of rows) {
    const { product, system, fits } = claimOf(user_agent);
    const claim = system === "" ? product : `${product} / ${system}`;
    totals.set(claim, (totals.get(claim) ?? 0) + requests);
    const known = client !== "" && fits.length > 0;
    const before = lines.get(`${claim} ${client}`);
    lines.set(`${claim} ${client}`, {
      claim,
      requests: requests + (before?.requests ?? 0),
      handshake: client,
      share: 0,
      ...(known ? { agrees: fits.includes(client) } : {}),
    });
  }
  const all = [...lines.values()].map((line) => ({
    ...line,
    share: line.requests / Math.max(1, totals.get(line.claim) ?? 1),
  })).sort((a, b) => b.requests - a.requests);
  const wrong = all.filter((line) => line.agrees === false).slice(0, LINES / 2);
  const rest = all.filter((line) => line.agrees !== false)
    .slice(0, LINES - wrong.length);
  return [...wrong, ...rest].sort((a, b) => b.requests - a.requests);
}
