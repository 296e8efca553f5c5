/**
 * Runs the embedded server: a folder and an address in, ClickHouse's HTTP interface out, until the
 * signal aborts. Nothing is announced before the server has shown that it survives a malformed
 * request and has the settings and rights it was given.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { resolve } from "node:path";
import type { Engine } from "../ffi/chdb.ts";
import { openDatabase } from "../lib/clickhouse.ts";
import { splitAddress } from "../lib/config.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { invariant } from "../lib/invariant.ts";
import type { Logger } from "../lib/log.ts";
import { aborted } from "../lib/shutdown.ts";
import { sql } from "../lib/sql.ts";
import { renewDictionaries } from "./dictionaries.ts";
import { StoreDirectory } from "./directory.ts";
import { loadLibrary } from "./library.ts";
import {
  type ClusterSettings,
  commandLine,
  DATABASE,
  PROFILE,
  type ServerSettings,
  type User,
  USERS,
} from "./server_config.ts";

/** Settings of {@linkcode serveStore}. */
export interface ServeOptions {
  /** `address:port`, IPv4. */
  readonly listen: string;
  readonly dir: string;
  /** Folder of a slower disk for old rows; none without it. */
  readonly coldDir?: string | undefined;
  readonly memoryBytes: number;
  readonly queryMemoryBytes: number;
  readonly keepFreeBytes: number;
  /** The other shards, if this is one. */
  readonly cluster?: ClusterSettings | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told once, when it serves: one line. */
  ready(status: string): void;
}

/** Milliseconds to the first answer; 1.8 s were measured after kill -9 with 10 M rows. */
const START_MS = 60_000;

/** Milliseconds for the clean stop. Past them the process ends as by kill -9, which loses nothing. */
const STOP_MS = 10_000;

/**
 * Serves until `signal` aborts, then stops cleanly.
 *
 * @throws {FatalError} if it cannot start, or if the engine stops by itself.
 */
export async function serveStore(options: ServeOptions): Promise<void> {
  const started = performance.now();
  const { log, signal } = options;
  using directory = await StoreDirectory.open(resolve(options.dir));
  const { hostname, port } = splitAddress(options.listen);
  checkPort(hostname, port);
  if (options.cluster !== undefined) checkNative(options.cluster, hostname);
  const library = loadLibrary();
  await directory.checkVersion(library.version);
  const passwords = await directory.passwords();
  const settings: ServerSettings = {
    hostname,
    port,
    dir: directory.path,
    coldDir: options.coldDir && await coldFolder(options.coldDir),
    memoryBytes: options.memoryBytes,
    queryMemoryBytes: options.queryMemoryBytes,
    keepFreeBytes: options.keepFreeBytes,
    cluster: options.cluster,
    passwordSha256: {
      ja4: sha256(passwords.ja4),
      web: sha256(passwords.web),
      app: sha256(passwords.app),
    },
  };
  await directory.writeConfig(settings);
  await checkSpace(directory.path, options.keepFreeBytes, log);

  const engine = library.start(commandLine(settings));
  const url = `http://${hostname}:${port}`;
  try {
    await firstAnswer(engine, url, signal);
    if (signal.aborted) return;
    await sendGarbage(hostname, port);
    await firstAnswer(engine, url, signal);
    await checkSettings(url, passwords);
    await renewAfterRotation(directory, url, passwords);
    await directory.writeVersion(library.version);
    const ready = {
      url,
      dir: directory.path,
      engine: library.version,
      start_ms: Math.round(performance.now() - started),
    };
    log.info("Ready", ready);
    options.ready(`Serving ${url}`);
    engine.writeLine(JSON.stringify({ event: "ready", ...ready }));
    await Promise.race([aborted(signal), endedByItself(engine)]);
  } finally {
    await cancelReading(url, passwords);
    await stop(engine, port, log);
  }
}

