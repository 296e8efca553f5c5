/**
 * How well does the detector tell bots from people? Draws of labelled generated traffic through the
 * real correlator, store and detector. One JSON line a draw, then the means.
 *
 *     deno run -A tools/measure_detection.ts 201 202 203
 *     deno run -A tools/measure_detection.ts --rough 201 202 203      # people harder to tell from bots
 *     deno run -A tools/measure_detection.ts --unfamiliar 301 302 303 # other people, site and bots
 *     deno run -A tools/measure_detection.ts --sparse 201 202 203     # a third of the people, rough
 *     deno run -A tools/measure_detection.ts --unfamiliar --labels 200 301 302 # after a simulated review
 *     deno run -A tools/measure_detection.ts --unfamiliar --requests-only 301  # and by the applicative model alone
 *     deno task measure                                               # all of these, into docs/detection.md
 *
 * With --labels, an oracle answers the review queue, batch by batch; windows of actors that were
 * labelled count neither before nor after.
 *
 * Intervals are the 5th and 95th percentile of 200 resamplings of actors.
 *
 * A window is a bot's if a bot made any request of it. Verified bots count as people: showing them
 * is a false alarm.
 *
 * @module
 */
import { parseArgs } from "node:util";
import * as v from "valibot";
import { detectorOptions, schema } from "../detect/config.ts";
import { Detector, type DetectorOptions } from "../detect/detector.ts";
import { Random } from "../detect/random.ts";
import { writeLabel } from "../detect/review.ts";
import { writeQueue } from "../detect/review_queue.ts";
import { startTemporaryStore } from "../detect/temporary_store.ts";
import type { Database } from "../lib/clickhouse.ts";
import type { IpAddress, RequestEvent, UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { sql } from "../lib/sql.ts";
import { quality } from "../tests/detect/quality.ts";
import { GOOD_BOT_NETWORKS } from "./traffic/bots.ts";
import { generateTraffic } from "./traffic/generate.ts";
import { joinTraffic } from "./traffic/join.ts";
import { roughen } from "./traffic/roughen.ts";
import type { Label, Traffic } from "./traffic/recorder.ts";
import { generateUnfamiliar } from "./traffic/unfamiliar.ts";

const END = Date.UTC(2026, 10, 2) * 1000 as UnixMicros;
const HOUR_US = 3600e6;
const RESAMPLINGS = 200;

interface Scored {
  readonly window_start: string;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly score: number;
  readonly alert: boolean;
}

/** What a draw gave; shares and areas 0..1. */
type Measured = Record<string, number>;

/** How the traffic of a draw is made. */
export type Kind = "plain" | "rough" | "sparse" | "unfamiliar";

function trafficOf(seed: number, kind: Kind): Traffic {
  const options = { seed, hours: 24, events: 120_000, end: END };
  if (kind === "unfamiliar") return generateUnfamiliar(options);
  const traffic = generateTraffic(options);
  if (kind === "plain") return traffic;
  const rough = roughen(traffic, seed);
  return kind === "rough" ? rough : sparse(rough, seed);
}

/** A small site: a third of its people, all of its bots. */
function sparse(traffic: Traffic, seed: number): Traffic {
  const random = new Random(seed ^ 0x7000_0007);
  const stays = new Map<string, boolean>();
  const kept = [...traffic.labels.keys()].filter((i) => {
    const { label, actor } = traffic.labels[i] as Label;
    return label !== "human" ||
      stays.getOrInsertComputed(actor, () => random.uniform() < 1 / 3);
  });
  return {
    handshakes: traffic.handshakes,
    requests: kept.map((i) => traffic.requests[i] as RequestEvent),
    labels: kept.map((i) => traffic.labels[i] as Label),
  };
}

/** A scored window and who made it. */
export interface Labelled extends Scored {
  readonly truth: Label;
}

/** What is measured of a draw. */
export interface MeasureOptions {
  readonly kind: Kind;
  /** Labels that a simulated review gives; 0 for none. */
  readonly labels: number;
  /** Whether the applicative model is measured too, as it scores every window. */
  readonly requestsOnly: boolean;
}

/** Windows of one draw, judged in several ways. */
export interface Draw {
  /** Every window, without a label. */
  readonly plain: Labelled[];
  /** By the applicative model alone; empty if not asked for. */
  readonly requestsOnly: Labelled[];
  /** Windows of actors that nobody labelled, before and after the review; empty if not asked for. */
  readonly before: Labelled[];
  readonly after: Labelled[];
}

/** Judges one draw in a store of its own, by the real correlator and detector. */
export async function measure(
  seed: number,
  { kind, labels, requestsOnly }: MeasureOptions,
): Promise<Draw> {
  const traffic = trafficOf(seed, kind);
  const events = await joinTraffic(traffic);
  await using store = await startTemporaryStore();
  const db = store.database;
  await db.insertRows("ref_bots", GOOD_BOT_NETWORKS.map((one) => ({ ...one })));
  await db.command(sql`SYSTEM RELOAD DICTIONARY dict_bots`);
  let from = Infinity;
  for (let at = 0; at < events.length; at += insertRowsMax) {
    const batch = events.slice(at, at + insertRowsMax);
    from = batch.reduce((least, { ts }) => Math.min(least, ts), from);
    await db.insert("http_events", httpEventColumns(batch), batch.length);
  }
  const whole = {
    from: Math.floor(from / HOUR_US) * HOUR_US as UnixMicros,
    to: END + 1 as UnixMicros,
  };
  const options = detectorOptions(v.parse(schema, {}));
  const score = async (changed: Partial<DetectorOptions> = {}) => {
    const detector = new Detector(db, { ...options, ...changed });
    await detector.learn(whole);
    for (const table of RESULTS) await db.command(sql`TRUNCATE TABLE ${table}`);
    await detector.score(whole, { now: Date.now() * 1000 as UnixMicros });
    return withTruth(
      await db.query<Scored>(
        sql`
SELECT formatDateTime(window_start, '%FT%TZ') AS window_start, replaceOne(toString(src_ip), '::ffff:', '') AS src_ip,
  score, alert, toString(ja4) AS ja4, http_host
FROM scores FINAL WHERE model != '' OR traffic_class = 'verified' OR alert`,
      ),
      traffic.labels,
    );
  };
  const byRequests = requestsOnly
    ? await score({ models: new Set(["applicative", "declared", "app"]) })
    : [];
  const plain = await score();
  if (labels === 0) {
    return { plain, requestsOnly: byRequests, before: [], after: [] };
  }
  const seen = await review(db, plain, labels);
  const unseen = ({ truth }: Labelled) => !seen.has(truth.actor);
  return {
    plain,
    requestsOnly: byRequests,
    before: plain.filter(unseen),
    after: (await score()).filter(unseen),
  };
}

/** What a detector found, which the next one is not to see. */
const RESULTS = [
  sql`scores`,
  sql`detections`,
  sql`campaigns`,
] as const;

/** Answers the review queue by the truth, until there are so many labels. Returns the actors that were seen. */
async function review(
  db: Database,
  rows: readonly Labelled[],
  labels: number,
): Promise<Set<string>> {
  const truth = new Map(rows.map((row) => [keyOf(row), row.truth]));
  const seen = new Set<string>();
  for (let given = 0; given < labels;) {
    const batch = await writeQueue(db, END + given as UnixMicros);
    if (batch.length === 0) break;
    for (const question of batch.slice(0, labels - given)) {
      const start = new Date(question.window_start / 1000).toISOString();
      const known = truth.get(keyOf({ ...question, window_start: start }));
      if (known === undefined) throw new Error("A question about nobody");
      seen.add(known.actor);
      await writeLabel(db, {
        ...question,
        src_ip: question.src_ip as IpAddress,
        label: known.label,
        scope: "window",
        actor: "oracle",
        note: "",
        days: 365,
        now: END + given++ as UnixMicros,
      });
    }
  }
  return seen;
}

function keyOf(
  row: Pick<Scored, "window_start" | "src_ip" | "ja4" | "http_host">,
): string {
  return `${
    Date.parse(row.window_start)
  } ${row.src_ip} ${row.ja4} ${row.http_host}`;
}

function withTruth(
  rows: readonly Scored[],
  labels: readonly Label[],
): Labelled[] {
  const truth = new Map<string, Label>();
  for (const label of labels) {
    const key = `${Math.floor(label.ts / HOUR_US)} ${label.src_ip}`;
    if (!truth.has(key) || label.label === "bot") truth.set(key, label);
  }
  return rows.map((row) => {
    const hour = Date.parse(row.window_start) / 3600e3;
    return { ...row, truth: truth.get(`${hour} ${row.src_ip}`) as Label };
  });
}

function isBot({ truth }: Labelled): boolean {
  return truth.label === "bot";
}

/** Share of `rows` that are alerts. */
function alertShare(rows: readonly Labelled[]): number {
  return rows.filter(({ alert }) => alert).length / rows.length;
}

function judge(rows: readonly Labelled[]): Measured {
  const found = quality(
    rows.map((row) => isBot(row) ? 1 : 0),
    rows.map(({ score }) => score),
  );
  const bots = rows.filter(isBot);
  const alerts = rows.filter(({ alert }) => alert);
  const tier = (name: string) =>
    alertShare(bots.filter(({ truth }) => truth.tier === name));
  return {
    windows: rows.length,
    bot_windows: bots.length,
    pr_auc: found.ap,
    recall_at_1pct_fpr: found.recallAt1,
    recall_at_01pct_fpr: found.recallAt01,
    alert_precision: alerts.filter(isBot).length / alerts.length,
    alert_recall: alertShare(bots),
    recall_easy: tier("easy"),
    recall_medium: tier("medium"),
    recall_hard: tier("hard"),
  };
}

/** Bots by family: share above the score that 1 % of the rest reach. The rest by class: share alerted. */
function byClass(rows: readonly Labelled[]): {
  recall_at_1pct_fpr: Measured;
  false_alarms: Measured;
} {
  const rest = rows.filter((row) => !isBot(row));
  const highest = rest.map(({ score }) => score).sort((a, b) => b - a);
  const threshold = highest[Math.floor(0.01 * rest.length)] ?? 1;
  const groups = (of: readonly Labelled[]) =>
    [...Map.groupBy(of, ({ truth }) => truth.family)].sort(([a], [b]) =>
      a < b ? -1 : 1
    );
  return {
    recall_at_1pct_fpr: Object.fromEntries(
      groups(rows.filter(isBot)).map(([family, own]) => [
        family,
        own.filter(({ score }) => score > threshold).length / own.length,
      ]),
    ),
    false_alarms: Object.fromEntries(
      groups(rest).map(([family, own]) => [family, alertShare(own)]),
    ),
  };
}

const INTERVALS = [
  "pr_auc",
  "recall_at_1pct_fpr",
  "recall_at_01pct_fpr",
  "alert_precision",
  "alert_recall",
];

/** 5th and 95th percentile of the mean over the draws, when the actors of each are drawn anew. */
function intervals(
  draws: readonly (readonly Labelled[])[],
): Record<string, number[]> {
  const random = new Random(1);
  const actors = draws.map((rows) => [
    ...Map.groupBy(rows, ({ truth }) => truth.actor).values(),
  ]);
  const means = Array.from(
    { length: RESAMPLINGS },
    () =>
      meanOf(
        actors.map((own) =>
          judge(own.flatMap(() => own[random.below(own.length)] as Labelled[]))
        ),
      ),
  );
  const at = (name: string, share: number) =>
    means.map((mean) => mean[name] as number).sort((a, b) => a - b)[
      Math.floor(share * RESAMPLINGS)
    ] as number;
  return Object.fromEntries(
    INTERVALS.map(
      (name) => [name, [at(name, 0.05), at(name, 0.95)]],
    ),
  );
}

function meanOf(draws: readonly Measured[]): Measured {
  return Object.fromEntries(
    Object.keys(draws[0] ?? {}).map((name) => [
      name,
      draws.reduce((sum, draw) => sum + (draw[name] as number), 0) /
      draws.length,
    ]),
  );
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}

function print(measured: object): void {
  const line = JSON.stringify(
    measured,
    (_, value: unknown) => typeof value === "number" ? rounded(value) : value,
  );
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Figures of some draws together. */
export function summarise(draws: readonly (readonly Labelled[])[]): {
  mean: Measured;
  interval: Record<string, number[]>;
  recall_at_1pct_fpr: Measured;
  false_alarms: Measured;
} {
  return {
    mean: meanOf(draws.map(judge)),
    interval: intervals(draws),
    ...byClass(draws.flat()),
  };
}

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rough: { type: "boolean" },
      sparse: { type: "boolean" },
      unfamiliar: { type: "boolean" },
      "requests-only": { type: "boolean" },
      labels: { type: "string", default: "0" },
      write: { type: "boolean" },
    },
  });
  if (values.write) return await writeDocument();
  const kinds = ["rough", "sparse", "unfamiliar"] as const;
  const options: MeasureOptions = {
    kind: kinds.find((kind) => values[kind]) ?? "plain",
    labels: Number(values.labels),
    requestsOnly: values["requests-only"] ?? false,
  };
  const draws: Draw[] = [];
  for (const seed of positionals.length > 0 ? positionals : ["201"]) {
    draws.push(await measure(Number(seed), options));
    tell(Number(seed), draws.at(-1) as Draw);
  }
  for (const way of WAYS) {
    const rows = draws.map((draw) => draw[way]);
    if (rows.some(({ length }) => length > 0)) {
      print({ way, ...summarise(rows) });
    }
  }
}

