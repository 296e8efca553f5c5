/**
 * Alerts and their deliveries in the database. A notification rests there before it is sent and
 * until it is acknowledged or given up: a restart loses none, and repeats none that was delivered.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { messageOf } from "../lib/errors.ts";
import type { RuleHit, UnixMicros } from "../lib/events.ts";
import { SEVERITIES } from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";
import { sql } from "../lib/sql.ts";
import { micros } from "./learned.ts";
import {
  advance,
  type Alert,
  type AlertOptions,
  type AlertSource,
  type Notification,
  QUIET_US,
  subjectOf,
} from "./alerts.ts";
import { shortId } from "./encoding.ts";

const SOURCES_MAX = 20_000;
const PLAIN = { output_format_json_quote_64bit_integers: 0 };

/** Brings the alerts up to `now` and puts what is to be told in the queue of each output. */
export async function advanceAlerts(
  db: Database,
  options: AlertOptions & {
    now: UnixMicros;
    outputs: readonly string[];
    signal?: AbortSignal | undefined;
  },
): Promise<{ changed: number; notifications: number }> {
  const { now, signal } = options;
  const sources = new Map<string, AlertSource[]>();
  for (const source of await readSources(db, options)) {
    const { subject, http_host, kind } = subjectOf(source);
    const id = `A-${await shortId(JSON.stringify([subject, http_host, kind]))}`;
    sources.getOrInsertComputed(id, () => []).push(source);
  }
  const known = await readAlerts(db, [...sources.keys()], signal);
  const { changed, notifications } = advance(sources, known, options);
  await enqueue(db, notifications, options);
  for (let at = 0; at < changed.length; at += 1000) {
    await db.insertRows(
      "alerts",
      changed.slice(at, at + 1000).map((alert) => ({ ...alert, rev: now })),
      { signal },
    );
  }
  return { changed: changed.length, notifications: notifications.length };
}

async function readSources(
  db: Database,
  { now, minSeverity, signal }: AlertOptions & {
    now: UnixMicros;
    signal?: AbortSignal | undefined;
  },
): Promise<AlertSource[]> {
  const rows = await db.query<
    Omit<AlertSource, "kind"> & { rules: string }
  >(
    sql`
SELECT id, src_ip, http_host, campaign_id, severity, title, summary, rules, toUnixTimestamp64Micro(last_seen) AS last_seen
FROM (SELECT * FROM detections FINAL) AS d
WHERE severity IN ${
      SEVERITIES.slice(SEVERITIES.indexOf(minSeverity))
    } AND d.last_seen > ${micros(now - QUIET_US as UnixMicros)}
  AND id NOT IN (SELECT detection_id FROM triage_current WHERE state = 'archived' OR verdict IN ('false_positive', 'benign_bot'))
ORDER BY id LIMIT ${SOURCES_MAX}`,
    { signal, settings: PLAIN },
  );
  return rows.map(({ rules, ...row }) => ({
    ...row,
    src_ip: parseIp(row.src_ip) ?? row.src_ip,
    kind: kindOf(JSON.parse(rules) as RuleHit[]),
  }));
}

/** The rule of the highest severity, the first of equals; `model` where none hit. */
function kindOf(rules: readonly RuleHit[]): string {
  const [worst] = rules.toSorted((a, b) =>
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity)
  );
  return worst?.rule ?? "model";
}

