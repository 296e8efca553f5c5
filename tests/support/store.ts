/**
 * A real store for tests: the embedded server as its own process, in a temporary folder and on a
 * free port, with the schema applied.
 *
 * @module
 */
import { join } from "node:path";
import {
  type Database,
  type DatabaseOptions,
  openDatabase,
} from "../../lib/clickhouse.ts";
import { freePort, temporaryFolder } from "../../lib/testing.ts";
import { readMigrations } from "../../store/migration_files.ts";
import { Migrator, type MigratorOptions } from "../../store/migrator.ts";
import { loadReference } from "../../store/reference.ts";
import type { User } from "../../store/server_config.ts";

const ROOT = new URL("../../", import.meta.url);

/** Options of {@linkcode startStore}. */
export interface StoreOptions {
  /** Folder of the store; a temporary one that is removed if not given. */
  readonly dir?: string;
  /** Whether the migrations are applied and the reference data loaded. @default true */
  readonly migrate?: boolean;
  /** More variables for the server, such as JA4_STORE__MEMORY_MB. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running store. */
export interface Store extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** Passwords by user. */
  readonly passwords: Readonly<Record<User, string>>;
  /** Process id of the server. */
  readonly pid: number;
  /** Where the password of `user` is, for a configuration file. */
  passwordFile(user: User): string;
  /** Options to open the database with, as `user`. */
  options(user: User, database?: string): DatabaseOptions;
  /** A connection as `user`; closing it is up to the caller (`await using`). */
  database(user: User, database?: string): Promise<Database>;
  /** Ends the server as kill -9 does. */
  kill(): Promise<void>;
  /** Asks the server to stop; returns its exit code. */
  stop(): Promise<number>;
  /**
   * Starts the server again on the same folder and port, after kill() or stop(). Returns the
   * milliseconds from the start of the process to its line "ready".
   */
  restart(): Promise<number>;
}

/** Starts a store; about half a second without, one and a half with the schema. */
export async function startStore(options: StoreOptions = {}): Promise<Store> {
  const folder = options.dir === undefined
    ? await temporaryFolder()
    : { path: options.dir, [Symbol.asyncDispose]: () => Promise.resolve() };
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    JA4_STORE__LISTEN: `127.0.0.1:${port}`,
    JA4_STORE__DIR: folder.path,
    ...options.env,
  };
  let server = await launch(env);
  const passwordFile = (user: User): string =>
    join(folder.path, "secrets", `${user}.password`);
  const read = async (user: User): Promise<string> =>
    (await Deno.readTextFile(passwordFile(user))).trim();
  const passwords = {
    ja4: await read("ja4"),
    web: await read("web"),
    app: await read("app"),
  };
  const store: Store = {
    url,
    port,
    dir: folder.path,
    passwords,
    get pid(): number {
      return server.pid;
    },
    passwordFile,
    options: (user, database = "ja4") => ({
      url,
      database,
      username: user,
      password: passwords[user],
    }),
    database: (user, database) => openDatabase(store.options(user, database)),
    async kill(): Promise<void> {
      end(server, "SIGKILL");
      await server.status;
    },
    async stop(): Promise<number> {
      end(server, "SIGTERM");
      return (await server.status).code;
    },
    async restart(): Promise<number> {
      const started = performance.now();
      server = await launch(env);
      return performance.now() - started;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await store.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
  if (options.migrate ?? true) {
    await applySchema(store.options("ja4"));
  }
  return store;
}

/** Applies all migrations and loads the reference data, as `deno task migrate up` does. */
export async function applySchema(options: DatabaseOptions): Promise<void> {
  await using system = await openDatabase({ ...options, database: "system" });
  const migrator = new Migrator(system, await migratorOptions(options));
  await migrator.up();
  await using database = await openDatabase(options);
  await loadReference(database);
}

/** The options of a Migrator for a single server, with the default retention. */
export async function migratorOptions(
  options: DatabaseOptions,
): Promise<MigratorOptions> {
  return {
    migrations: await readMigrations(),
    placeholders: {
      database: options.database,
      rawDays: 30,
      aggregateDays: 400,
      auditDays: 1095,
      username: options.username,
      password: options.password ?? "",
    },
    holder: `test:${Deno.pid}`,
  };
}

/** Starts the server and waits for its line "ready". */
async function launch(
  env: Record<string, string>,
): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", "store/main.ts"],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // Read to its end, or the server would block on a full pipe; shown if the start fails.
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  let text = "";
  for await (const chunk of lines) {
    text += chunk;
    if (text.includes("\n")) return child;
  }
  await child.status;
  throw new Error(`The store did not start: ${await errors}`);
}

function end(server: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    server.kill(signal);
  } catch (thrown) {
    // It has ended already.
    if (!(thrown instanceof TypeError)) throw thrown;
  }
}
