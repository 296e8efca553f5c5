/** Short-lived commands of the demonstration. @module */
import { FatalError } from "../../lib/errors.ts";

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
