/** The audit log as its page and its exports show it: newest first, by actor, action and object. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql, typed } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import { csvCellSql } from "./csv.ts";

/** Entries of a page. */
export const AUDIT_ROWS = 100;
/** Rows that an export may hold. */
export const AUDIT_EXPORT_MAX = 100_000;

/** Which entries. Empty texts narrow nothing. */
export interface AuditFilter {
  readonly actor: string;
  readonly action: string;
  readonly object: string;
  readonly from?: Date;
  readonly to?: Date;
  /** Microseconds; entries before this one. */
  readonly before?: number;
}

/** One entry. */
export interface AuditRow {
  /** Microseconds since the epoch. */
  readonly ts: number;
  readonly actor: string;
  readonly src_ip: string;
  readonly action: string;
  readonly object_kind: string;
  readonly object: string;
  /** JSON. */
  readonly detail: string;
  readonly ok: boolean;
  readonly request_id: string;
}

/** The filter of a page's URL. */
export function readAuditFilter(
  { searchParams }: URL,
  range: { readonly from: Date; readonly to: Date } | undefined,
): AuditFilter {
  const read = (name: string): string => searchParams.get(name) ?? "";
  const before = Number(read("after"));
  return {
    actor: read("actor").slice(0, 100),
    action: read("action").slice(0, 100),
    object: read("object").slice(0, 200),
    ...(range === undefined ? {} : { from: range.from, to: range.to }),
    ...(Number.isSafeInteger(before) && before > 0 ? { before } : {}),
  };
}

function whereSql(filter: AuditFilter): Sql {
  const { actor, action, object, from, to, before } = filter;
  const parts: Sql[] = [sql`1`];
  if (actor !== "") parts.push(sql`actor = ${actor}`);
  if (action !== "") parts.push(sql`action = ${action}`);
  if (object !== "") {
    parts.push(sql`positionCaseInsensitiveUTF8(object, ${object}) > 0`);
  }
  if (from !== undefined) parts.push(sql`audit_log.ts >= ${from}`);
  if (to !== undefined) parts.push(sql`audit_log.ts < ${to}`);
  if (before !== undefined) {
    parts.push(
      sql`audit_log.ts < fromUnixTimestamp64Micro(${
        typed(before, "Int64")
      }, 'UTC')`,
    );
  }
  return sql.join(parts, " AND ");
}

/** Entries, newest first; one more than a page, if there are more. */
export function loadAudit(
  db: Database,
  filter: AuditFilter,
): Promise<AuditRow[]> {
  return ask<AuditRow>(
    db,
    sql`SELECT toFloat64(toUnixTimestamp64Micro(audit_log.ts)) AS ts, actor, replaceOne(toString(audit_log.src_ip), '::ffff:', '') AS src_ip,
        action, object_kind, object, detail, ok, request_id
      FROM audit_log WHERE ${
      whereSql(filter)
    } ORDER BY audit_log.ts DESC LIMIT ${AUDIT_ROWS + 1}`,
  );
}

/** The statement behind an export. */
export function auditExportSql(filter: AuditFilter, csv: boolean): Sql {
  const cells = [
    sql`formatDateTime(audit_log.ts, '%Y-%m-%dT%H:%i:%s.%fZ', 'UTC') AS ts`,
    ...[
      ["actor", sql`toString(audit_log.actor)`],
      ["src_ip", sql`replaceOne(toString(audit_log.src_ip), '::ffff:', '')`],
      ["action", sql`toString(audit_log.action)`],
      ["object_kind", sql`toString(audit_log.object_kind)`],
      ["object", sql`audit_log.object`],
      ["detail", sql`audit_log.detail`],
      ["request_id", sql`audit_log.request_id`],
    ].map(([name, column]) =>
      sql`${csv ? csvCellSql(column as Sql) : column as Sql} AS ${
        sql.trusted(name as string)
      }`
    ),
    sql`audit_log.ok AS ok`,
  ];
  return sql`SELECT ${sql.join(cells, ", ")} FROM audit_log WHERE ${
    whereSql(filter)
  }
    ORDER BY audit_log.ts DESC LIMIT ${AUDIT_EXPORT_MAX}`;
}
