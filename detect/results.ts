/**
 * Writes what the detector found: scores, detections and campaigns. Every write may be repeated:
 * a window has one score, a client one detection a day and host, and the newest row holds.
 *
 * @module
 */
import type { Column, Database } from "../lib/clickhouse.ts";
import { SEVERITIES, type Severity, type UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { writeIpBytes } from "../lib/ip.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { sql, typed } from "../lib/sql.ts";
import { nameCampaigns, writeCampaign } from "./campaign_store.ts";
import { findCampaigns, type FoundCampaign } from "./campaigns.ts";
import type { DetectorModel } from "./detector_model.ts";
import { shortId } from "./encoding.ts";
import { exampleKey, readExamples } from "./examples.ts";
import { reasonsOf, type WindowVerdict, worst } from "./verdict.ts";
import { wordingOf } from "./wording.ts";

const DAY_US = 86_400e6;
const TRAFFIC_CLASSES = ["human", "verified", "likely", "anomalous"];

/** What was written. */
export interface Written {
  readonly windows: number;
  /** Windows of each severity. */
  readonly alerts: Readonly<Partial<Record<Severity, number>>>;
  /** Detections that are new or have changed. */
  readonly detections: number;
  readonly campaigns: number;
}

/** Writes all verdicts of a cycle. `now`: revision of the rows. */
export async function writeVerdicts(
  db: Database,
  verdicts: readonly WindowVerdict[],
  context: {
    model: DetectorModel;
    now: UnixMicros;
    signal?: AbortSignal | undefined;
  },
): Promise<Written> {
  for (let at = 0; at < verdicts.length; at += insertRowsMax) {
    const part = verdicts.slice(at, at + insertRowsMax);
    await db.insert(
      "scores",
      scoreColumns(part, context.model.id),
      part.length,
      {
        signal: context.signal,
        // Verdicts may return to what they were: equal blocks are no repetition of one insert.
        token: crypto.randomUUID(),
      },
    );
  }
  const shown = verdicts.filter(({ severity }) => severity !== undefined);
  const campaigns = findCampaigns(shown, context.model.learned);
  const detections = await writeDetections(db, shown, campaigns, context);
  const alerts: Partial<Record<Severity, number>> = {};
  for (const { severity } of shown) {
    if (severity !== undefined) alerts[severity] = (alerts[severity] ?? 0) + 1;
  }
  return {
    windows: verdicts.length,
    alerts,
    detections,
    campaigns: campaigns.length,
  };
}

function scoreColumns(
  verdicts: readonly WindowVerdict[],
  modelId: string,
): Column[] {
  const addresses = new Uint8Array(verdicts.length * 16);
  for (const [i, { facts }] of verdicts.entries()) {
    writeIpBytes(facts.src_ip, addresses, i * 16);
  }
  const text = "LowCardinality(String)";
  const of = <T>(read: (verdict: WindowVerdict) => T): T[] =>
    verdicts.map(read);
  const rules = lists(of(({ rules }) => rules.map(({ rule }) => rule)));
  const simulated = lists(of(({ rulesSimulated }) => rulesSimulated));
  const wide = (read: (verdict: WindowVerdict) => ArrayLike<number>) => {
    const values = new Float32Array(verdicts.length * FEATURES.length);
    for (const [i, verdict] of verdicts.entries()) {
      values.set(read(verdict), i * FEATURES.length);
    }
    return {
      ends: verdicts.map((_, i) => (i + 1) * FEATURES.length),
      values,
    };
  };
  return [
    {
      name: "window_start",
      type: "DateTime('UTC')",
      data: of(({ facts }) => facts.window_start / 1e6),
    },
    {
      name: "window_s",
      type: "UInt32",
      data: of(({ facts }) => facts.window_s),
    },
    { name: "http_host", type: text, data: of(({ facts }) => facts.http_host) },
    { name: "ja4", type: text, data: of(({ facts }) => facts.ja4) },
    { name: "src_ip", type: "IPv6", data: addresses },
    { name: "model_id", type: text, data: of(() => modelId) },
    {
      name: "requests",
      type: "UInt64",
      data: of(({ facts }) => facts.requests),
    },
    { name: "score", type: "Float32", data: of(({ score }) => score) },
    { name: "p_value", type: "Float32", data: of(({ pValue }) => pValue) },
    { name: "base", type: "Float32", data: of(({ base }) => base) },
    {
      name: "traffic_class",
      type: "Enum8('human' = 1, 'verified' = 2, 'likely' = 3, 'anomalous' = 4)",
      data: of(({ trafficClass }) => TRAFFIC_CLASSES.indexOf(trafficClass) + 1),
    },
    {
      name: "alert",
      type: "Bool",
      data: of(({ severity }) => severity === undefined ? 0 : 1),
    },
    {
      name: "severity",
      type: text,
      data: of(({ severity }) => severity ?? ""),
    },
    {
      name: "rules",
      type: "Array(LowCardinality(String))",
      data: rules,
    },
    { name: "model", type: text, data: of(({ model }) => model) },
    {
      name: "rules_simulated",
      type: "Array(LowCardinality(String))",
      data: simulated,
    },
    {
      name: "features",
      type: "Array(Float32)",
      data: wide(({ features }) => features),
    },
    {
      name: "contributions",
      type: "Array(Float32)",
      data: wide(({ contributions }) => contributions),
    },
  ];
}

/** Lists of names as a column. */
function lists(
  rows: readonly (readonly string[])[],
): { ends: number[]; values: string[] } {
  let end = 0;
  return { ends: rows.map(({ length }) => end += length), values: rows.flat() };
}

/** The part of a stored detection that a later one must respect. */
interface StoredDetection {
  readonly id: string;
  readonly first_seen: number;
  readonly last_seen: number;
  readonly severity: Severity;
  readonly score: number;
  readonly title: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly reasons: string;
  readonly rules: string;
  readonly p_value: number;
  readonly base: number;
  readonly requests: number;
  readonly windows: number;
  readonly campaign_id: string;
  readonly model_id: string;
  readonly model: string;
  readonly examples: string;
}

async function writeDetections(
  db: Database,
  shown: readonly WindowVerdict[],
  campaigns: readonly FoundCampaign[],
  context: {
    model: DetectorModel;
    now: UnixMicros;
    signal?: AbortSignal | undefined;
  },
): Promise<number> {
  if (shown.length === 0) return 0;
  const ids = new Map<WindowVerdict, string>();
  for (const verdict of shown) ids.set(verdict, await detectionId(verdict));
  const stored = await readStored(db, [...new Set(ids.values())]);
  const totals = await readTotals(db, shown);
  const campaignIds = await nameCampaigns(db, campaigns, ids);
  const campaignOf = new Map(
    campaigns.flatMap((campaign, i) =>
      campaign.members.map((member) => [
        ids.get(member) as string,
        campaignIds[i] as string,
      ])
    ),
  );
  const examples = await readExamples(db, shown);
  const rows: object[] = [];
  for (
    const [id, verdicts] of Map.groupBy(shown, (v) => ids.get(v) as string)
  ) {
    const row = detectionRow(verdicts, {
      id,
      model: context.model,
      before: stored.get(id),
      total: totals.get(totalKey(verdicts[0] as WindowVerdict)),
      campaign: campaignOf.get(id),
      examples,
    });
    if (row !== undefined) rows.push({ ...row, rev: context.now });
  }
  for (let at = 0; at < rows.length; at += 1000) {
    await db.insertRows("detections", rows.slice(at, at + 1000), {
      signal: context.signal,
    });
  }
  for (const [i, campaign] of campaigns.entries()) {
    await writeCampaign(db, campaign, {
      id: campaignIds[i] as string,
      members: [...new Set(campaign.members.map((m) => ids.get(m) as string))],
      now: context.now,
    });
  }
  return rows.length;
}

/** Stable for a client, a host and a day, whatever its windows are scored as. */
async function detectionId({ facts }: WindowVerdict): Promise<string> {
  const day = Math.floor(facts.window_start / DAY_US);
  const key = JSON.stringify([facts.src_ip, facts.ja4, facts.http_host, day]);
  return `D-${await shortId(key)}`;
}

async function readStored(
  db: Database,
  ids: readonly string[],
): Promise<Map<string, StoredDetection>> {
  const rows = await db.query<StoredDetection>(
    sql`
SELECT id, toUnixTimestamp64Micro(first_seen) AS first_seen, toUnixTimestamp64Micro(last_seen) AS last_seen, severity,
  score, title, summary, tags, reasons, rules, p_value, base, requests, windows, campaign_id, model_id, model, examples
FROM detections FINAL WHERE id IN ${ids}`,
    { settings: { output_format_json_quote_64bit_integers: 0 } },
  );
  return new Map(rows.map((row) => [row.id, row]));
}

interface Total {
  readonly requests: number;
  readonly windows: number;
}

/** Requests and windows of each client and day so far, by {@linkcode totalKey}. */
async function readTotals(
  db: Database,
  shown: readonly WindowVerdict[],
): Promise<Map<string, Total>> {
  const days = shown.map(({ facts }) =>
    Math.floor(facts.window_start / DAY_US)
  );
  const seconds = (day: number) => typed(day * 86_400, "UInt32");
  const rows = await db.query<Total & { key: string }>(
    sql`
SELECT concat(replaceOne(toString(src_ip), '::ffff:', ''), '|', ja4, '|', http_host, '|',
    toString(intDiv(toUnixTimestamp(window_start), 86400))) AS key,
  sum(requests) AS requests, count() AS windows
FROM scores FINAL
WHERE alert AND window_start >= toDateTime(${seconds(Math.min(...days))}, 'UTC')
  AND window_start < toDateTime(${seconds(Math.max(...days) + 1)}, 'UTC')
GROUP BY key`,
    { settings: { output_format_json_quote_64bit_integers: 0 } },
  );
  return new Map(rows.map((row) => [row.key, row]));
}

function totalKey({ facts }: WindowVerdict): string {
  const day = Math.floor(facts.window_start / DAY_US);
  return `${facts.src_ip}|${facts.ja4}|${facts.http_host}|${day}`;
}

/** The row of a detection; undefined if the stored one says the same. */
function detectionRow(
  verdicts: readonly WindowVerdict[],
  context: {
    id: string;
    model: DetectorModel;
    before: StoredDetection | undefined;
    total: Total | undefined;
    campaign: string | undefined;
    examples: ReadonlyMap<string, string>;
  },
): object | undefined {
  const { before, total, model } = context;
  const first = Math.min(...verdicts.map(({ facts }) => facts.first_ts));
  const last = Math.max(...verdicts.map(({ facts }) => facts.last_ts));
  const best = verdicts.reduce((a, b) => b.score > a.score ? b : a);
  const severity = worst(...verdicts.map((verdict) => verdict.severity)) ??
    "low";
  const requests = total?.requests ?? best.facts.requests;
  const campaign_id = context.campaign ?? before?.campaign_id ?? "";
  if (
    before !== undefined && last <= before.last_seen &&
    requests === before.requests && campaign_id === before.campaign_id &&
    model.id === before.model_id &&
    SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(before.severity)
  ) return undefined;
  const { facts } = best;
  // What was said of an earlier, more unusual window of the day stays said.
  const earlier = before !== undefined && before.score > best.score &&
      before.last_seen < Math.min(...verdicts.map((v) => v.facts.window_start))
    ? before
    : undefined;
  const reasons = reasonsOf(best);
  return {
    id: context.id,
    first_seen: Math.min(first, before?.first_seen ?? first),
    last_seen: Math.max(last, before?.last_seen ?? last),
    src_ip: facts.src_ip.includes(":")
      ? facts.src_ip
      : `::ffff:${facts.src_ip}`,
    ja4: facts.ja4,
    http_host: facts.http_host,
    severity: earlier === undefined
      ? severity
      : worst(severity, earlier.severity),
    ...(earlier === undefined
      ? {
        score: best.score,
        p_value: best.pValue,
        base: best.base,
        ...wordingOf({
          facts,
          score: best.score,
          pValue: best.pValue,
          reasons,
          rules: best.rules,
          learning: model.learning,
        }),
        reasons: JSON.stringify(
          reasons.map(({ clause: _, ...reason }) => reason),
        ),
        rules: JSON.stringify(best.rules),
        model: best.model,
        examples: context.examples.get(exampleKey(facts)) ?? "[]",
      }
      : {
        score: earlier.score,
        p_value: earlier.p_value,
        base: earlier.base,
        title: earlier.title,
        summary: earlier.summary,
        tags: earlier.tags,
        reasons: earlier.reasons,
        rules: earlier.rules,
        model: earlier.model,
        examples: earlier.examples,
      }),
    requests,
    windows: total?.windows ?? 1,
    user_agent: facts.user_agent,
    asn: facts.asn,
    country: facts.country,
    campaign_id,
    model_id: model.id,
  };
}
