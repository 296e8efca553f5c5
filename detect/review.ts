/** `deno task review`: the windows that an analyst is asked about, and what they say. @module */
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { FatalError } from "../lib/errors.ts";
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import { isIpv4, parseIp } from "../lib/ip.ts";
import { main, type Program } from "../lib/program.ts";
import { sql, typed } from "../lib/sql.ts";
import { printable, shorten } from "../lib/text.ts";
import { schema } from "./config.ts";
import { shortId } from "./encoding.ts";
import { LABELS, SCOPES } from "./labels.ts";
import { type QueueRow, writeQueue } from "./review_queue.ts";

/** The command. */
export const program: Program<typeof schema> = {
  name: "review",
  summary: "Asks about windows and keeps what analysts say of them",
  usage: "[next | label POSITION LABEL | list | take-back ID]",
  help: `  (nothing)             the newest batch of questions
  next                  a new batch: ten of the top, fifteen uncertain
  label POSITION LABEL  what a question of the newest batch is: ${
    LABELS.join(", ")
  }
  list                  labels in force
  take-back ID          a label holds no longer

  --scope SCOPE         of a label: ${SCOPES.join(", ")} (default address)
  --days N              until it expires (default 30)
  --note TEXT           why
  --actor NAME          who (default: $USER)
  --json                rows as JSON lines

The configuration is that of detect.
`,
  schema,
  positionals: true,
  options: {
    scope: { type: "string" },
    days: { type: "string" },
    note: { type: "string" },
    actor: { type: "string" },
    json: { type: "boolean" },
  },
  async run({ config, options, positionals, signal }) {
    const [command = "show", ...rest] = positionals;
    await using db = await openDatabase(databaseOptions(config.clickhouse));
    const now = Date.now() * 1000 as UnixMicros;
    const json = options["json"] === true;
    switch (command) {
      case "show":
        return showQueue(await newestBatch(db), json);
      case "next":
        return showQueue(await writeQueue(db, now, signal), json);
      case "label":
        return await label(db, rest, { options, now });
      case "list":
        return await listLabels(db, json);
      case "take-back":
        return await takeBack(db, rest[0], now);
      default:
        throw new FatalError(
          "usage",
          `Unknown command "${command}"\nTry --help`,
        );
    }
  },
};

const PLAIN = { output_format_json_quote_64bit_integers: 0 };

async function newestBatch(db: Database): Promise<QueueRow[]> {
  const rows = await db.query<QueueRow>(
    sql`
SELECT batch, position, kind, group_key, members, toUnixTimestamp(q.window_start) * 1000000 AS window_start, src_ip, ja4,
  http_host, score, user_agent, reasons
FROM (SELECT * FROM review_queue FINAL WHERE batch = (SELECT max(batch) FROM review_queue)) AS q
ORDER BY position`,
    { settings: PLAIN },
  );
  return rows.map((row) => ({
    ...row,
    src_ip: parseIp(row.src_ip) ?? row.src_ip,
  }));
}

function showQueue(rows: readonly QueueRow[], json: boolean): void {
  if (rows.length === 0 && !json) return say("There is nothing to ask about");
  for (const row of rows) {
    say(
      json ? JSON.stringify(row) : [
        String(row.position).padStart(2),
        row.kind.padEnd(9),
        row.score.toFixed(2),
        new Date(row.window_start / 1000).toISOString().slice(0, 16),
        row.src_ip.padEnd(15),
        row.ja4 || "no handshake",
        shorten(printable(row.http_host), 30),
        row.members > 1 ? `${row.members} windows` : "",
        row.reasons.slice(0, 3).join(" "),
        shorten(printable(row.user_agent), 60),
      ].filter((part) => part !== "").join("  "),
    );
  }
}

