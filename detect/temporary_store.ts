/**
 * A store that lives as long as one evaluation: the embedded server on a free port in a temporary
 * folder, with the real schema. It runs as its own process, as in production.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { splitAddress } from "../lib/config.ts";

/** A running store; disposing ends it and removes its folder. */
export interface TemporaryStore extends AsyncDisposable {
  readonly database: Database;
}

/** Root of the project: the tasks `store` and `migrate` are there. */
const ROOT = new URL("../", import.meta.url);

/**
 * Starts the server and applies the migrations.
 *
 * @throws {FatalError} `unavailable` if either fails.
 */
export async function startTemporaryStore(): Promise<TemporaryStore> {
  const folder = await Deno.makeTempDir({ prefix: "ja4-evaluate-" });
  const listen = `127.0.0.1:${freePort()}`;
  const environment = {
    JA4_STORE__LISTEN: listen,
    JA4_STORE__DIR: folder,
    JA4_LOG__LEVEL: "error",
  };
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=store", "store/main.ts"],
    cwd: ROOT,
    env: environment,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(server.stderr).text();
  const stop = async (): Promise<void> => {
    try {
      server.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await server.status;
    await said;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    if (!await saysReady(server)) {
      throw new FatalError(
        "unavailable",
        `Cannot start a temporary store: ${(await said).trim()}`,
      );
    }
    const passwordFile = `${folder}/secrets/ja4.password`;
    const { hostname, port } = splitAddress(listen);
    const url = `http://${hostname}:${port}`;
    await migrate(url, passwordFile);
    const database = await openDatabase({
      url,
      database: "ja4",
      username: "ja4",
      passwordFile,
    }, { timeoutMs: 300_000 });
    return {
      database,
      [Symbol.asyncDispose]: async () => {
        await database[Symbol.asyncDispose]();
        await stop();
      },
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function migrate(url: string, passwordFile: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=migrate", "store/migrate.ts", "up"],
    cwd: ROOT,
    env: {
      JA4_CLICKHOUSE__URL: url,
      JA4_CLICKHOUSE__PASSWORD_FILE: passwordFile,
      // Events may be of any day: none may expire while they are evaluated.
      JA4_MIGRATE__RAW_DAYS: "3650",
      JA4_MIGRATE__AGG_DAYS: "3650",
    },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) {
    throw new FatalError("unavailable", "Cannot migrate the temporary store");
  }
}

/** Whether the server's first line says that it is ready; the rest of its output is let go. */
async function saysReady(server: Deno.ChildProcess): Promise<boolean> {
  const lines = server.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const reader = lines.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  void lines.pipeTo(new WritableStream()).catch(() => {});
  return value?.includes('"ready"') ?? false;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
