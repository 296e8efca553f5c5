/**
 * Child processes that end together: each is the leader of a session of its own.
 *
 * @module
 */
import { messageOf } from "../lib/errors.ts";

/** Options of {@linkcode spawnSession}. */
export interface SessionOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: "null" | "piped";
  /** Of stdout and stderr. */
  readonly output: "null" | "piped";
}

/**
 * Starts a program as the leader of a session, so that the terminal's Ctrl-C reaches this process
 * alone. Two wrappers stand before it: `env --block-signal=USR1`, because Deno opens an inspector
 * that anyone on the host may use when it gets SIGUSR1 and has no switch against it, and
 * `setpriv --pdeathsig=KILL`, so that not even kill -9 of this process leaves children. Both only
 * exec: the process id is the program's own.
 */
export function spawnSession(
  program: string,
  args: readonly string[],
  options: SessionOptions,
): Deno.ChildProcess {
  const { cwd, env, stdin = "null", output } = options;
  return new Deno.Command("env", {
    args: [
      "--block-signal=USR1",
      "setpriv",
      "--pdeathsig=KILL",
      program,
      ...args,
    ],
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...env, NO_COLOR: "1" },
    detached: true,
    stdin,
    stdout: output,
    stderr: output,
  }).spawn();
}

/** Kills what is left of the session that `pid` leads; all of it may be gone. */
export function killSession(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if (
      !(thrown instanceof Deno.errors.NotFound) &&
      !messageOf(thrown).includes("ESRCH")
    ) {
      throw thrown;
    }
  }
}

/** Waits; ends early, without an error, when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