const WAYS = ["plain", "requestsOnly", "before", "after"] as const;

/** A line for each way in which the draw was judged. */
function tell(seed: number, draw: Draw): void {
  for (const way of WAYS) {
    if (draw[way].length > 0) print({ seed, way, ...judge(draw[way]) });
  }
}

/** Draws that nothing was tuned on. */
const RUNS:
  readonly (MeasureOptions & { readonly seeds: readonly number[] })[] = [
    ...(["plain", "rough", "sparse"] as const).map((kind) => ({
      kind,
      labels: 0,
      requestsOnly: false,
      seeds: [201, 202, 203],
    })),
    {
      kind: "unfamiliar",
      labels: 200,
      requestsOnly: true,
      seeds: [301, 302, 303, 304, 305, 306],
    },
  ];

/** A column of the document's table. */
interface Column extends ReturnType<typeof summarise> {
  readonly title: string;
  /** Area under precision-recall of the worst draw. */
  readonly worst: number;
}

function columnOf(title: string, draws: readonly Labelled[][]): Column {
  const areas = draws.map((rows) => judge(rows)["pr_auc"] as number);
  return { title, worst: Math.min(...areas), ...summarise(draws) };
}

const ROWS: Readonly<Record<string, string>> = {
  windows: "windows a draw",
  bot_windows: "of bots",
  pr_auc: "area under precision-recall",
  recall_at_1pct_fpr: "recall at 1 % false positives",
  recall_at_01pct_fpr: "recall at 0.1 %",
  alert_precision: "precision of alerts",
  alert_recall: "recall of alerts",
  recall_easy: "the same: easy",
  recall_medium: "medium",
  recall_hard: "hard",
};

