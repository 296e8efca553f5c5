/** `ja4ctl grants`. @module */
import { existsSync } from "node:fs";
import { EXIT, FatalError, messageOf } from "../../lib/errors.ts";
import { type Command, type Context, print } from "../command.ts";
import { flagsFile, missingGrants, unitFile } from "../grants.ts";
import { COMPILED, PART_NAMES, type PartName } from "../parts.ts";
import type { Grants } from "../permissions.ts";

/** Flags of the packages; those in the folder of the configuration are added to them. */
const SHIPPED = "/usr/share/ja4-platform/flags";
const UNITS = "/etc/systemd/system";

export const grants: Command = {
  name: "grants",
  usage: "",
  summary: "allows each part what its configuration names, and nothing else",
  async run(context, args) {
    if (args.length > 0) {
      throw new FatalError("usage", "grants takes no arguments\nTry --help");
    }
    const changed = await writeGrants(context);
    for (const path of changed) print(path);
    if (changed.length > 0) {
      print("Run systemctl daemon-reload, and restart what has changed");
    }
    return EXIT.ok;
  },
};

/**
 * Brings the launcher's flags and the units up to the parts' configuration; returns the files that
 * were written or removed.
 *
 * @throws {FatalError} `noPermission` if they cannot be.
 */
export async function writeGrants(context: Context): Promise<string[]> {
  const changed: string[] = [];
  for (const part of PART_NAMES) {
    const flags = await readOrNothing(`${SHIPPED}/${part}`);
    if (flags === undefined) continue;
    const missing = missingGrants(flags, context.configs[part].content);
    refuseCompiled(part, missing);
    const files = {
      [`${context.config.ctl.config_dir}/flags/${part}`]: flagsFile(
        part,
        missing,
      ),
      [`${UNITS}/ja4-${part}.service.d/20-grants.conf`]: unitFile(
        part,
        missing,
      ),
    };
    for (const [path, text] of Object.entries(files)) {
      if (await bring(path, text)) changed.push(path);
    }
  }
  return changed;
}

/** @throws {FatalError} `unavailable` if a compiled program would have to be allowed more than it was compiled with. */
function refuseCompiled(part: PartName, missing: Grants): void {
  const values = Object.values(missing).flat();
  if (values.length === 0 || !existsSync(`${COMPILED}/ja4-${part}`)) return;
  throw new FatalError(
    "unavailable",
    `Cannot allow ${part} ${
      values.join(", ")
    }: its permissions are compiled into it; install the packages with the shared runtime`,
  );
}

/** What the parts' configuration names and their flags do not allow, by part, as `kind value`. */
export async function lackingGrants(
  { config, configs }: Pick<Context, "configs" | "config">,
): Promise<Map<PartName, string[]>> {
  const lacking = new Map<PartName, string[]>();
  for (const part of PART_NAMES) {
    const shipped = await readOrNothing(`${SHIPPED}/${part}`);
    if (shipped === undefined) continue;
    const own = await readOrNothing(`${config.ctl.config_dir}/flags/${part}`);
    const missing = missingGrants(
      `${shipped}\n${own ?? ""}`,
      configs[part].content,
    );
    lacking.set(
      part,
      Object.entries(missing).flatMap(([kind, values]) =>
        values.map((value) => `${kind} ${value}`)
      ),
    );
  }
  return lacking;
}

/** Writes or removes a file so that it is as it should be; returns whether it was not. */
async function bring(path: string, text: string | undefined): Promise<boolean> {
  const old = await readOrNothing(path);
  if (old === text) return false;
  try {
    if (text === undefined) await Deno.remove(path);
    else {
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeTextFile(path, text);
    }
    return true;
  } catch (thrown) {
    throw new FatalError(
      "noPermission",
      `Cannot write "${path}": ${messageOf(thrown)}; run as root`,
      { cause: thrown },
    );
  }
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}
