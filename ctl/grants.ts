/**
 * What a part's configuration names beyond the permissions its package gives it: further flags for
 * the launcher, and a drop-in for its unit.
 *
 * The packages allow what the defaults need (the loopback, our folders). Who names another database
 * or file has it allowed by `ja4ctl grants`, and nothing else.
 *
 * @module
 */
import { configGrants, type Grants } from "./permissions.ts";

/** Kinds of permission that a configuration can ask for. */
const KINDS = ["net", "read", "write", "ffi"] as const;

/** What is asked and not yet allowed, by kind; kinds without anything are left out. */
export function missingGrants(flags: string, config: unknown): Grants {
  const given = allowed(flags);
  const asked = configGrants(config);
  const missing: Record<string, readonly string[]> = {};
  for (const kind of KINDS) {
    const values = (asked[kind] ?? []).filter((value) =>
      !isAllowed(kind, value, given.get(kind))
    );
    if (values.length > 0) missing[kind] = values.toSorted();
  }
  return missing;
}

/** Values of the `--allow-KIND=` lines; undefined: everything of that kind. */
function allowed(flags: string): Map<string, readonly string[] | undefined> {
  const found = new Map<string, readonly string[] | undefined>(
    KINDS.map((kind) => [kind, []]),
  );
  for (const line of flags.split("\n")) {
    const [, kind = "", values] = /^--allow-(\w+)(?:=(.*))?$/.exec(line) ?? [];
    if (kind === "all") {
      for (const each of KINDS) found.set(each, undefined);
    } else if (kind !== "") {
      // Flags of a kind add up; a comma within a value is written twice.
      const more = values?.split(/(?<!,),(?!,)/)
        .map((value) => value.replaceAll(",,", ","));
      found.set(
        kind,
        more === undefined ? undefined : [...found.get(kind) ?? [], ...more],
      );
    }
  }
  return found;
}

function isAllowed(
  kind: string,
  value: string,
  given: readonly string[] | undefined,
): boolean {
  if (given === undefined) return true;
  return given.some((allowed) =>
    allowed === value || (kind !== "net" && value.startsWith(`${allowed}/`))
  );
}

/** The file of flags that the launcher adds; undefined if nothing is missing. */
export function flagsFile(part: string, missing: Grants): string | undefined {
  const lines = Object.entries(missing).map(([kind, values]) =>
    `--allow-${kind}=${
      values.map((value) => value.replaceAll(",", ",,")).join(",")
    }`
  );
  return lines.length === 0
    ? undefined
    : `# Written by "ja4ctl grants" from ${part}.toml.\n${lines.join("\n")}\n`;
}

/** The drop-in for the part's unit; undefined if it needs none. */
export function unitFile(part: string, missing: Grants): string | undefined {
  const lines = [
    // A name may lead to any address, and a unit knows addresses alone.
    ...(missing["net"] ?? []).some(isRemote) ? ["IPAddressAllow=any"] : [],
    // A file is made in its folder.
    ...new Set(
      (missing["write"] ?? []).map((path) =>
        `ReadWritePaths=-${path.slice(0, path.lastIndexOf("/")) || "/"}`
      ),
    ),
  ];
  return lines.length === 0
    ? undefined
    : `# Written by "ja4ctl grants" from ${part}.toml.\n[Service]\n${
      lines.join("\n")
    }\n`;
}

function isRemote(address: string): boolean {
  return !/^(unix:|127\.|localhost:|\[::1\]:)/.test(address);
}
