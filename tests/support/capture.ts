/** The capture daemon as a process, and who reads what it sends. @module */
import type { HandshakeEvent, NetworkEvent } from "../../lib/events.ts";
import { eventually, freePort } from "../../lib/testing.ts";

const ROOT = new URL("../..", import.meta.url);

/** Permissions of the test are those of the task, plus the paths of its configuration. */
export function captureArgs(config: string): string[] {
  return [
    "run",
    "-q",
    "-P=capture",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "capture/main.ts",
    "--config",
    config,
  ];
}

/** A running daemon. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  readonly health: string;
  /** Sends SIGTERM; resolves with the exit code and the milliseconds it took. */
  stop(): Promise<{ code: number; ms: number }>;
  signal(name: Deno.Signal): void;
  isReady(): Promise<boolean>;
  /** The value of a metric; NaN if there is none. */
  metric(name: string): Promise<number>;
}

/** How {@linkcode startDaemon} starts it. */
export interface DaemonOptions {
  /** Command and arguments in front of the program. */
  readonly wrapper?: readonly string[];
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** False: it need not be ready, only alive. */
  readonly ready?: boolean;
  /** File that its standard output goes to. */
  readonly stdout?: string;
}

/** Starts it and waits until it is ready. */
export async function startDaemon(
  folder: string,
  toml: string,
  options: DaemonOptions = {},
): Promise<Daemon> {
  const { wrapper = [], args = [], ready = true, stdout } = options;
  const health = `127.0.0.1:${freePort()}`;
  const config = `${folder}/capture.toml`;
  await Deno.writeTextFile(config, `${toml}\n[health]\nlisten = "${health}"\n`);
  const [command = "", ...rest] = [
    ...wrapper,
    Deno.execPath(),
    ...captureArgs(config),
    ...args,
  ];
  const log = await Deno.open(`${folder}/capture.log`, {
    append: true,
    create: true,
  });
  const output = stdout === undefined
    ? undefined
    : await Deno.open(stdout, { write: true, create: true });
  const child = new Deno.Command(command, {
    args: rest,
    cwd: ROOT,
    stdin: "null",
    stdout: output === undefined ? "null" : "piped",
    stderr: "piped",
  }).spawn();
  const logged = Promise.all([
    copy(child.stderr, log),
    // The pipe is there only where it was asked for.
    output === undefined ? undefined : copy(child.stdout, output),
  ]);
  let ended: { code: number } | undefined;
  child.status.then((status) => ended = status);
  const get = async (path: string): Promise<boolean> => {
    if (ended !== undefined) {
      const log = await Deno.readTextFile(`${folder}/capture.log`);
      throw new Error(`capture ended with ${ended.code}: ${log}`);
    }
    try {
      const response = await fetch(`http://${health}${path}`);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  };
  await eventually(
    "the capture to be ready",
    () => get(ready ? "/readyz" : "/healthz"),
    30_000,
  );
  const stop = async (): Promise<{ code: number; ms: number }> => {
    const beginMs = performance.now();
    if (ended === undefined) child.kill("SIGTERM");
    const { code } = await child.status;
    const ms = performance.now() - beginMs;
    await logged;
    return { code, ms };
  };
  return {
    pid: child.pid,
    health,
    stop,
    signal: (name) => child.kill(name),
    isReady: () => get("/readyz"),
    metric: async (name) => {
      const metrics = await (await fetch(`http://${health}/metrics`)).text();
      const line = metrics.split("\n").find((line) =>
        line.startsWith(`${name} `) || line.startsWith(`${name}{`)
      );
      return Number(line?.split(" ").at(-1));
    },
    [Symbol.asyncDispose]: async () => void await stop(),
  };
}

/** Writes what comes as it comes; pipeTo() would keep it until the end. */
async function copy(
  from: ReadableStream<Uint8Array>,
  to: Deno.FsFile,
): Promise<void> {
  for await (const chunk of from) {
    for (let at = 0; at < chunk.length;) {
      at += await to.write(chunk.subarray(at));
    }
  }
  to.close();
}

/** A correlator that only listens; disposed, it is gone in the middle of what it reads. */
export function listenForEvents(
  path: string,
): Disposable & { events: NetworkEvent[] } {
  const listener = Deno.listen({ transport: "unix", path });
  const events: NetworkEvent[] = [];
  const connections = new Set<Deno.UnixConn>();
  const read = async (connection: Deno.UnixConn): Promise<void> => {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(65_536);
    let rest = "";
    for (
      let length = await connection.read(buffer);
      length !== null;
      length = await connection.read(buffer)
    ) {
      const text = decoder.decode(buffer.subarray(0, length), { stream: true });
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      events.push(...lines.map((line) => JSON.parse(line) as NetworkEvent));
    }
    connections.delete(connection);
    connection.close();
  };
  (async () => {
    for await (const connection of listener) {
      connections.add(connection);
      read(connection).catch(() => {
        // Disposed.
      });
    }
  })();
  return {
    events,
    [Symbol.dispose](): void {
      listener.close();
      for (const connection of connections) connection.close();
      connections.clear();
    },
  };
}

/** The handshakes among `events`. */
export function handshakes(events: readonly NetworkEvent[]): HandshakeEvent[] {
  return events.filter((event) => event.event_type === "handshake");
}