const BEGIN = "<!-- measured: deno task measure -->";
const END_MARK = "<!-- end of measured -->";

/** Measures all runs and puts the tables between the marks of docs/detection.md. */
async function writeDocument(): Promise<void> {
  const columns: Column[] = [];
  for (const { seeds, ...options } of RUNS) {
    const draws: Draw[] = [];
    for (const seed of seeds) {
      draws.push(await measure(seed, options));
      tell(seed, draws.at(-1) as Draw);
    }
    for (const way of WAYS) {
      const rows = draws.map((draw) => draw[way]);
      if (rows.every(({ length }) => length === 0)) continue;
      const title = `${
        options.kind === "plain" ? "as generated" : options.kind
      }${TITLES[way]}, ${seeds[0]}-${seeds.at(-1)}`;
      columns.push(columnOf(title, rows));
    }
  }
  const path = new URL("../docs/detection.md", import.meta.url);
  const text = await Deno.readTextFile(path);
  const [head, rest] = text.split(BEGIN);
  const tail = rest?.split(END_MARK)[1];
  if (tail === undefined) throw new Error("docs/detection.md has no marks");
  await Deno.writeTextFile(
    path,
    `${head}${BEGIN}\n${tablesOf(columns)}\n${END_MARK}${tail}`,
  );
}

