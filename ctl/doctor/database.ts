/** The database: there, with the rights each part needs, the right schema, room and time. @module */
import { type Database, DatabaseError } from "../../lib/clickhouse.ts";
import { FatalError } from "../../lib/errors.ts";
import { sql } from "../../lib/sql.ts";
import { Ledger } from "../../store/ledger.ts";
import { readMigrations } from "../../store/migration_files.ts";
import { referenceStatus } from "../../store/reference.ts";
import { sizeOf } from "../table.ts";
import { textOf } from "../host_config.ts";
import type { PartName } from "../parts.ts";
import { failure, type Finding, ok, type Patient, warning } from "./finding.ts";

/** Seconds by which the database's clock may differ: more, and windows of traffic look old or new. */
const SKEW_S = 2;
/** Share of the database's disk that must be free. */
const FREE_SHARE = 0.05;

/** What each account must be allowed, as a grant and a table. */
const NEEDED: readonly {
  part: PartName;
  section: "clickhouse" | "app";
  grant: string;
  table: string;
}[] = [
  {
    part: "correlate",
    section: "clickhouse",
    grant: "INSERT",
    table: "http_events",
  },
  {
    part: "detect",
    section: "clickhouse",
    grant: "SELECT",
    table: "http_events",
  },
  { part: "web", section: "clickhouse", grant: "SELECT", table: "http_events" },
  { part: "web", section: "app", grant: "INSERT", table: "app_users" },
];

/** Findings on the database; the first alone where it does not answer. */
export async function examineDatabase(patient: Patient): Promise<Finding[]> {
  const what = "database";
  try {
    await using database = await patient.openDatabase();
    const [row] = await database.query<{ version: string; now_ms: number }>(
      sql`SELECT version() AS version, toFloat64(toUnixTimestamp64Milli(now64(3))) AS now_ms`,
    );
    return [
      ok(what, `ClickHouse ${row?.version}`),
      findSkew(patient.now() - Number(row?.now_ms)),
      ...await findSchema(database, patient.schema),
      ...await findDisk(database),
      ...findLinks(patient),
      ...await findAccounts(patient),
    ];
  } catch (thrown) {
    if (!isOperators(thrown)) throw thrown;
    return [failure(what, thrown.message, remedyOf(thrown.message))];
  }
}

/** Rows and passwords on their way to another host are for those two alone. */
function findLinks({ configs }: Patient): Finding[] {
  const urls = new Set(
    NEEDED.map(({ part, section }) => textOf(configs[part], section, "url")),
  );
  return [...urls].flatMap((text) => {
    const url = URL.parse(text);
    if (url === null || url.protocol === "https:") return [];
    return LOOPBACK.test(url.hostname) ? [] : [warning(
      `link to ${url.host}`,
      "rows and passwords go over the network as they are",
      'use "https://", and ca_file for an authority of your own',
    )];
  });
}

/** Names and addresses of this host alone. */
const LOOPBACK = /^(localhost|127\..*|\[::1\])$/;

function isOperators(thrown: unknown): thrown is Error {
  return thrown instanceof DatabaseError || thrown instanceof FatalError;
}

function remedyOf(message: string): string {
  return /password|authentication/i.test(message)
    ? "see username and password_file of [clickhouse], and the accounts of the server"
    : "start it, or see url of [clickhouse]";
}

function findSkew(differenceMs: number): Finding {
  const what = "clock";
  const seconds = differenceMs / 1000;
  const shown = `${Math.abs(seconds).toFixed(1)} s ${
    seconds < 0 ? "behind" : "before"
  } the database's`;
  return Math.abs(seconds) <= SKEW_S
    ? ok(what, shown)
    : failure(what, shown, "run chronyd or another time service on both hosts");
}

async function findSchema(
  database: Database,
  schema: string,
): Promise<Finding[]> {
  const what = "schema";
  const state = await new Ledger(database, schema).read();
  const migrations = await readMigrations();
  const newer = Math.max(0, ...state?.keys() ?? []) > migrations.length;
  if (newer) {
    return [failure(what, "newer than this program", "upgrade the packages")];
  }
  const changed = migrations.filter(({ version, checksum }) => {
    const applied = state?.get(version);
    return applied !== undefined && applied.event !== "reverted" &&
      applied.checksum !== checksum;
  }).map(({ version }) => version);
  if (changed.length > 0) {
    return [failure(
      what,
      `migration ${changed.join(", ")} is not the one that was applied`,
      "install the packages that it was made with, or restore a backup",
    )];
  }
  const pending = migrations.filter(({ version }) =>
    !["applied", "verified"].includes(state?.get(version)?.event ?? "")
  );
  if (pending.length > 0) {
    return [failure(
      what,
      `${pending.length} migrations are pending`,
      "run ja4ctl migrate up",
    )];
  }
  return [
    ok(what, `version ${migrations.length}`),
    await findReference(database),
  ];
}

/** Without reference data addresses have no network and programs no name. */
async function findReference(database: Database): Promise<Finding> {
  const what = "reference data";
  const { sources, dictionaries } = await referenceStatus(database);
  const broken = dictionaries.filter(({ fault }) => fault !== "");
  if (broken.length > 0) {
    return failure(
      what,
      `${broken[0]?.name}: ${broken[0]?.fault}`,
      "run ja4ctl migrate up, which gives the dictionaries their password",
    );
  }
  return sources.length > 0 ? ok(what, `${sources.length} sources`) : warning(
    what,
    "nothing is loaded",
    "run ja4ctl migrate up, or ja4ctl reference load",
  );
}

async function findDisk(database: Database): Promise<Finding[]> {
  const disks = await database.query<
    { name: string; free: number; total: number }
  >(sql`
    SELECT name, toFloat64(unreserved_space) AS free, toFloat64(total_space) AS total
    FROM system.disks ORDER BY name`);
  return disks.map(({ name, free, total }) => {
    const what = `disk "${name}" of the database`;
    const shown = `${sizeOf(free)} of ${sizeOf(total)} free`;
    return free < total * FREE_SHARE
      ? failure(
        what,
        shown,
        "free some space, or keep less: ja4ctl retention",
      )
      : ok(what, shown);
  });
}

async function findAccounts(patient: Patient): Promise<Finding[]> {
  return await Promise.all(NEEDED.map(async (needed) => {
    const { part, section, grant, table } = needed;
    const what = `account of ${part}, [${section}]`;
    try {
      await using database = await patient.openAs(part, section);
      return await isGranted(database, grant, patient.schema, table)
        ? ok(what, `may ${grant}`)
        : failure(
          what,
          `may not ${grant} ${table}`,
          "use the account that docs/installation.md names for it",
        );
    } catch (thrown) {
      if (!isOperators(thrown)) throw thrown;
      return failure(what, thrown.message, remedyOf(thrown.message));
    }
  }));
}

/** Whether one of the account's grants has it for the table. */
async function isGranted(
  database: Database,
  grant: string,
  schema: string,
  table: string,
): Promise<boolean> {
  const rows = await database.query<Record<string, string>>(sql`SHOW GRANTS`);
  return rows.flatMap((row) => Object.values(row)).some((line) => {
    const [, what = "", on = "", of = ""] =
      /^GRANT (.*) ON ([^.]+)\.(\S+) TO /.exec(line) ?? [];
    return /^ALL\b/.test(what) || what.split(", ").includes(grant)
      ? ["*", schema].includes(on) && ["*", table].includes(of)
      : false;
  });
}