/** Says which address is taken before the engine fails on it in its own words. */
function checkPort(hostname: string, port: number): void {
  try {
    Deno.listen({ hostname, port }).close();
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot listen on ${hostname}:${port}: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** The engine listens with both protocols on one address. */
function checkNative({ listen }: ClusterSettings, hostname: string): void {
  const native = splitAddress(listen);
  if (native.hostname !== hostname) {
    throw new FatalError(
      "config",
      `Cannot listen on ${listen}: [cluster] listen must have the address of [store] listen, ${hostname}`,
    );
  }
  checkPort(hostname, native.port);
}

/** Makes the folder for old rows; the engine would say only that a disk cannot be used. */
async function coldFolder(path: string): Promise<string> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return resolve(path);
  } catch (thrown) {
    throw new FatalError(
      "config",
      `Cannot use "${path}" for old rows: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** A full disk refuses inserts and merges, not queries: so it is told, and no reason not to start. */
async function checkSpace(
  dir: string,
  keepFreeBytes: number,
  log: Logger,
): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free_bytes = bavail * bsize;
  if (free_bytes < keepFreeBytes) {
    log.warn(
      "The disk is too full: nothing can be stored until there is room",
      {
        dir,
        free_bytes,
        keep_free_bytes: keepFreeBytes,
      },
    );
  }
}

/**
 * Dictionaries read their tables as `ja4`, with the password that they were made with. Where it is
 * another one now, they are made anew before anyone asks them.
 */
async function renewAfterRotation(
  directory: StoreDirectory,
  url: string,
  { ja4: password }: Readonly<Record<User, string>>,
): Promise<void> {
  const digest = sha256(password);
  if (await directory.dictionaryPassword() === digest) return;
  await using system = await openDatabase({
    url,
    database: "system",
    username: "ja4",
    password,
  });
  await renewDictionaries(system, {
    database: DATABASE,
    username: "ja4",
    password,
  });
  await directory.writeDictionaryPassword(digest);
}

/** Asks /ping until it answers. The first time that is the start; later it is proof of life. */
async function firstAnswer(
  engine: Engine,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const ended = endedByItself(engine);
  const deadline = performance.now() + START_MS;
  while (!signal.aborted) {
    if (await Promise.race([answers(url), ended])) return;
    if (performance.now() > deadline) {
      throw new FatalError(
        "unavailable",
        `The database did not answer on ${url} within ${START_MS / 1000} s`,
      );
    }
    await delay(5);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/ping`, {
      signal: AbortSignal.timeout(2000),
    });
    return await response.text() === "Ok.\n";
  } catch {
    return false;
  }
}

/** Rejects when the engine stops without having been asked to. */
async function endedByItself(engine: Engine): Promise<never> {
  const message = await engine.finished;
  throw new FatalError(
    "unavailable",
    `The database stopped: ${message ?? "no reason was given"}`,
  );
}

/**
 * Sends what once aborted the process (see ffi/chdb.ts). If a new version of the library brings
 * that back, the process ends here, at start, and not under the first port scan.
 */
async function sendGarbage(hostname: string, port: number): Promise<void> {
  using connection = await Deno.connect({ hostname, port });
  await connection.write(randomBytes(300));
  // Without an end the server may wait half a minute for the rest of a line.
  await connection.closeWrite();
  // It answers 400 or closes; either means that it has read the bytes.
  await connection.read(new Uint8Array(1024)).catch(() => null);
}

/** Reads the profile back, and checks that the console's user cannot be used from outside. */
async function checkSettings(
  url: string,
  passwords: Readonly<Record<User, string>>,
): Promise<void> {
  await using database = await openDatabase({
    url,
    database: "system",
    username: "ja4",
    password: passwords.ja4,
  });
  const rows = await database.query<{ name: string; value: string }>(
    sql`SELECT name, value FROM system.settings WHERE name IN ${
      Object.keys(PROFILE)
    }`,
  );
  const found = new Map(rows.map(({ name, value }) => [name, value]));
  for (const [name, value] of Object.entries(PROFILE)) {
    // Set by each query itself, so what the profile says cannot be read back.
    if (name === "enable_http_compression") continue;
    invariant(
      found.get(name) === value,
      `the setting ${name} is ${found.get(name)} instead of ${value}`,
    );
  }
  const response = await fetch(`${url}/?query=SELECT+1+FROM+${DATABASE}.x`);
  const answer = await response.text();
  invariant(
    !response.ok && /USER_SESSION_LIMIT_EXCEEDED/.test(answer),
    "the database lets in a client without a password",
  );
}

/** Ends the SELECTs under way, which the engine would wait five seconds for. Inserts may finish. */
async function cancelReading(
  url: string,
  passwords: Readonly<Record<User, string>>,
): Promise<void> {
  await Promise.allSettled(USERS.map(async (username) => {
    const password = passwords[username];
    const options = { url, database: "system", username, password };
    await using database = await openDatabase(options, { timeoutMs: 500 });
    await database.command(
      sql`KILL QUERY WHERE user = currentUser() AND query_kind = 'Select' AND elapsed > 0 ASYNC`,
    );
  }));
}

async function stop(engine: Engine, port: number, log: Logger): Promise<void> {
  const started = performance.now();
  let stopped = false;
  const finished = engine.finished.then(() => stopped = true);
  while (!stopped && performance.now() < started + STOP_MS) {
    engine.stop(port);
    await Promise.race([finished, delay(50)]);
  }
  const stop_ms = Math.round(performance.now() - started);
  if (stopped) log.info("Stopped", { stop_ms });
  else log.error("The engine did not stop and is ended hard", { stop_ms });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
