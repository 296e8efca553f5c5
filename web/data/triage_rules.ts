/**
 * Rules of triage: what is done to new detections without a person. A rule is a query of the query
 * language, what it does, and until when; it is born from a verdict ("false positive: and what comes
 * like it") and says in each detection's history that it was it.
 *
 * @module
 */
import type { UnixMicros } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { printable } from "../../lib/text.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { conjuncts, equals, group, type Query } from "../query/ast.ts";
import { compileQuery } from "../query/compile.ts";
import { formatQuery } from "../query/format.ts";
import { parseQuery } from "../query/parse.ts";
import { ask, askOne } from "./ask.ts";
import type { DetectionView } from "./detection.ts";

/** What a rule may do, and the state that it leads to. */
export const RULE_ACTIONS = {
  archive: "archived",
  escalate: "escalated",
} as const;
export type RuleAction = keyof typeof RULE_ACTIONS;

/** One rule. */
export interface TriageRule {
  readonly id: string;
  readonly name: string;
  /** In the query language. */
  readonly query: string;
  readonly action: RuleAction;
  readonly actor: string;
  /** When it was written, milliseconds since the epoch. */
  readonly madeMs: number;
  /** Milliseconds since the epoch; undefined = it holds until it is removed. */
  readonly expiresMs?: number;
}

/** What a form says of a rule. */
export type NewRule = Omit<TriageRule, "id" | "actor" | "madeMs">;

/** A rule and how often it acted. */
export interface RuleWithHits extends TriageRule {
  readonly hits: number;
  readonly lastHitMs?: number;
}

/** Days for which a rule may be asked to hold; 0 = until it is removed. */
export const RULE_DAYS = [7, 30, 90, 0] as const;
/** How far back a rule is tried before it is written, days. */
export const TRIAL_DAYS = 7;

const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,59}$/u;

/** A way to say "what is like this detection", from narrow to wide. */
export interface RuleScope {
  readonly label: string;
  readonly query: string;
}

/** The {@linkcode RuleScope}s of a detection. */
export function scopesOf(
  { src_ip, ja4, asn, http_host }: Pick<
    DetectionView,
    "src_ip" | "ja4" | "asn" | "http_host"
  >,
): RuleScope[] {
  const term = (field: string, value: string): Query => equals(field, value);
  const ip = term("ip", src_ip);
  const host = http_host === "" ? [] : [term("host", http_host)];
  const scopes: (readonly [string, readonly Query[]])[] = [
    ["This address on this host", [ip, ...host]],
    ["This address", [ip]],
  ];
  if (ja4 !== "") {
    const print = term("ja4", ja4);
    if (asn > 0) {
      scopes.push([
        "This JA4 from this network",
        [print, term("asn", String(asn))],
      ]);
    }
    scopes.push(["This JA4 on this host", [print, ...host]]);
    scopes.push(["This JA4", [print]]);
  }
  return scopes.map(([label, terms]) => ({
    label,
    query: formatQuery(group("and", terms)),
  }));
}

/** What a rule would have met. */
export interface RuleTrial {
  /** Detections of the last {@linkcode TRIAL_DAYS} days. */
  readonly detections: number;
  /** Of them, those that somebody called true positives: a rule that hits one is wrong. */
  readonly confirmed: number;
  /** Untouched ones, which it acts on at once. */
  readonly open: number;
}

function conditionOf(query: string, now: UnixMicros): Sql | undefined {
  const parsed = parseQuery(query);
  if (!parsed.ok || conjuncts(parsed.query).length === 0) return undefined;
  const nowMs = now / 1000;
  return compileQuery(parsed.query, "detections", {
    nowMs,
    range: { from: new Date(0), to: new Date(nowMs) },
  });
}

/** {@linkcode RuleTrial} of a rule's query. */
export async function tryRule(
  db: Database,
  query: string,
  now: UnixMicros,
): Promise<RuleTrial> {
  const condition = conditionOf(query, now) ?? sql`0`;
  const since = new Date(now / 1000 - TRIAL_DAYS * 86_400_000);
  const row = await askOne<RuleTrial>(
    db,
    sql`SELECT toFloat64(count()) AS detections,
        toFloat64(countIf(verdict = 'true_positive')) AS confirmed,
        toFloat64(countIf(state = 'open' AND toUnixTimestamp64Micro(state_ts) = 0)) AS open
      FROM detections_current WHERE last_seen >= ${since} AND ${condition}`,
  );
  return row ?? { detections: 0, confirmed: 0, open: 0 };
}

