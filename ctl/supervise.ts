/**
 * Runs the parts of the pipeline as child processes: waits until each is ready, restarts what
 * dies, files what they write, and leaves nothing behind.
 *
 * Each part leads a session of its own (ctl/process.ts) and is stopped in reverse order of its start.
 *
 * @module
 */
import { EXIT, type ExitName, FatalError } from "../lib/errors.ts";
import { askHealth } from "../lib/metrics.ts";
import type { Journal } from "./journal.ts";
import { PartLog } from "./part_log.ts";
import { pause } from "../lib/shutdown.ts";
import { killSession, spawnSession } from "./process.ts";

/** How a part tells that it works. */
export type Readiness =
  /** It prints a JSON line with `"event":"ready"` on stdout. */
  | { readonly kind: "line" }
  /** Its endpoint /readyz at this address says so. */
  | { readonly kind: "http"; readonly listen: string }
  /** Something accepts connections there. */
  | { readonly kind: "tcp"; readonly port: number };

/** A process to keep running. */
export interface Part {
  /** Component name in logs and in `pipeline_events`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly ready: Readiness;
}

/** What a part is doing. `failed` is final: it will not be started again. */
export type PartState =
  | "starting"
  | "ready"
  | "restarting"
  | "failed"
  | "stopped";

/** A look at a part, for a status line. */
export interface PartStatus {
  readonly name: string;
  readonly state: PartState;
  /** Of the running process, or the last one. */
  readonly pid: number;
  readonly restarts: number;
}

/** Options of {@linkcode Supervisor}. */
export interface SupervisorOptions {
  /** Folder of one log file per part. */
  readonly logDir: string;
  readonly journal: Journal;
  /** Working folder of the parts. */
  readonly cwd: string;
  /** Milliseconds between SIGTERM and SIGKILL. @default 12000 */
  readonly stopMs?: number;
  /** Called with each line that a part writes, without its line break. */
  readonly onLine?: (part: string, line: string) => void;
}

/** First pause before a restart; it doubles up to {@linkcode BACKOFF_MAX_MS}. */
const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** A part that ran so long has recovered: the next restart is quick again. */
const STABLE_MS = 30_000;
/** Time for the first start, which may compile or fetch, and for a restart. */
const READY_MS = 60_000;
/** Time between SIGTERM and SIGKILL; the store takes up to ten seconds to end cleanly. */
const STOP_MS = 12_000;
const PROBE_MS = 50;

/** Exit codes that a restart cannot mend: usage, permission, configuration. */
const FINAL_CODES: ReadonlySet<number> = new Set([
  EXIT.usage,
  EXIT.noPermission,
  EXIT.config,
]);

/** Keeps parts running from {@linkcode Supervisor.start} to {@linkcode Supervisor.stop}. */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #parts: RunningPart[] = [];
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** State of every part, in the order of their start. */
  get status(): PartStatus[] {
    return this.#parts.map((part) => part.status);
  }

