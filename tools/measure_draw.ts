/**
 * One draw of labelled generated traffic through the real correlator, store and detector, judged in
 * several ways: as it is, by its requests alone, and after an oracle has answered the review queue.
 *
 * @module
 */
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
import { GOOD_BOT_NETWORKS } from "./traffic/bots.ts";
import { generateTraffic } from "./traffic/generate.ts";
import { joinTraffic } from "./traffic/join.ts";
import { roughen } from "./traffic/roughen.ts";
import type { Label, Traffic } from "./traffic/recorder.ts";
import { generateUnfamiliar } from "./traffic/unfamiliar.ts";

const END = Date.UTC(2026, 10, 2) * 1000 as UnixMicros;
const HOUR_US = 3600e6;
interface Scored {
  readonly window_start: string;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly score: number;
  readonly alert: boolean;
}

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
