/**
 * Child processes: sessions that run beside this process and end with it, and commands that are
 * run to their end.
 *
 * @module
 */
import { FatalError, messageOf } from "../lib/errors.ts";

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
 * `setpriv --pdeathsig=TERM`, so that not even kill -9 of this process leaves children (TERM
 * and not KILL: httpd's workers end only if httpd tells them). Both only exec: the process id is the
 * program's own.
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
      "--pdeathsig=TERM",
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

/** Options of {@linkcode runToEnd}. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a command to its end and returns what it wrote to stdout.
 *
 * @throws {FatalError} `unavailable` with the last lines of its output if it fails or is not there.
 */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, {
      args: [...args],
      ...options,
      env: { ...options.env, NO_COLOR: "1" },
      stdin: "null",
    }).output();
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new FatalError(
      "unavailable",
      `Cannot find the program "${command}"`,
      {
        cause: thrown,
      },
    );
  }
  const decoder = new TextDecoder();
  const stdout = decoder.decode(output.stdout);
  if (output.success) return stdout;
  const lines = `${stdout}\n${decoder.decode(output.stderr)}`.trim().split(
    "\n",
  );
  throw new FatalError(
    "unavailable",
    `${command} ${args.slice(0, 3).join(" ")} failed:\n${
      lines.slice(-12).join("\n")
    }`,
  );
}
