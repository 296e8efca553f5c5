/**
 * `deno task evaluate`: events of a file through a temporary store, the real schema and the real
 * detector, and what it says of every window. The detector learns from the same events, without
 * any label.
 *
 * @module
 */
import * as v from "valibot";
import type { Database } from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import type { CorrelatedEvent, UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { parseIp } from "../lib/ip.ts";
import { parseNetwork } from "../lib/ip_filter.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { main, type Program } from "../lib/program.ts";
import { sql } from "../lib/sql.ts";
import { detectorOptions, schema } from "./config.ts";
import { Detector } from "./detector.ts";
import { TextLineStream } from "./lines.ts";
import { startTemporaryStore } from "./temporary_store.ts";

/** The part of detect.toml that matters here; the rest is accepted. */
export const program: Program<typeof schema> = {
  name: "evaluate",
  summary: "Scores the windows of recorded events, in a store of their own",
  usage: "EVENTS --scores OUT",
  help: `  EVENTS         CorrelatedEvents, one JSON object a line
  --scores OUT   one JSON line a window: window_start, src_ip, ja4, http_host,
                 host, score, p_value, alert, severity, reasons, rules
  --bots FILE    networks of verified bots, one "CIDR,name" a line
`,
  schema,
  positionals: true,
  options: { scores: { type: "string" }, bots: { type: "string" } },
  async run({ config, options, positionals, signal }) {
    const [events, ...more] = positionals;
    const out = options["scores"];
    if (events === undefined || more.length > 0 || typeof out !== "string") {
      throw new FatalError("usage", "Expected EVENTS --scores OUT\nTry --help");
    }
    const bots = options["bots"];
    const networks = typeof bots === "string" ? await readBots(bots) : [];
    using input = await open(events);
    await using store = await startTemporaryStore();
    const db = store.database;
    if (networks.length > 0) {
      await db.insertRows("ref_bots", networks);
      await db.command(sql`SYSTEM RELOAD DICTIONARY dict_bots`);
    }
    const span = await load(db, input, { path: events, signal });
    if (span !== undefined) {
      const detector = new Detector(db, detectorOptions(config));
      const windowUs = config.detect.window_s * 1e6;
      const whole = {
        from: Math.floor(span.from / windowUs) * windowUs as UnixMicros,
        to: span.to + 1 as UnixMicros,
      };
      await detector.learn(whole, signal);
      await detector.score(whole, {
        now: Date.now() * 1000 as UnixMicros,
        signal,
      });
    }
    await writeScores(db, out);
  },
};

async function open(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

async function readBots(
  path: string,
): Promise<{ prefix: string; name: string }[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
  return text.trim().split("\n").map((line, index) => {
    const [prefix = "", name = ""] = line.split(",");
    if (parseNetwork(prefix) === undefined || name === "") {
      throw new FatalError(
        "dataFormat",
        `Cannot use "${path}", line ${index + 1}: expected "CIDR,name"`,
      );
    }
    return { prefix, name };
  });
}

/** Stores the events; returns the span of their times, or undefined if there are none. */
async function load(
  db: Database,
  file: Deno.FsFile,
  context: { path: string; signal: AbortSignal },
): Promise<{ from: number; to: number } | undefined> {
  let from = Infinity;
  let to = -Infinity;
  let batch: CorrelatedEvent[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    await db.insert("http_events", httpEventColumns(batch), batch.length, {
      signal: context.signal,
    });
    batch = [];
  };
  let number = 0;
  const lines = file.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const event = parseEvent(line, `"${context.path}", line ${number}`);
    from = Math.min(from, event.ts);
    to = Math.max(to, event.ts);
    if (batch.push(event) >= insertRowsMax) await flush();
  }
  await flush();
  return to < from ? undefined : { from, to };
}

const correlated = v.looseObject({
  event_type: v.literal("correlated"),
  ts: v.pipe(v.number(), v.safeInteger()),
  event_id: v.pipe(v.string(), v.uuid()),
  src_ip: v.pipe(v.string(), v.check((text) => parseIp(text) === text)),
  dest_ip: v.pipe(v.string(), v.check((text) => parseIp(text) === text)),
  match: v.picklist(["conn", "window", "none", "tls_only"]),
});

function parseEvent(line: string, place: string): CorrelatedEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (thrown) {
    throw new FatalError("dataFormat", `Cannot use ${place}: it is not JSON`, {
      cause: thrown,
    });
  }
  const result = v.safeParse(correlated, value);
  if (result.success) return value as CorrelatedEvent;
  const [issue] = result.issues;
  throw new FatalError(
    "dataFormat",
    `Cannot use ${place}: ${
      v.getDotPath(issue) ?? "it"
    } is not that of a CorrelatedEvent`,
  );
}

interface ScoreRow {
  readonly window_start: number;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly score: number;
  readonly p_value: number;
  readonly alert: boolean;
  readonly severity: string;
  readonly rules: readonly string[];
  readonly contributions: readonly number[];
}

async function writeScores(db: Database, path: string): Promise<void> {
  const [model] = await db.query<{ feature_names: readonly string[] }>(
    sql`SELECT feature_names FROM models FINAL WHERE state = 'active'`,
  );
  const rows = await db.query<ScoreRow>(sql`
SELECT toUnixTimestamp(window_start) AS window_start, src_ip, ja4, http_host, score, p_value, alert, severity, rules,
  contributions
FROM scores FINAL ORDER BY window_start, http_host, ja4, src_ip`);
  const names = model?.feature_names ?? [];
  const lines = rows.map((row) =>
    JSON.stringify({
      window_start: new Date(row.window_start * 1000).toISOString(),
      src_ip: parseIp(row.src_ip) ?? row.src_ip,
      ja4: row.ja4,
      http_host: row.http_host,
      host: row.http_host,
      score: row.score,
      p_value: row.p_value,
      alert: row.alert,
      severity: row.severity,
      reasons: [...row.contributions.entries()]
        .filter(([, share]) => share > 0)
        .sort(([, a], [, b]) => b - a).slice(0, 5)
        .map(([column]) => names[column]),
      rules: row.rules,
    }) + "\n"
  );
  try {
    await Deno.writeTextFile(path, lines.join(""));
  } catch (thrown) {
    throw new FatalError(
      "noPermission",
      `Cannot write "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

if (import.meta.main) await main(program);
