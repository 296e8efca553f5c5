/**
 * What is stored of one address, for the person behind it: all of it as rows, or gone.
 *
 * Which tables have addresses the schema says: every column of type IPv6. What people wrote about
 * a detection of the address, and list entries for it, belong to it as well. Sums without addresses
 * (requests a minute, sketches of distinct addresses) hold nothing of a person.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Database } from "../lib/clickhouse.ts";
import type { IpAddress } from "../lib/events.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { onCluster, type Placeholders } from "./migration_files.ts";

/** A table with rows of the subject, and the condition they meet. */
export interface SubjectTable {
  readonly table: string;
  readonly rows: number;
  /** Why it is not erased; "" if it is. */
  readonly kept: string;
}

/** Who did what in the dashboard is evidence: it ends by its own retention. */
const KEPT: Readonly<Record<string, string>> = {
  audit_log: "who did what in the dashboard; ends by its retention",
  app_sessions: "sessions of the dashboard; they end by themselves",
};

const EXPORT_MS_MAX = 600_000;
const ERASE_MS_MAX = 3600_000;

interface Found {
  readonly table: string;
  readonly where: Sql;
}

/** Tables that may have rows of `ip`, with the condition. */
async function conditions(database: Database, ip: IpAddress): Promise<Found[]> {
  const address = typed(ip, "IPv6");
  const columns = await database.query<{ table: string; names: string[] }>(sql`
    SELECT c.table AS table, groupArray(c.name) AS names
    FROM system.columns AS c
    INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database = currentDatabase() AND c.type = 'IPv6' AND t.engine LIKE '%MergeTree'
    GROUP BY table ORDER BY table`);
  const found: Found[] = columns.map(({ table, names }) => ({
    table,
    where: sql.join(
      // Names of the schema, as the server has them.
      names.map((name) => sql`${sql.trusted(name)} = ${address}`),
      " OR ",
    ),
  }));
  const rows = await database.query<{ id: string }>(
    sql`SELECT DISTINCT id FROM detections WHERE src_ip = ${address}`,
  );
  const ids = typed(rows.map(({ id }) => id), "Array(String)");
  const mapped = typed(
    [ip, `::ffff:${ip}`, `${ip}/32`, `${ip}/128`],
    "Array(String)",
  );
  const byId = await database.query<{ table: string }>(sql`
    SELECT c.table AS table FROM system.columns AS c
    INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database = currentDatabase() AND c.name = 'detection_id' AND t.engine LIKE '%MergeTree' ORDER BY table`);
  for (const { table } of byId) {
    const same = found.findIndex((other) => other.table === table);
    const where = sql`has(${ids}, detection_id)`;
    if (same < 0) found.push({ table, where });
    else {found[same] = {
        table,
        where: sql`${found[same]?.where ?? sql`0`} OR ${where}`,
      };}
  }
  found.push({ table: "list_entries", where: sql`has(${mapped}, value)` });
  return found;
}

/** Every row about `ip`, as `{table, row}`, table by table. */
export async function* exportSubject(
  database: Database,
  ip: IpAddress,
): AsyncGenerator<{ table: string; row: Record<string, unknown> }> {
  for (const { table, where } of await conditions(database, ip)) {
    const rows = await database.query<Record<string, unknown>>(
      sql`SELECT * FROM ${sql.trusted(table)} WHERE ${where}`,
      { timeoutMs: EXPORT_MS_MAX },
    );
    for (const row of rows) yield { table, row };
  }
}

/** How many rows there are about `ip`, by table. */
export async function findSubject(
  database: Database,
  ip: IpAddress,
): Promise<SubjectTable[]> {
  const tables: SubjectTable[] = [];
  for (const { table, where } of await conditions(database, ip)) {
    const [row] = await database.query<{ n: number }>(
      sql`SELECT toFloat64(count()) AS n FROM ${
        sql.trusted(table)
      } WHERE ${where}`,
      { timeoutMs: EXPORT_MS_MAX },
    );
    if (row !== undefined && row.n > 0) {
      tables.push({ table, rows: row.n, kept: KEPT[table] ?? "" });
    }
  }
  return tables;
}

/**
 * Erases every row about `ip`, on all replicas, and notes in the audit log that an address was erased,
 * by a digest. Returns what was found; a second run finds what arrived meanwhile.
 *
 * @throws {DatabaseError} as the database does; run it again then.
 */
export async function eraseSubject(
  database: Database,
  ip: IpAddress,
  cluster: Pick<Placeholders, "cluster" | "replicated">,
): Promise<SubjectTable[]> {
  const found = await findSubject(database, ip);
  const there = new Set(
    found.filter(({ kept }) => kept === "").map(({ table }) => table),
  );
  const all = await conditions(database, ip);
  // Detections last: the others are found by their ids, also by a run after one that failed.
  all.sort((a, b) =>
    Number(a.table === "detections") - Number(b.table === "detections")
  );
  for (const { table, where } of all) {
    if (!there.has(table)) continue;
    await database.command(
      sql`ALTER TABLE ${sql.trusted(table)} ${
        sql.trusted(onCluster(cluster))
      } DELETE WHERE ${where}`,
      { timeoutMs: ERASE_MS_MAX, settings: { mutations_sync: 2 } },
    );
  }
  await database.insertRows("audit_log", [{
    actor: "ja4ctl",
    src_ip: "::",
    action: "subject.erase",
    object_kind: "address_sha256",
    object: createHash("sha256").update(ip).digest("hex"),
    detail: JSON.stringify(
      Object.fromEntries(found.map(({ table, rows }) => [table, rows])),
    ),
    ok: true,
  }]);
  return found;
}
