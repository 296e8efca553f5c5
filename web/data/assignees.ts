/** Who can be given a detection. @module */
import { HttpError } from "fresh";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, remember } from "./ask.ts";
import type { TriageRequest } from "./triage.ts";

/** Milliseconds for which the list holds: accounts seldom change. */
const REMEMBER_MS = 15_000;

/**
 * Logins of those who can be given a detection: who may triage and is not shut out.
 *
 * @param app the database as the user that may read accounts.
 */
export function loadAssignees(app: Database): Promise<readonly string[]> {
  return remember(app, "assignees", REMEMBER_MS, async () => {
    const rows = await ask<{ login: string }>(
      app,
      sql`SELECT login FROM app_users FINAL
        WHERE NOT disabled AND role IN ('analyst', 'admin') ORDER BY login LIMIT 500`,
    );
    return rows.map(({ login }) => login);
  });
}

/** @throws {HttpError} 400 if a request assigns to somebody who cannot be given a detection. */
export async function requireAssignee(
  app: Database,
  { assignee }: TriageRequest,
): Promise<void> {
  if (assignee === undefined) return;
  if (!(await loadAssignees(app)).includes(assignee)) {
    throw new HttpError(
      400,
      `"${assignee.slice(0, 60)}" is nobody who may triage.`,
    );
  }
}