async function readAlerts(
  db: Database,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Alert>> {
  const rows = await db.query<Alert>(
    sql`
SELECT id, subject, http_host, kind, state, severity, title, summary, detections,
  toUnixTimestamp64Micro(a.opened_at) AS opened_at, toUnixTimestamp64Micro(a.last_seen) AS last_seen,
  toUnixTimestamp64Micro(a.notified_at) AS notified_at, notified, recurrence,
  arrayMap(x -> toUnixTimestamp64Micro(x), a.past_opens) AS past_opens
FROM (SELECT * FROM alerts FINAL) AS a
WHERE state = 'open' OR id IN ${ids}`,
    { signal, settings: PLAIN },
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** A notification on its way to one output. */
export interface Delivery {
  readonly id: string;
  readonly output: string;
  readonly alert_id: string;
  /** JSON of {@linkcode AlertMessage}. */
  readonly body: string;
  readonly state: "waiting" | "delivered" | "given_up";
  readonly attempts: number;
  readonly next_at: UnixMicros;
  readonly error: string;
  readonly created_at: UnixMicros;
}

/** What receivers get, as JSON. */
export interface AlertMessage {
  readonly id: string;
  readonly occasion: Notification["occasion"];
  readonly alert: Omit<Alert, "past_opens">;
}

async function enqueue(
  db: Database,
  notifications: readonly Notification[],
  context: {
    now: UnixMicros;
    outputs: readonly string[];
    signal?: AbortSignal | undefined;
  },
): Promise<void> {
  if (notifications.length === 0 || context.outputs.length === 0) return;
  const ids = notifications.map(({ id }) => id);
  const there = new Set(
    (await db.query<{ key: string }>(
      sql`SELECT concat(output, ' ', id) AS key FROM alert_deliveries FINAL WHERE id IN ${ids}`,
      { signal: context.signal },
    )).map(({ key }) => key),
  );
  const rows = notifications.flatMap(({ id, occasion, alert }) => {
    const { past_opens: _, ...told } = alert;
    const message: AlertMessage = { id, occasion, alert: told };
    return context.outputs.filter((output) => !there.has(`${output} ${id}`))
      .map((output): Delivery => ({
        id,
        output,
        alert_id: alert.id,
        body: JSON.stringify(message),
        state: "waiting",
        attempts: 0,
        next_at: context.now,
        error: "",
        created_at: context.now,
      }));
  });
  await writeDeliveries(db, rows, context);
}

async function writeDeliveries(
  db: Database,
  rows: readonly Delivery[],
  context: { now: UnixMicros; signal?: AbortSignal | undefined },
): Promise<void> {
  if (rows.length === 0) return;
  await db.insertRows(
    "alert_deliveries",
    rows.map((row) => ({ ...row, rev: context.now })),
    { signal: context.signal },
  );
}

/** Sends one message; throws if it was not accepted. */
export type Send = (
  message: AlertMessage,
  signal: AbortSignal,
) => Promise<void>;

/** Seconds until the next attempt, by the number of those made; then it is given up. */
const BACKOFF_S = [10, 60, 300, 1800, 3600, 7200, 14_400, 28_800];
const BATCH = 200;

/** Sends what is due. An output that fails is left alone until the next time. */
export async function deliver(
  db: Database,
  outputs: ReadonlyMap<string, Send>,
  context: { now: UnixMicros; signal: AbortSignal },
): Promise<{ delivered: number; failed: number }> {
  const due = await db.query<Delivery>(
    sql`
SELECT id, output, alert_id, body, state, attempts, toUnixTimestamp64Micro(d.next_at) AS next_at, error,
  toUnixTimestamp64Micro(d.created_at) AS created_at
FROM (SELECT * FROM alert_deliveries FINAL) AS d
WHERE state = 'waiting' AND d.next_at <= ${
      micros(context.now)
    } AND output IN ${[
      ...outputs.keys(),
    ]}
ORDER BY d.created_at, id LIMIT ${BATCH}`,
    { signal: context.signal, settings: PLAIN },
  );
  let delivered = 0;
  const done: Delivery[] = [];
  const away = new Set<string>();
  for (const delivery of due) {
    const send = outputs.get(delivery.output);
    if (send === undefined || away.has(delivery.output)) continue;
    const attempts = delivery.attempts + 1;
    let error = "";
    try {
      await send(JSON.parse(delivery.body) as AlertMessage, context.signal);
      delivered++;
    } catch (thrown) {
      error = messageOf(thrown);
      away.add(delivery.output);
    }
    const pauseS = BACKOFF_S[attempts - 1];
    done.push({
      ...delivery,
      attempts,
      error,
      state: error === ""
        ? "delivered"
        : pauseS === undefined
        ? "given_up"
        : "waiting",
      next_at: context.now + (pauseS ?? 0) * 1e6 as UnixMicros,
    });
  }
  // One instant a write: `rev` must rise above that of the queueing within the same cycle.
  await writeDeliveries(db, done, {
    now: context.now + 1 as UnixMicros,
    signal: context.signal,
  });
  return { delivered, failed: done.length - delivered };
}
