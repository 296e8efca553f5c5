/** A real correlator as its own process, and producers for its sockets. For the tests beside it. @module */
import { stringify } from "smol-toml";
import { eventually, freePort } from "../lib/testing.ts";

const ROOT = new URL("../", import.meta.url);

/** A correlator that can be killed and started again on the same folder. */
export interface CorrelateProcess extends AsyncDisposable {
  readonly network: string;
  readonly http: string;
  readonly spool: string;
  readonly pid: number;
  /** What it wrote to stderr so far, of all starts. */
  readonly log: string;
  /** Starts it and waits until its sockets are there. */
  start(): Promise<void>;
  /** Ends it as kill -9 does. */
  kill(): Promise<void>;
  /** Asks it to stop; returns its exit code. */
  stop(): Promise<number>;
  /** All metrics, as Prometheus reads them. */
  metrics(): Promise<string>;
  /** The value of a metric without labels, or with `{name="value"}` as written. */
  metric(name: string): Promise<number>;
}

/** How a correlator is run. */
export interface RunOptions {
  /** Command line before `deno`: a program that runs what follows. */
  readonly wrapper?: readonly string[];
  /** Flags of `deno run`. @default all permissions */
  readonly flags?: readonly string[];
}

/** Configures a correlator in `dir`; sections of `config` replace keys of the test's own. */
export async function correlateIn(
  dir: string,
  config: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  { wrapper = [], flags = ["-A"] }: RunOptions = {},
): Promise<CorrelateProcess> {
  const port = freePort();
  const sections: Record<string, Readonly<Record<string, unknown>>> = {
    network: { path: `${dir}/network.socket` },
    http: { path: `${dir}/http.socket` },
    spool: { dir: `${dir}/spool`, batch_ms: 100, retry_max_ms: 200 },
    health: { listen: `127.0.0.1:${port}` },
  };
  for (const [name, keys] of Object.entries(config)) {
    sections[name] = { ...sections[name], ...keys };
  }
  const file = `${dir}/correlate.toml`;
  await Deno.writeTextFile(file, stringify(sections));
  let child: Deno.ChildProcess | undefined;
  let reading: Promise<void> = Promise.resolve();
  let log = "";

  const metrics = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const end = async (signal: Deno.Signal): Promise<number> => {
    if (child === undefined) return 0;
    const { code } = await (child.kill(signal), child.status);
    await reading;
    child = undefined;
    return code;
  };
  return {
    network: `${dir}/network.socket`,
    http: `${dir}/http.socket`,
    spool: `${dir}/spool`,
    get pid(): number {
      return child?.pid ?? 0;
    },
    get log(): string {
      return log;
    },
    async start(): Promise<void> {
      const command = [
        ...[...wrapper, Deno.execPath(), "run", "-q", ...flags],
        ...["correlate/main.ts", "--config", file],
      ];
      const process = child = new Deno.Command(command[0] ?? "", {
        args: command.slice(1),
        cwd: ROOT,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const startedAt = log.length;
      reading = (async () => {
        const text = process.stderr.pipeThrough(new TextDecoderStream());
        for await (const part of text) log += part;
      })();
      const ended = process.status.then(({ code }) => {
        throw new Error(`The correlator ended with ${code}: ${log}`);
      });
      ended.catch(() => {}); // it ends some day; before it is ready that is a failure
      await Promise.race([
        ended,
        eventually(
          "the correlator to be ready",
          () => log.includes('"message":"Ready"', startedAt),
          60_000,
        ),
      ]);
    },
    async kill(): Promise<void> {
      await end("SIGKILL");
    },
    stop: () => end("SIGTERM"),
    metrics,
    async metric(name: string): Promise<number> {
      const line = (await metrics()).split("\n")
        .find((line) => line.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1) ?? NaN);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await end("SIGKILL");
    },
  };
}

/** Sends events to a datagram socket, as a web server's child process does. */
export class WebServer implements Disposable {
  readonly #socket: Deno.DatagramConn;
  readonly #own: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.#own = `${path}.${crypto.randomUUID().slice(0, 8)}`;
    this.#socket = Deno.listenDatagram({
      path: this.#own,
      transport: "unixpacket",
    });
  }

  /** Sends one event; false if nobody listens. */
  async send(event: unknown): Promise<boolean> {
    const text = typeof event === "string" ? event : JSON.stringify(event);
    try {
      await this.#socket.send(new TextEncoder().encode(text), {
        path: this.#path,
        transport: "unixpacket",
      });
      return true;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    Deno.removeSync(this.#own);
  }
}

/** Sends events to a stream socket, as a sensor does; connects again when the other end is gone. */
export class Sensor implements Disposable {
  readonly #path: string;
  #connection: Deno.Conn | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Sends one event; false if nobody listens. */
  async send(event: unknown): Promise<boolean> {
    const bytes = new TextEncoder().encode(JSON.stringify(event) + "\n");
    try {
      this.#connection ??= await Deno.connect({
        transport: "unix",
        path: this.#path,
      });
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
      return true;
    } catch {
      this.#connection?.close();
      this.#connection = undefined;
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.#connection?.close();
  }
}

/** Compiles the producers of tests/support/correlate_tools.c into `dir`; returns the program. */
export async function correlateTools(dir: string): Promise<string> {
  const program = `${dir}/correlate_tools`;
  await compile(["-o", program, "correlate_tools.c"]);
  return program;
}

/** Compiles tests/support/slow_disk.c into `dir`; returns the library to preload. */
export async function slowDisk(dir: string): Promise<string> {
  const library = `${dir}/slow_disk.so`;
  await compile(["-shared", "-fPIC", "-o", library, "slow_disk.c", "-ldl"]);
  return library;
}

async function compile(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("gcc", {
    args: ["-O2", "-Wall", "-Wextra", "-Werror", ...args],
    cwd: new URL("support/", import.meta.url),
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
