/**
 * The flags that the launcher starts a program with: its permission set of deno.json, with the
 * project's files turned into the package's, and what its unit needs.
 *
 * @module
 */
import { permissionFlags, type PermissionSet } from "../ctl/permissions.ts";
import type { PackagedProgram } from "./programs.ts";

/** Folder of the installed programs. */
export const SHARE = "/usr/share/ja4-platform";

/**
 * Of every program: nothing is fetched, asked or read that is not in the package. Without
 * `--no-npm` a literal `import("npm:...")` is downloaded and run whatever `--allow-net` says.
 */
const COMMON = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-prompt",
  "--no-remote",
  "--no-npm",
  "--no-code-cache",
  "--unstable-net",
];

/** One flag a line, in a stable order. */
export function launcherFlags(
  program: PackagedProgram,
  set: PermissionSet | undefined,
): string[] {
  const v8 = [...program.v8, "--disallow-code-generation-from-strings"];
  return [
    ...COMMON,
    `--v8-flags=${v8.join(",")}`,
    ...set === undefined ? ["--allow-all"] : permissionFlags(
      installed(program, set),
      program.daemon ? unitGrants(program.name) : {},
      "/",
    ).filter((flag) => flag !== "--no-prompt"),
  ];
}

/** The set with what lies in the project replaced by the program's own folder. */
function installed(
  program: PackagedProgram,
  set: PermissionSet,
): PermissionSet {
  const own = [`${SHARE}/${program.folder}`];
  return Object.fromEntries(
    Object.entries(set).map(([kind, value]) => {
      if ((kind !== "read" && kind !== "write") || !Array.isArray(value)) {
        return [kind, value];
      }
      const outside = value.filter((path: string) => path.startsWith("/"));
      // Every program reads its own files, and none may write them.
      return [kind, kind === "read" ? [...outside, ...own] : outside];
    }),
  );
}

/** What talking to systemd (lib/service.ts) and being asked on a socket (lib/metrics.ts) take. */
function unitGrants(name: string): Readonly<Record<string, readonly string[]>> {
  const sockets = ["/run/systemd/notify", `/run/ja4-${name}`];
  return {
    read: sockets,
    write: sockets,
    net: [
      "unix:/run/systemd/notify",
      `unix:/run/ja4-${name}/notify.socket`,
      `unix:/run/ja4-${name}/health.socket`,
    ],
    env: ["NOTIFY_SOCKET", "WATCHDOG_USEC", "RUNTIME_DIRECTORY"],
  };
}
