/** `ja4ctl users`. @module */
import { nextRevision, type Role, ROLES } from "../../lib/accounts.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { EXIT, FatalError } from "../../lib/errors.ts";
import { sql } from "../../lib/sql.ts";
import { type Command, print } from "../command.ts";
import { asTable } from "../table.ts";

/** What changes a row of app_users, by what is typed. */
const CHANGES: Readonly<
  Record<
    string,
    (value: string | undefined) => Readonly<Record<string, unknown>>
  >
> = {
  disable: () => ({ disabled: true }),
  enable: () => ({ disabled: false }),
  remove: () => ({ deleted: 1 }),
  // A code that was lost with the telephone; the next login asks for a password alone.
  forget2fa: () => ({ totp_secret: "", totp_step: 0, recovery: [] }),
  role: (value) => ({ role: parseRole(value) }),
};

export const users: Command = {
  name: "users",
  usage:
    "list | role NAME ROLE | disable NAME | enable NAME | forget2fa NAME | remove NAME",
  summary: "accounts of the dashboard; each change is in its audit log",
  async run({ open }, args) {
    const [verb = "", login, value, ...rest] = args;
    const change = CHANGES[verb];
    const wrong = verb === "list"
      ? login !== undefined
      : change === undefined || login === undefined || rest.length > 0 ||
        (verb === "role") !== (value !== undefined);
    if (wrong) {
      throw new FatalError(
        "usage",
        `Expected users ${users.usage}\nTry --help`,
      );
    }
    await using database = await open("app");
    if (change === undefined || login === undefined) {
      print(await listed(database));
      return EXIT.ok;
    }
    await alter(database, login, verb, change(value));
    return EXIT.ok;
  },
};

async function listed(database: Database): Promise<string> {
  const rows = await database.query<Record<string, string>>(sql`
    SELECT login, display_name, role, if(disabled, 'shut out', '') AS state,
      if(totp_secret = '', '', 'yes') AS second_factor,
      multiIf(subject != '', 'OpenID', password_hash = '', 'link', 'password') AS logs_in_by
    FROM app_users FINAL ORDER BY login`);
  return asTable([
    ["login", "name", "role", "second factor", "logs in by", ""],
    ...rows.map((row) => [
      row["login"] ?? "",
      row["display_name"] ?? "",
      row["role"] ?? "",
      row["second_factor"] ?? "",
      row["logs_in_by"] ?? "",
      row["state"] ?? "",
    ]),
  ]);
}

/** Writes the account's row anew; its sessions end with it where it is shut out or removed. */
async function alter(
  database: Database,
  login: string,
  verb: string,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  const [row] = await database.query<Record<string, unknown>>(
    sql`SELECT * FROM app_users FINAL WHERE login = ${login}`,
  );
  if (row === undefined) {
    throw new FatalError("noInput", `There is no account "${login}"`);
  }
  await database.insertRows("app_users", [
    { ...row, ...change, rev: nextRevision() },
  ]);
  await database.insertRows("audit_log", [{
    request_id: "",
    actor: "ja4ctl",
    src_ip: "::",
    action: `user.${verb}`,
    object_kind: "user",
    object: login,
    detail: JSON.stringify("role" in change ? { role: change["role"] } : {}),
    ok: true,
  }]);
}

function parseRole(value: string | undefined): Role {
  const role = ROLES.find((role) => role === value);
  if (role !== undefined) return role;
  throw new FatalError(
    "usage",
    `Cannot use the role "${value}": expected ${ROLES.join(", ")}`,
  );
}
