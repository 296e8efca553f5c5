/**
 * Requests to a web server from a client of our own, and programs beside it, for `bench/module_bench.ts`. The server
 * is to have one processor to itself; everything that is started here runs on the other.
 *
 * @module
 */
import { FatalError } from "../lib/errors.ts";

/** The processor of the server, and that of everything else. */
export const CPU = { httpd: "1", others: "0" } as const;

/** What {@linkcode load} asks for. */
export interface Work {
  readonly path: string;
  readonly tls?: boolean;
  readonly rounds: number;
  /** To each port, in a round. */
  readonly requests: number;
  readonly connections: number;
}

function requestText(path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Cookie: sid=abcdefghijklmnopqrstuvwxyz0123456789; theme=dark; _ga=GA1.2.3.4",
    "Referer: https://www.example.com/some/path",
    "\r\n",
  ].join("\r\n");
}

/** Runs `program`; what it says. @throws {FatalError} with its words if it fails. */
export async function run(
  program: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { success, stdout, stderr } = await output;
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim();
    throw new FatalError("unavailable", `Cannot run ${program}: ${said}`);
  }
  return new TextDecoder().decode(stdout);
}

/** Compiles `bench/NAME.c` into `folder`; its path. */
export async function compile(
  name: string,
  folder: string,
  libraries: readonly string[] = [],
): Promise<string> {
  const source = new URL(`${name}.c`, import.meta.url).pathname;
  const path = `${folder}/${name}`;
  // deno-fmt-ignore
  await run("cc", ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", path, source, ...libraries]);
  return path;
}

export interface Reader {
  readonly pid: number;
  /** Ends it; how many events it took. */
  end(): Promise<number>;
}

/** Starts a reader, which says "ready" and, at SIGTERM, how many events it took. */
export async function startReader(
  program: string,
  args: readonly string[],
): Promise<Reader> {
  const child = new Deno.Command("taskset", {
    args: ["-c", CPU.others, program, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await lines.read();
  return {
    pid: child.pid,
    async end() {
      child.kill("SIGTERM");
      let text = "";
      for (
        let part = await lines.read();
        !part.done;
        part = await lines.read()
      ) {
        text += part.value;
      }
      await child.status;
      return Number(text);
    },
  };
}

/** The client, and the process that is to answer. */
export interface Load {
  /** `http_load.c`, compiled. */
  readonly program: string;
  readonly pid: number;
}

/** One port in one round. */
export interface Turn {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/**
 * Asks the ports in turn with `http_load.c`; each one's rounds, without the first, which warms up. The client gives way
 * to readers: where those fall behind, events are dropped, and a dropped event costs httpd less.
 */
export async function load<Name extends string>(
  { program, pid }: Load,
  ports: Readonly<Record<Name, number>>,
  { path, tls = false, rounds, requests, connections }: Work,
): Promise<Record<Name, Turn[]>> {
  const names = Object.keys(ports) as Name[];
  const numbers = [pid, rounds + 1, requests, connections].map(String);
  const text = await run(
    "taskset",
    // deno-fmt-ignore
    ["-c", CPU.others, "nice", "-n", "10", program, ...numbers, tls ? "tls" : "tcp",
      ...names.map((name) => String(ports[name]))],
    requestText(path),
  );
  const lines = text.trim().split("\n").map((line): Turn => {
    const [count = NaN, cpu = NaN, wall = NaN, p50 = NaN, p99 = NaN] = line
      .split(" ").slice(1).map(Number);
    return {
      cpuUs: cpu / count / 1000,
      perSecond: count / wall * 1e9,
      p50Us: p50 / 1000,
      p99Us: p99 / 1000,
    };
  });
  const { length } = names;
  return Object.fromEntries(
    names.map((name, i) => [
      name,
      lines.filter((_, at) => at >= length && at % length === i),
    ]),
  ) as Record<Name, Turn[]>;
}
