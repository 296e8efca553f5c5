/** The parts' own programs, asked about their configuration. @module */
import { type PartConfig, type PartName, ROOT } from "./parts.ts";

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a part with `args` and its file: the command of the packages where this is one, else the
 * program of the project. What a part accepts is known to itself alone.
 */
export async function runPart(
  name: PartName | "migrate",
  args: readonly string[],
  config: Pick<PartConfig, "file"> = { file: undefined },
): Promise<Ended> {
  const packaged = Deno.env.get("JA4_PACKAGED") !== undefined;
  const script = name === "migrate" ? "store/migrate.ts" : `${name}/main.ts`;
  const [command, before] = packaged
    ? [`/usr/bin/ja4-${name}`, []]
    : [Deno.execPath(), ["run", "-A", "--quiet", ROOT + script]];
  const file = config.file === undefined ? [] : ["--config", config.file];
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...before, ...args, ...file],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}
