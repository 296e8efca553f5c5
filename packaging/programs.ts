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

/** All programs, by the order of the data's way. */
export const PROGRAMS: readonly PackagedProgram[] = [
  {
    name: "capture",
    folder: "capture",
    entry: "capture/main.ts",
    output: "main.js",
    permissions: "capture",
    daemon: true,
    v8: [heap(256)],
  },
  {
    name: "fingerprint",
    folder: "capture",
    entry: "capture/fingerprint.ts",
    output: "fingerprint.js",
    permissions: "fingerprint",
    daemon: false,
    v8: [heap(256)],
  },
  {
    name: "correlate",
    folder: "correlate",
    entry: "correlate/main.ts",
    output: "main.js",
    permissions: "correlate",
    daemon: true,
    v8: [heap(1024)],
  },
  {
    name: "join",
    folder: "correlate",
    entry: "correlate/join_files.ts",
    output: "join.js",
    permissions: "join",
    daemon: false,
    v8: [heap(1024)],
  },
  {
    name: "store",
    folder: "store",
    entry: "store/main.ts",
    output: "main.js",
    permissions: "store",
    daemon: true,
    v8: [heap(256)],
  },
  {
    name: "migrate",
    folder: "ctl",
    entry: "store/migrate.ts",
    output: "migrate.js",
    permissions: "migrate",
    daemon: false,
    v8: [heap(256)],
  },
  {
    name: "detect",
    folder: "detect",
    entry: "detect/main.ts",
    output: "main.js",
    permissions: "detect",
    daemon: true,
    v8: [heap(1024)],
  },
  {
    name: "web",
    folder: "web",
    entry: "web/_fresh/packaged.js",
    // The build's snapshot finds its files in the folder above this one.
    output: "_fresh/main.js",
    permissions: "web",
    daemon: true,
    // Without a compiler for machine code the unit can forbid memory that is writable and executable.
    v8: ["--jitless", heap(512)],
  },
  {
    name: "metrics",
    folder: "ctl",
    entry: "ctl/metrics.ts",
    output: "metrics.js",
    permissions: "metrics",
    daemon: true,
    v8: [heap(128)],
  },
  {
    name: "ja4ctl",
    folder: "ctl",
    entry: "ctl/main.ts",
    output: "main.js",
    permissions: undefined,
    daemon: false,
    v8: [heap(256)],
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
