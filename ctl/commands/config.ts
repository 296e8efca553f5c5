/** `ja4ctl config show [PART]`. @module */
import { EXIT, FatalError } from "../../lib/errors.ts";
import type { Origin } from "../../lib/config.ts";
import { type Command, type Context, print } from "../command.ts";
import { runPart } from "../part_program.ts";
import { PART_NAMES, type PartName } from "../parts.ts";
import { asTable } from "../table.ts";

export const config: Command = {
  name: "config",
  usage: "show [PART]",
  summary: "the values that hold; each part is asked itself",
  options: { origin: { type: "boolean" }, json: { type: "boolean" } },
  optionHelp: [
    ["--origin", "and where each came from: default, file:line or variable"],
    ["--json", "one JSON object a value"],
  ],
  async run({ configs }, [verb, part, ...rest], options) {
    const parts = part === undefined
      ? PART_NAMES
      : PART_NAMES.filter((name) => name === part);
    if (verb !== "show" || parts.length === 0 || rest.length > 0) {
      throw new FatalError(
        "usage",
        `Expected config show, or config show with one of ${
          PART_NAMES.join(", ")
        }\nTry --help`,
      );
    }
    const asked = await Promise.all(
      parts.map((name) => originsOfPart(name, configs)),
    );
    const all = asked.flat();
    if (options["json"] === true) {
      for (const line of all) print(JSON.stringify(line));
    } else {
      print(asTable([
        ["part", "key", "value", "origin"],
        ...all.map(({ part, key, value, origin }) => [
          part,
          key,
          JSON.stringify(value),
          origin,
        ]),
      ].map((row) => options["origin"] === true ? row : row.slice(0, 3))));
    }
    return EXIT.ok;
  },
};

/** @throws {FatalError} `config` with what the part says of its file. */
async function originsOfPart(
  part: PartName,
  configs: Context["configs"],
): Promise<(Origin & { part: PartName })[]> {
  const { code, stdout, stderr } = await runPart(
    part,
    ["--show-config"],
    configs[part],
  );
  if (code !== EXIT.ok) throw new FatalError("config", stderr.trim());
  return stdout.trim().split("\n").map((line) => ({
    part,
    ...JSON.parse(line) as Origin,
  }));
}