/** Reads the form of a new rule; a fault is a sentence. */
export function parseRuleForm(
  form: URLSearchParams,
  now: UnixMicros,
):
  | { ok: true; rule: NewRule }
  | { ok: false; message: string } {
  const name = (form.get("name") ?? "").trim();
  if (!NAME.test(name)) {
    return {
      ok: false,
      message:
        "The name of a rule has up to 60 letters, digits, spaces, dots, dashes and underscores.",
    };
  }
  const query = form.get("query") ?? "";
  const parsed = parseQuery(query);
  if (!parsed.ok) {
    return {
      ok: false,
      message: `Cannot read the query at column ${
        parsed.fault.at + 1
      }: ${parsed.fault.message}.`,
    };
  }
  if (formatQuery(parsed.query) === "") {
    return { ok: false, message: "A rule without a query would match all." };
  }
  const action = form.get("action");
  if (action !== "archive" && action !== "escalate") {
    return { ok: false, message: "A rule archives or escalates." };
  }
  const days = Number(form.get("days") ?? "30");
  if (!RULE_DAYS.some((one) => one === days)) {
    return { ok: false, message: "A rule holds for 7, 30 or 90 days, or on." };
  }
  return {
    ok: true,
    rule: {
      name,
      query: formatQuery(parsed.query),
      action,
      ...(days === 0 ? {} : { expiresMs: now / 1000 + days * 86_400_000 }),
    },
  };
}

/** Writes a rule, or takes it back. */
export async function putRule(
  app: Database,
  rule: TriageRule,
  { now, deleted = false }: { now: UnixMicros; deleted?: boolean },
): Promise<void> {
  await app.insertRows("triage_rules", [{
    id: rule.id,
    name: rule.name,
    filter: JSON.stringify({
      q: rule.query,
      made_ms: rule.madeMs,
      ...(rule.expiresMs === undefined ? {} : { expires_ms: rule.expiresMs }),
    }),
    action: rule.action,
    enabled: true,
    actor: rule.actor,
    deleted: deleted ? 1 : 0,
    rev: now,
  }]);
}

/** The rules that there are, newest first, expired ones too. */
export async function loadRules(db: Database): Promise<TriageRule[]> {
  const rows = await ask<
    { id: string; name: string; filter: string; action: string; actor: string }
  >(
    db,
    sql`SELECT id, name, filter, action, actor FROM triage_rules FINAL
      WHERE enabled AND action IN ${Object.keys(RULE_ACTIONS)}
      ORDER BY rev DESC LIMIT 500`,
  );
  return rows.flatMap(({ filter, action, ...row }) => {
    const read = readFilter(filter);
    return read === undefined
      ? []
      : [{ ...row, ...read, action: action as RuleAction }];
  });
}

function readFilter(
  json: string,
): Pick<TriageRule, "query" | "madeMs" | "expiresMs"> | undefined {
  try {
    const { q, made_ms, expires_ms } = JSON.parse(json) as Record<
      string,
      unknown
    >;
    if (typeof q !== "string") return undefined;
    return {
      query: q,
      madeMs: Number(made_ms) || 0,
      ...(typeof expires_ms === "number" ? { expiresMs: expires_ms } : {}),
    };
  } catch {
    return undefined;
  }
}

/** {@linkcode loadRules} with how often each acted. */
export async function loadRulesWithHits(db: Database): Promise<RuleWithHits[]> {
  const [rules, hits] = await Promise.all([
    loadRules(db),
    ask<{ actor: string; n: number; last: number }>(
      db,
      sql`SELECT actor, toFloat64(count()) AS n, toFloat64(toUnixTimestamp64Milli(max(ts))) AS last
        FROM triage_events WHERE startsWith(actor, 'rule:') GROUP BY actor`,
    ),
  ]);
  return rules.map((rule) => {
    const own = hits.find(({ actor }) => actor === actorOf(rule));
    return {
      ...rule,
      hits: own?.n ?? 0,
      ...(own === undefined ? {} : { lastHitMs: own.last }),
    };
  });
}

/** Whom the history of a detection names. */
function actorOf({ name }: Pick<TriageRule, "name">): string {
  return `rule:${name}`;
}

/**
 * Lets the rules act on the detections that nobody has touched. Doing it twice does it once.
 *
 * @returns how many detections changed.
 * @throws {DatabaseError}
 */
export async function applyRules(
  app: Database,
  now: UnixMicros,
): Promise<number> {
  let changed = 0;
  for (const rule of await loadRules(app)) {
    if ((rule.expiresMs ?? Infinity) <= now / 1000) continue;
    const condition = conditionOf(rule.query, now);
    if (condition === undefined) continue;
    const rows = await ask<{ id: string }>(
      app,
      sql`SELECT id FROM detections_current
        WHERE state = 'open' AND toUnixTimestamp64Micro(state_ts) = 0 AND ${condition} LIMIT 1000`,
    );
    if (rows.length === 0) continue;
    const ts = new Date(now / 1000).toISOString().replace("T", " ")
      .replace("Z", "");
    await app.insertRows(
      "triage_events",
      rows.map(({ id }) => ({
        ts,
        detection_id: id,
        actor: actorOf(rule),
        state: RULE_ACTIONS[rule.action],
        verdict: "",
        assignee: "",
        note: `${printable(rule.query)} (${rule.actor})`,
      })),
    );
    changed += rows.length;
  }
  return changed;
}
