/**
 * The Deno flags a part runs with: its permission set in deno.json, plus the very paths and
 * addresses that its configuration names.
 *
 * `deno run -P=NAME` is not used: it prints a warning at each start, and a flag beside it replaces
 * a kind of the set where one path has to be added.
 *
 * @module
 */
import { resolve } from "node:path";
import { FatalError } from "../lib/errors.ts";
import { LIBC_PATHS } from "../lib/libraries.ts";

/** Kinds of permission whose values are paths, taken relative to deno.json. */
const PATH_KINDS: readonly string[] = ["read", "write", "ffi", "run"];

type PermissionValue =
  | boolean
  | readonly string[]
  | {
    readonly allow?: boolean | readonly string[];
    readonly deny?: boolean | readonly string[];
  };

/** One entry of `permissions` in deno.json. */
export type PermissionSet = Readonly<Record<string, PermissionValue>>;

/** What is allowed beyond the set, by kind. */
export type Grants = Readonly<Record<string, readonly string[]>>;

/**
 * Reads the permission sets of a deno.json (JSON with comments).
 *
 * @throws {FatalError} `config` if a name of `names` has no set.
 */
export function permissionSets(
  denoJson: string,
  names: readonly string[],
): Map<string, PermissionSet> {
  const { permissions = {} } = JSON.parse(withoutComments(denoJson)) as {
    permissions?: Record<string, PermissionSet>;
  };
  return new Map(names.map((name) => {
    const set = permissions[name];
    if (set === undefined) {
      throw new FatalError(
        "config",
        `deno.json has no permission set "${name}"`,
      );
    }
    return [name, set];
  }));
}

/** `text` without `//` and block comments and commas before a closing bracket; strings are kept. */
function withoutComments(text: string): string {
  return text
    .replaceAll(
      /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
      (_, string: string | undefined) => string ?? "",
    )
    .replaceAll(
      /("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g,
      (_, string: string | undefined) => string ?? "",
    );
}

/** `--allow-*` and `--deny-*` flags for a set and what is granted beyond it, in a stable order. */
export function permissionFlags(
  set: PermissionSet,
  grants: Grants,
  root: string,
): string[] {
  const kinds = [...new Set([...Object.keys(set), ...Object.keys(grants)])]
    .sort();
  const flags = ["--no-prompt"];
  for (const kind of kinds) {
    const value = set[kind] ?? [];
    const { allow, deny } = typeof value === "object" && !isList(value)
      ? value
      : { allow: value, deny: undefined };
    flags.push(...flag("allow", kind, allow ?? [], grants[kind] ?? [], root));
    flags.push(...flag("deny", kind, deny ?? [], [], root));
  }
  return flags;
}

function isList(value: PermissionValue): value is readonly string[] {
  return Array.isArray(value);
}

function flag(
  verb: string,
  kind: string,
  value: boolean | readonly string[],
  more: readonly string[],
  root: string,
): string[] {
  if (value === true) return [`--${verb}-${kind}`];
  const listed = value === false ? [] : value;
  const own = PATH_KINDS.includes(kind)
    ? listed.map((path) => isBareName(kind, path) ? path : resolve(root, path))
    : listed;
  const all = [...new Set([...own, ...more])];
  if (all.length === 0) return [];
  // A comma separates values and is written twice where it belongs to one.
  return [
    `--${verb}-${kind}=${
      all.map((item) => item.replaceAll(",", ",,")).join(",")
    }`,
  ];
}

/** A program of the PATH or a library by soname is not a path. */
function isBareName(kind: string, path: string): boolean {
  return (kind === "run" || kind === "ffi") && !path.includes("/");
}

/**
 * What a part's configuration names: `listen` and `url` are network addresses, an absolute path
 * may be read and written (a `*_file` only read), a `*.socket` is a UNIX socket, and `reader = "ffi"`
 * calls the C library.
 */
export function configGrants(config: unknown): Grants {
  const grants = {
    net: new Set<string>(),
    read: new Set<string>(),
    write: new Set<string>(),
    ffi: new Set<string>(),
  };
  const visit = (key: string, value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(key, item);
    } else if (value !== null && typeof value === "object") {
      for (const [inner, item] of Object.entries(value)) visit(inner, item);
    } else if (typeof value === "string") {
      visitText(key, value);
    }
  };
  const visitText = (key: string, text: string): void => {
    if (key === "listen" && text.startsWith("unix:/")) {
      visitText("path", text.slice("unix:".length));
      grants.net.add(text);
    } else if (key === "listen" || key === "name_server") grants.net.add(text);
    else if (key === "reader" && text === "ffi") {
      for (const path of LIBC_PATHS) grants.ffi.add(path);
    } else if (key === "url" && URL.canParse(text)) {
      const url = new URL(text);
      grants.net.add(
        `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`,
      );
    } else if (text.startsWith("/")) {
      grants.read.add(text);
      if (!key.endsWith("_file")) grants.write.add(text);
      if (text.endsWith(".socket")) grants.net.add(`unix:${text}`);
    }
  };
  visit("", config);
  return {
    net: [...grants.net],
    read: [...grants.read],
    write: [...grants.write],
    ffi: [...grants.ffi],
  };
}
