/**
 * Looks at a host and says what is in order and what is not, each with what to do about it.
 *
 * @module
 */
import { existsSync, globSync } from "node:fs";
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { askHealth } from "../lib/metrics.ts";
import { sql } from "../lib/sql.ts";
import { Ledger } from "../store/ledger.ts";
import { readMigrations } from "../store/migration_files.ts";
import { textOf } from "./host_config.ts";
import { healthAddress, type PartConfig, type PartName } from "./parts.ts";
import { QUEUE_LENGTH, queueLength } from "./queue_length.ts";

/** One thing looked at. A warning costs something; a failure stops something. */
export interface Finding {
  readonly level: "ok" | "warning" | "failure";
  readonly what: string;
  /** What was found, and for a warning or failure what to do. */
  readonly detail: string;
}

/** What {@linkcode examine} is given. */
export interface Patient {
  readonly configs: Readonly<Record<PartName, PartConfig>>;
  /** @throws {FatalError} if the password cannot be read. */
  readonly openDatabase: () => Promise<Database>;
  /** Name of the database. */
  readonly schema: string;
}

/** Bit of CAP_NET_RAW in a capability mask (capabilities(7)). */
const CAP_NET_RAW = 13n;

const LIBPCAP = [
  "/usr/lib/*-linux-gnu/libpcap.so.{0.8,1}",
  "/usr/lib64/libpcap.so.1",
  "/usr/lib/libpcap.so.1",
];

/** All findings, in the order of the data's way through the pipeline. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const { configs } = patient;
  return [
    findLibpcap(),
    findInterface(textOf(configs.capture, "capture", "interface")),
    await findCapability(),
    await findQueueLength(),
    await findSocket(textOf(configs.correlate, "network", "path")),
    await findSocket(textOf(configs.correlate, "http", "path")),
    ...await findDatabase(patient),
    ...await Promise.all(
      (["capture", "correlate", "detect", "web"] as const).map((name) =>
        findPart(name, configs[name])
      ),
    ),
  ];
}

function findLibpcap(): Finding {
  const what = "libpcap";
  const [path] = globSync(LIBPCAP);
  return path === undefined
    ? failure(what, "not found; run sh tools/setup.sh as root")
    : ok(what, path);
}

function findInterface(name: string): Finding {
  const what = "interface";
  if (name === "") {
    return warning(what, "none is named; set [capture] interface");
  }
  if (name === "any") return ok(what, "all of them");
  return existsSync(`/sys/class/net/${name}`)
    ? ok(what, name)
    : failure(what, `there is no "${name}"; see ip link`);
}

async function findCapability(): Promise<Finding> {
  const what = "permission to capture";
  const status = await Deno.readTextFile("/proc/self/status");
  const mask = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
  return (mask >> CAP_NET_RAW & 1n) === 1n
    ? ok(what, "CAP_NET_RAW")
    : warning(what, "this user has no CAP_NET_RAW; capture needs it, or root");
}

async function findQueueLength(): Promise<Finding> {
  const key = "net.unix.max_dgram_qlen";
  const length = await queueLength();
  return length >= QUEUE_LENGTH ? ok(key, String(length)) : warning(
    key,
    `${length}: bursts of requests may be lost; run sysctl -w ${key}=${QUEUE_LENGTH}`,
  );
}

async function findSocket(path: string): Promise<Finding> {
  const what = `socket ${path}`;
  try {
    const { isSocket, mode } = await Deno.stat(path);
    return isSocket
      ? ok(what, `mode ${((mode ?? 0) & 0o777).toString(8)}`)
      : failure(what, "something else is there; remove it");
  } catch {
    return failure(what, "not there; start correlate");
  }
}

async function findDatabase(
  { openDatabase, schema }: Patient,
): Promise<Finding[]> {
  const what = "database";
  try {
    await using database = await openDatabase();
    const [row] = await database.query<{ version: string }>(
      sql`SELECT version() AS version`,
    );
    return [
      ok(what, `ClickHouse ${row?.version}`),
      await findSchema(database, schema),
    ];
  } catch (thrown) {
    if (
      !(thrown instanceof DatabaseError) && !(thrown instanceof FatalError)
    ) throw thrown;
    return [failure(what, `${thrown.message}; start it, or see [clickhouse]`)];
  }
}

async function findSchema(
  database: Database,
  schema: string,
): Promise<Finding> {
  const what = "schema";
  const state = await new Ledger(database, schema).read();
  const migrations = await readMigrations();
  const pending = migrations.filter(({ version }) =>
    !["applied", "verified"].includes(state?.get(version)?.event ?? "")
  );
  const newer = Math.max(0, ...state?.keys() ?? []) > migrations.length;
  if (newer) return failure(what, "newer than this program; upgrade it");
  return pending.length === 0
    ? ok(what, `version ${migrations.length}`)
    : failure(
      what,
      `${pending.length} migrations are pending; run deno task migrate up`,
    );
}

async function findPart(
  name: Exclude<PartName, "store">,
  config: PartConfig,
): Promise<Finding> {
  const listen = healthAddress(name, config.content);
  try {
    const { ok: ready, text } = await askHealth(listen, "/readyz");
    return ready
      ? ok(name, `ready on ${listen}`)
      : failure(name, `${text.trim().replaceAll("\n", "; ")}; see its log`);
  } catch {
    return failure(name, `does not answer on ${listen}; start it, see its log`);
  }
}

function ok(what: string, detail: string): Finding {
  return { level: "ok", what, detail };
}

function warning(what: string, detail: string): Finding {
  return { level: "warning", what, detail };
}

function failure(what: string, detail: string): Finding {
  return { level: "failure", what, detail };
}
