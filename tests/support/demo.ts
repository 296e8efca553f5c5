/**
 * A running demonstration for tests: the program as a user starts it, on ports of its own.
 *
 * @module
 */
import { type Database, openDatabase } from "../../lib/clickhouse.ts";
import { eventually, exists, freePort } from "../../lib/testing.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Downloads and a busy machine included; the test itself says how fast it must be. */
const START_MS = 180_000;

/** The processes of the pipeline, and what their command line holds. */
export const PROCESSES = {
  store: "/store/main.ts",
  correlate: "/correlate/main.ts",
  detect: "/detect/main.ts",
  capture: "/capture/main.ts",
  httpd: "apache/httpd.conf",
  web: "/web/main.ts",
} as const;
export type ProcessName = keyof typeof PROCESSES;

/** A demonstration that runs until disposed. */
export class RunningDemo implements AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly base: string;
  readonly httpsPort: number;
  readonly storePort: number;
  readonly folder: string;
  /** When it was started, `performance.now()`. */
  readonly startedMs = performance.now();
  /** What it has printed, line by line. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #parent: string;

  private constructor(parent: string, extra: readonly string[]) {
    const port = freePort();
    this.#parent = parent;
    this.base = `http://127.0.0.1:${port}`;
    this.httpsPort = freePort();
    this.storePort = freePort();
    this.folder = `${parent}/demo`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        `${ROOT}tools/demo/main.ts`,
        `--port=${port}`,
        `--https-port=${this.httpsPort}`,
        `--store-port=${this.storePort}`,
        `--folder=${this.folder}`,
        ...extra,
      ],
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Starts a demonstration and waits until it has printed its login link. */
  static async start(extra: readonly string[] = []): Promise<RunningDemo> {
    const demo = new RunningDemo(
      await Deno.makeTempDir({ prefix: "ja4-test-" }),
      extra,
    );
    const ended = new AbortController();
    demo.#child.status.then(() => ended.abort());
    try {
      await eventually(
        "the login link",
        () => ended.signal.aborted || demo.loginUrl,
        START_MS,
      );
      if (demo.loginUrl === undefined) {
        throw new Error(`The demonstration ended:\n${demo.lines.join("\n")}`);
      }
      return demo;
    } catch (thrown) {
      await demo[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Of the demonstration itself, the parent of all. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The link that logs in once. */
  get loginUrl(): string | undefined {
    return this.lines
      .map((line) => /http:\S+\/login\?token=\S+/.exec(line)?.[0])
      .find((url) => url !== undefined);
  }

  /** Its database, as the pipeline's own user. */
  database(): Promise<Database> {
    return openDatabase({
      url: `http://127.0.0.1:${this.storePort}`,
      database: "ja4",
      username: "ja4",
      passwordFile: `${this.folder}/store/secrets/ja4.password`,
    });
  }

  /** Process id of a part of the pipeline; undefined while it is not there. */
  async pidOf(name: ProcessName): Promise<number | undefined> {
    const found = (await processes()).find(({ parent, command, zombie }) =>
      parent === this.pid && !zombie && command.includes(PROCESSES[name])
    );
    return found?.pid;
  }

  /**
   * Presses Ctrl-C and waits for the end; returns the exit code. The signal comes twice, as from a
   * terminal where `deno task` passes it on.
   */
  async stop(): Promise<number> {
    try {
      this.#child.kill("SIGINT");
      this.#child.kill("SIGINT");
    } catch {
      // It has ended already.
    }
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (exists(this.#parent)) {
      await Deno.remove(this.#parent, { recursive: true });
    }
  }

  async #read(): Promise<void> {
    let held = "";
    for await (
      const text of this.#child.stderr.pipeThrough(new TextDecoderStream())
    ) {
      const lines = (held + text).split("\n");
      held = lines.pop() ?? "";
      this.lines.push(...lines);
    }
    this.lines.push(held);
  }
}

/** A process of this machine. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
  /** Arguments with spaces between them. */
  readonly command: string;
}

/** Every process of this machine. */
export async function processes(): Promise<ProcessInfo[]> {
  const found: ProcessInfo[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = await Deno.readTextFile(`/proc/${name}/stat`);
      const command = await Deno.readTextFile(`/proc/${name}/cmdline`);
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.push({
        pid: Number(name),
        parent: Number(parent),
        zombie: state === "Z",
        command: command.replaceAll("\0", " "),
      });
    } catch {
      // It ended while the list was read.
    }
  }
  return found;
}

/** Processes below `root`, itself among them. */
export async function descendants(root: number): Promise<number[]> {
  const all = await processes();
  const found = [root];
  for (const pid of found) {
    found.push(
      ...all.filter(({ parent }) => parent === pid).map(({ pid }) => pid),
    );
  }
  return found;
}

/** Waits until none of the processes lives; a zombie does not. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  await eventually("the end of every process", async () => {
    const alive = (await processes()).filter(({ zombie }) => !zombie);
    return !alive.some(({ pid }) => pids.includes(pid));
  }, 20_000);
}

/** Whether something accepts connections on a port of 127.0.0.1. */
export async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