  /**
   * Starts a part and waits until it is ready; from then on it is restarted when it ends.
   *
   * @throws {FatalError} with the part's own message and exit code if it ends before, also when
   * {@linkcode Supervisor.stop} ends it.
   */
  async start(part: Part): Promise<void> {
    if (this.#stopping) {
      throw new FatalError(
        "unavailable",
        `${part.name} was not started: all stops`,
      );
    }
    const running = new RunningPart(part, this.#options);
    this.#parts.push(running);
    await running.start();
  }

  /** Stops one part for good. */
  async stopPart(name: string): Promise<void> {
    await this.#parts.find(({ status }) => status.name === name)?.stop();
  }

  /** Stops all parts, the last one started first. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const part of this.#parts.toReversed()) await part.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** One part over all its processes. */
class RunningPart {
  readonly #part: Part;
  readonly #options: SupervisorOptions;
  readonly #log: PartLog;
  /** Aborts when the part is to stop. */
  readonly #stopping = new AbortController();
  #state: PartState = "starting";
  #restarts = 0;
  #child: Deno.ChildProcess | undefined;
  /** Ends when the part has stopped for good. */
  #life: Promise<void> = Promise.resolve();
  /** Ends the wait for readiness when the ready line comes. */
  #onReadyLine: () => void = () => {};

  constructor(part: Part, options: SupervisorOptions) {
    this.#part = part;
    this.#options = options;
    this.#log = new PartLog(
      `${options.logDir}/${part.name}.log`,
      (line) => options.onLine?.(part.name, line),
    );
  }

  get status(): PartStatus {
    return {
      name: this.#part.name,
      state: this.#state,
      pid: this.#child?.pid ?? 0,
      restarts: this.#restarts,
    };
  }

  async start(): Promise<void> {
    const startedMs = performance.now();
    const run = this.#spawn();
    this.#note("started", `Process ${run.pid}`);
    const outcome = await this.#untilReady(run);
    if (outcome !== "ready") {
      this.#state = "failed";
      await this.#end(run);
      await this.#log.settled();
      throw this.#startFailure(outcome);
    }
    this.#state = "ready";
    this.#note("ready", `After ${seconds(startedMs)}`);
    this.#life = this.#keepRunning(run, startedMs);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#child !== undefined) await this.#end(this.#child);
    await this.#life;
    await this.#log.close();
    if (this.#state !== "failed" && this.#state !== "stopped") {
      this.#state = "stopped";
      this.#note("stopped", "As asked");
    }
  }

  /** Waits for the end of each process and starts the next, until the part stops or gives up. */
  async #keepRunning(first: Deno.ChildProcess, firstMs: number): Promise<void> {
    let child = first;
    let startedMs = firstMs;
    let backoffMs = BACKOFF_MIN_MS;
    while (true) {
      const status = await child.status;
      killSession(child.pid);
      if (this.#stopping.signal.aborted) return;
      const event = status.signal === null ? "exited" : "killed";
      const how = status.signal === null
        ? `Exit code ${status.code}`
        : `By ${status.signal}`;
      await this.#log.settled();
      const reason = this.#log.lastWords();
      this.#note(
        event,
        `${how} after ${seconds(startedMs)}${reason && `: ${reason}`}`,
      );
      if (FINAL_CODES.has(status.code)) {
        this.#state = "failed";
        this.#note(
          "failed",
          `Not started again: a restart cannot mend exit code ${status.code}`,
        );
        return;
      }
      this.#state = "restarting";
      if (performance.now() - startedMs > STABLE_MS) backoffMs = BACKOFF_MIN_MS;
      await pause(backoffMs, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      startedMs = performance.now();
      child = this.#spawn();
      this.#restarts++;
      const outcome = await this.#untilReady(child);
      if (outcome === "ready") {
        this.#state = "ready";
        this.#note(
          "restarted",
          `Process ${child.pid}, ready after ${seconds(startedMs)}`,
        );
      } else if (outcome === "late") {
        // It hangs: the next turn of the loop sees its end and starts another.
        killSession(child.pid);
      }
    }
  }

  #spawn(): Deno.ChildProcess {
    const { command, args, env = {} } = this.#part;
    const { cwd } = this.#options;
    const child = spawnSession(command, args, { cwd, env, output: "piped" });
    this.#child = child;
    this.#log.follow(child.stdout, (line) => {
      if (isReadyLine(line)) this.#onReadyLine();
    });
    this.#log.follow(child.stderr);
    return child;
  }

  /** Waits until the part is ready, has ended, or is late. */
  async #untilReady(
    child: Deno.ChildProcess,
  ): Promise<"ready" | "late" | Deno.CommandStatus> {
    const ended = new AbortController();
    const { promise: line, resolve } = Promise.withResolvers<"ready">();
    this.#onReadyLine = () => resolve("ready");
    const signal = AbortSignal.any([ended.signal, this.#stopping.signal]);
    const late = pause(READY_MS, signal).then(() => "late" as const);
    try {
      return await Promise.race([
        child.status,
        late,
        line,
        probe(this.#part.ready, signal),
      ]);
    } finally {
      ended.abort();
      await late;
    }
  }

  /** SIGTERM, then SIGKILL; then whatever is left of its process group. */
  async #end(child: Deno.ChildProcess): Promise<void> {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    const { stopMs = STOP_MS } = this.#options;
    const done = new AbortController();
    const giveUp = pause(stopMs, done.signal).then(() => {
      if (!done.signal.aborted) killSession(child.pid);
    });
    await child.status;
    done.abort();
    await giveUp;
    killSession(child.pid);
  }

  #startFailure(outcome: "late" | Deno.CommandStatus): FatalError {
    const { name } = this.#part;
    const lines = this.#log.tail.join("\n");
    if (outcome === "late") {
      return new FatalError(
        "unavailable",
        `${name} was not ready within ${
          READY_MS / 1000
        } s; its last words:\n${lines}`,
      );
    }
    const how = outcome.signal ?? `exit code ${outcome.code}`;
    return new FatalError(
      exitName(outcome.code),
      `${name} ended (${how}) before it was ready:\n${lines}`,
    );
  }

  #note(event: Parameters<Journal["add"]>[1], detail: string): void {
    this.#options.journal.add(this.#part.name, event, detail);
  }
}

function exitName(code: number): ExitName {
  for (const [name, value] of Object.entries(EXIT)) {
    if (value === code && value !== EXIT.ok) return name as ExitName;
  }
  return "unavailable";
}

function isReadyLine(line: string): boolean {
  try {
    return (JSON.parse(line) as { event?: unknown } | null)?.event === "ready";
  } catch {
    return false;
  }
}

/** Asks until the part is ready. Never ends for a part that prints a line, nor after `signal`. */
async function probe(
  ready: Readiness,
  signal: AbortSignal,
): Promise<"ready"> {
  while (ready.kind !== "line" && !signal.aborted) {
    if (await isReady(ready)) return "ready";
    await pause(PROBE_MS, signal);
  }
  return new Promise(() => {});
}

/** Whether the part answers now. */
export async function isReady(
  ready: Exclude<Readiness, { kind: "line" }>,
): Promise<boolean> {
  try {
    if (ready.kind === "tcp") {
      using _ = await Deno.connect({ hostname: "127.0.0.1", port: ready.port });
      return true;
    }
    return (await askHealth(ready.listen, "/readyz")).ok;
  } catch {
    return false;
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}
