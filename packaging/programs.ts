/**
 * What is packaged: each program, the file it starts from and what it reads beside its code.
 *
 * @module
 */

/** A program of the packages. */
export interface PackagedProgram {
  /** The command's name after `ja4-`; `ja4ctl` is the command of that name. */
  readonly name: string;
  /** Folder below the share folder, and of the RPM that holds it. */
  readonly folder: string;
  /** File that it starts from, relative to the project. */
  readonly entry: string;
  /** Where its one file goes, relative to its folder. */
  readonly output: string;
  /** Permission set of deno.json; undefined: all, as an administrator's tool that runs others. */
  readonly permissions: string | undefined;
  /** Whether a unit of systemd runs it. */
  readonly daemon: boolean;
  /** Limits of V8 and what else it is started with. */
  readonly v8: readonly string[];
}

/** Heap of V8 in MiB; the units' MemoryMax is above it, so that V8 is the first to say what is wrong. */
function heap(mebibytes: number): string {
  return `--max-old-space-size=${mebibytes}`;
}

/** A part's daemon: `FOLDER/main.ts` under its own name and permission set. */
function daemon(name: string, mebibytes: number): PackagedProgram {
  return {
    name,
    folder: name,
    entry: `${name}/main.ts`,
    output: "main.js",
    permissions: name,
    daemon: true,
    v8: [heap(mebibytes)],
  };
}

/** A command beside a daemon, with a permission set of its own name. */
function command(
  name: string,
  folder: string,
  entry: string,
  mebibytes: number,
): PackagedProgram {
  const output = `${name}.js`;
  return {
    ...daemon(name, mebibytes),
    folder,
    entry,
    output,
    daemon: false,
  };
}

/** All programs, by the order of the data's way. */
export const PROGRAMS: readonly PackagedProgram[] = [
  daemon("capture", 256),
  command("fingerprint", "capture", "capture/fingerprint.ts", 256),
  daemon("correlate", 1024),
  command("join", "correlate", "correlate/join_files.ts", 1024),
  daemon("store", 256),
  command("migrate", "ctl", "store/migrate.ts", 256),
  daemon("detect", 1024),
  {
    ...daemon("web", 512),
    entry: "web/_fresh/packaged.js",
    // The build's snapshot finds its files in the folder above this one.
    output: "_fresh/main.js",
    // Without a compiler for machine code the unit can forbid memory that is writable and executable.
    v8: ["--jitless", heap(512)],
  },
  { ...command("metrics", "ctl", "ctl/metrics.ts", 128), daemon: true },
  {
    ...command("ja4ctl", "ctl", "ctl/main.ts", 256),
    output: "main.js",
    permissions: undefined,
  },
];

/** Programs that lie in a thread of their own, as their parent names them. */
export const WORKERS: readonly { folder: string; entry: string }[] = [
  { folder: "capture", entry: "capture/lane_worker.ts" },
  { folder: "correlate", entry: "correlate/datagram_worker.ts" },
];

/** Files and folders that programs read beside their code: from the project, to the share folder. */
export const ASSETS: readonly { from: string; to: string }[] = [
  { from: "wasm/ja4.wasm", to: "capture/ja4.wasm" },
  { from: "migrations", to: "migrations" },
  { from: "store/reference", to: "store/reference" },
  { from: "store/reference", to: "ctl/reference" },
  { from: "web/static", to: "web/static" },
  { from: "web/_fresh/js", to: "web/_fresh/js" },
];
