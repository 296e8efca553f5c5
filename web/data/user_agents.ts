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
  /** What most of its handshakes are: a family of the reference data, "" if not known. */
  readonly handshake: string;
  /** Share of its requests with that handshake, 0..1. */
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

/** Groups User-Agents by claim; first those that disagree, by requests, then the rest. */
export function groupClaims(
  rows: readonly {
    readonly user_agent: string;
    readonly client: string;
    readonly requests: number;
  }[],
): ClaimRow[] {
  const groups = new Map<
    string,
    { claim: Claim; requests: number; clients: Map<string, number> }
  >();
  for (const { user_agent, client, requests } of rows) {
    const claim = claimOf(user_agent);
    const key = claim.system === ""
      ? claim.product
      : `${claim.product} / ${claim.system}`;
    const group = groups.getOrInsertComputed(key, () => ({
      claim,
      requests: 0,
      clients: new Map<string, number>(),
    }));
    group.requests += requests;
    group.clients.set(client, (group.clients.get(client) ?? 0) + requests);
  }
  const lines = [...groups].map(([claim, group]): ClaimRow => {
    const [handshake, most] = [...group.clients].reduce((best, next) =>
      next[1] > best[1] ? next : best
    );
    const known = handshake !== "" && group.claim.fits.length > 0;
    return {
      claim,
      requests: group.requests,
      handshake,
      share: group.requests === 0 ? 0 : most / group.requests,
      ...(known ? { agrees: group.claim.fits.includes(handshake) } : {}),
    };
  });
  const byRequests = (a: ClaimRow, b: ClaimRow): number =>
    b.requests - a.requests;
  const wrong = lines.filter((line) => line.agrees === false)
    .sort(byRequests).slice(0, LINES / 2);
  const rest = lines.filter((line) => !wrong.includes(line)).sort(byRequests)
    .slice(0, LINES - wrong.length);
  return [...wrong, ...rest].sort(byRequests);
}