async function label(
  db: Database,
  [position, name]: readonly string[],
  { options, now }: {
    options: Readonly<Record<string, unknown>>;
    now: UnixMicros;
  },
): Promise<void> {
  const scope = oneOf("--scope", options["scope"] ?? "address", SCOPES);
  const said = oneOf("LABEL", name, LABELS);
  const days = Number(options["days"] ?? 30);
  if (!(days > 0 && days <= 3650)) {
    throw new FatalError("usage", "Cannot use --days: expected 1 to 3650");
  }
  const row = (await newestBatch(db)).find((row) =>
    String(row.position) === position
  );
  if (row === undefined) {
    throw new FatalError(
      "usage",
      `The newest batch has no question ${position}`,
    );
  }
  const actor = String(options["actor"] ?? Deno.env.get("USER") ?? "");
  const id = await writeLabel(db, {
    ...row,
    src_ip: row.src_ip as IpAddress,
    label: said,
    scope,
    actor,
    note: String(options["note"] ?? ""),
    days,
    now,
  });
  say(id);
}

/** Stores a label on a window; returns its id. The header order is that of the window's pages. */
export async function writeLabel(
  db: Database,
  of: {
    src_ip: IpAddress;
    ja4: string;
    http_host: string;
    window_start: UnixMicros;
    label: string;
    scope: string;
    actor: string;
    note: string;
    days: number;
    now: UnixMicros;
  },
): Promise<string> {
  const id = `L-${await shortId(
    JSON.stringify([of.src_ip, of.ja4, of.http_host, of.now]),
  )}`;
  const src_ip = isIpv4(of.src_ip) ? `::ffff:${of.src_ip}` : of.src_ip;
  const start = typed(of.window_start / 1e6, "UInt32");
  const [order] = await db.query<{ order: string }>(
    sql`
SELECT topK(1)(stable_order)[1] AS order FROM client_facts
WHERE kind NOT IN ('no-cors', 'cors') AND src_ip = ${
      typed(src_ip, "IPv6")
    } AND ja4 = ${of.ja4}
  AND http_host = ${of.http_host} AND ts >= toDateTime(${start}, 'UTC') AND ts < toDateTime(${start}, 'UTC') + INTERVAL 1 DAY`,
  );
  await db.insertRows("labels", [{
    id,
    ts: of.now,
    actor: of.actor,
    label: of.label,
    scope: of.scope,
    src_ip,
    ja4: of.ja4,
    header_order: order?.order ?? "",
    http_host: of.http_host,
    window_start: of.window_start / 1e6,
    note: of.note,
    expires_at: Math.floor(of.now / 1e6) + of.days * 86_400,
    rev: of.now,
  }]);
  return id;
}

async function listLabels(db: Database, json: boolean): Promise<void> {
  const rows = await db.query<Record<string, string>>(
    sql`
SELECT id, toString(l.ts) AS ts, actor, label, scope, src_ip, ja4, http_host, toString(l.expires_at) AS expires_at, note
FROM (SELECT * FROM labels FINAL) AS l WHERE l.expires_at > now() ORDER BY l.ts`,
  );
  for (const row of rows) {
    say(
      json
        ? JSON.stringify(row)
        : Object.values(row).map((text) => shorten(printable(text), 60))
          .filter((text) => text !== "").join("  "),
    );
  }
}

async function takeBack(
  db: Database,
  id: string | undefined,
  now: UnixMicros,
): Promise<void> {
  const rows = await db.query<Record<string, unknown>>(
    sql`SELECT * FROM labels FINAL WHERE id = ${id ?? ""}`,
  );
  const [row] = rows;
  if (row === undefined) {
    throw new FatalError("noInput", `There is no label "${id ?? ""}"`);
  }
  await db.insertRows("labels", [{ ...row, deleted: 1, rev: now }]);
}

function oneOf<Name extends string>(
  what: string,
  value: unknown,
  names: readonly Name[],
): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new FatalError(
    "usage",
    `Cannot use ${what} "${String(value ?? "")}": expected ${names.join(", ")}`,
  );
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) await main(program);
