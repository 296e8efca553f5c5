/** Commands of a build, run to their end. @module */
import { FatalError } from "../lib/errors.ts";

/**
 * Runs a command and returns what it wrote to stdout.
 *
 * @throws {FatalError} `unavailable` if it is not there, `software` with its last lines if it fails.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, {
      args: [...args],
      ...options,
      env: { ...options.env, NO_COLOR: "1", LC_ALL: "C.UTF-8" },
      stdin: "null",
    }).output();
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new FatalError(
      "unavailable",
      `Cannot find "${command}"; install it`,
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
    "software",
    `${command} ${args[0] ?? ""} failed:\n${lines.slice(-20).join("\n")}`,
  );
}