const TITLES: Readonly<Record<typeof WAYS[number], string>> = {
  plain: "",
  requestsOnly: ", by requests alone",
  before: ", actors not labelled",
  after: ", the same after 200 labels",
};

function tablesOf(columns: readonly Column[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const cell = (name: string, one: Column) => {
    const mean = one.mean[name] ?? 0;
    if (name.endsWith("windows")) return mean.toFixed(0);
    const [low, high] = one.interval[name] ?? [];
    return low === undefined || high === undefined
      ? mean.toFixed(2)
      : `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
  };
  const groups = (of: "recall_at_1pct_fpr" | "false_alarms", title: string) => {
    const names = [...new Set(columns.flatMap((one) => Object.keys(one[of])))];
    return [
      "",
      line([title, ...columns.map((one) => one.title)]),
      line(["---", ...columns.map(() => "---")]),
      ...names.sort().map((name) =>
        line([name, ...columns.map((one) => one[of][name]?.toFixed(3) ?? "")])
      ),
    ];
  };
  return [
    line(["mean over draws", ...columns.map(({ title }) => title)]),
    line(["---", ...columns.map(() => "---")]),
    ...Object.entries(ROWS).map(([name, label]) =>
      line([label, ...columns.map((one) => cell(name, one))])
    ),
    line([
      "worst area of a draw",
      ...columns.map(({ worst }) => worst.toFixed(3)),
    ]),
    ...groups(
      "recall_at_1pct_fpr",
      "bots above the score that 1 % of the rest reach",
    ),
    ...groups("false_alarms", "benign windows alerted"),
  ].join("\n");
}

if (import.meta.main) await run();
