/**
 * `deno task evaluate`: events of a file through a temporary store, the real schema and the real
 * detector, and what it says of every window. The detector learns from the same events, without
 * any label.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import type { CorrelatedEvent, UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { parseIp } from "../lib/ip.ts";
import { parseNetwork } from "../lib/ip_filter.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { main, type Program } from "../lib/program.ts";
import { sql, typed } from "../lib/sql.ts";
import { detectorOptions, schema } from "./config.ts";
import { Detector } from "./detector.ts";
import { LineError, parseEvent } from "./event_input.ts";
import { TextLineStream } from "./lines.ts";
import { startTemporaryStore } from "./temporary_store.ts";

/** The part of detect.toml that matters here; the rest is accepted. */
export const program: Program<typeof schema> = {
  name: "evaluate",
  summary: "Scores the windows of recorded events, in a store of their own",
  usage: "EVENTS --scores OUT",
  help:
    `  EVENTS         CorrelatedEvents, one JSON object a line in any order; ts and
                 src_ip must be there, what else is missing is unknown
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
    await using output = await OutputFile.create(out);
    await using store = await startTemporaryStore();
    const db = store.database;
    if (networks.length > 0) {
      await db.insertRows("ref_bots", networks);
      await db.command(sql`SYSTEM RELOAD DICTIONARY dict_bots`);
    }
    const loaded = await load(db, input, { path: events, signal });
    if (loaded.repeated > 0) {
      Deno.stderr.writeSync(
        new TextEncoder().encode(
          `ja4-evaluate: Left out ${loaded.repeated} events whose event_id another one has\n`,
        ),
      );
    }
    if (loaded.events > 0) {
      const detector = new Detector(db, detectorOptions(config));
      const windowUs = config.detect.window_s * 1e6;
      const whole = {
        from: Math.floor(loaded.from / windowUs) * windowUs as UnixMicros,
        to: loaded.to + 1 as UnixMicros,
      };
      await detector.learn(whole, signal);
      await detector.score(whole, {
        now: Date.now() * 1000 as UnixMicros,
        signal,
      });
    }
    await output.write(await readScores(db, config.detect.window_s));
  },
};

async function open(path: string): Promise<Deno.FsFile> {
  try {
    const { isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new Error("it is a directory");
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

/** What was stored. */
interface Loaded {
  readonly events: number;
  /** Events whose `event_id` another event had. */
  readonly repeated: number;
  /** First and last time, microseconds. */
  readonly from: number;
  readonly to: number;
}

/** Stores the events, each once. */
async function load(
  db: Database,
  file: Deno.FsFile,
  context: { path: string; signal: AbortSignal },
): Promise<Loaded> {
  let from = Infinity;
  let to = -Infinity;
  let events = 0;
  let repeated = 0;
  let number = 0;
  const seen = new Set<string>();
  let batch: CorrelatedEvent[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    await db.insert("http_events", httpEventColumns(batch), batch.length, {
      signal: context.signal,
      // A partition is a day, and the events may be of any.
      settings: { max_partitions_per_insert_block: 0 },
    });
    events += batch.length;
    batch = [];
  };
  const lines = file.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const event = parseLine(line, `"${context.path}", line ${number}`);
    if (seen.has(event.event_id)) {
      repeated++;
      continue;
    }
    seen.add(event.event_id);
    from = Math.min(from, event.ts);
    to = Math.max(to, event.ts);
    if (batch.push(event) >= insertRowsMax) await flush();
  }
  await flush();
  return { events, repeated, from, to };
}

function parseLine(line: string, place: string): CorrelatedEvent {
  try {
    return parseEvent(line);
  } catch (thrown) {
    if (!(thrown instanceof LineError)) throw thrown;
    throw new FatalError(
      "dataFormat",
      `Cannot use ${place}: ${thrown.message}`,
      { cause: thrown },
    );
  }
}

/** A file that appears under its name when it is whole. */
class OutputFile implements AsyncDisposable {
  readonly #path: string;
  /** Where it is written until then; undefined for devices and pipes, which are written at once. */
  readonly #partial: string | undefined;

  private constructor(path: string, partial: string | undefined) {
    this.#path = path;
    this.#partial = partial;
  }

  /** Makes sure that the file can be written before any work is done for it. */
  static async create(path: string): Promise<OutputFile> {
    try {
      const there = await Deno.stat(path).catch(() => undefined);
      if (there?.isDirectory) throw new Error("it is a directory");
      if (there !== undefined && !there.isFile) {
        return new OutputFile(path, undefined);
      }
      const partial = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
      await Deno.writeTextFile(partial, "", { createNew: true });
      return new OutputFile(path, partial);
    } catch (thrown) {
      throw cannotWrite(path, thrown);
    }
  }

  async write(text: string): Promise<void> {
    try {
      await Deno.writeTextFile(this.#partial ?? this.#path, text);
      if (this.#partial !== undefined) {
        await Deno.rename(this.#partial, this.#path);
      }
    } catch (thrown) {
      throw cannotWrite(this.#path, thrown);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#partial === undefined) return;
    await Deno.remove(this.#partial).catch(() => undefined);
  }
}

function cannotWrite(path: string, thrown: unknown): FatalError {
  return new FatalError(
    "noPermission",
    `Cannot write "${path}": ${messageOf(thrown)}`,
    { cause: thrown },
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

/**
 * One line a window, in order of time, host, JA4 and address; where a client resumed, its window
 * has a line for each JA4 that was captured.
 */
async function readScores(db: Database, windowS: number): Promise<string> {
  const [model] = await db.query<{ feature_names: readonly string[] }>(
    sql`SELECT feature_names FROM models FINAL WHERE state = 'active'`,
  );
  const rows = await db.query<ScoreRow>(sql`
SELECT toUnixTimestamp(scored.window_start) AS window_start, src_ip, ja4_seen AS ja4, http_host, score, p_value, alert, severity,
  rules, contributions
FROM (SELECT * FROM scores FINAL) AS scored
INNER JOIN (
  SELECT DISTINCT toDateTime(toStartOfInterval(ts, toIntervalSecond(${
    typed(windowS, "UInt32")
  }))) AS window_start, src_ip, ja4, ja4_seen, http_host FROM client_facts
) AS seen USING (window_start, src_ip, ja4, http_host)
ORDER BY window_start, http_host, ja4, src_ip`);
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
  return lines.join("");
}

if (import.meta.main) await main(program);
