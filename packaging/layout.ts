/**
 * What each RPM holds: paths, modes and owners, in one table. The file lists of the spec are made
 * from it, and a test compares it with the packages.
 *
 * @module
 */
import { type Shell, SHELLS } from "../ctl/completion.ts";
import { PROGRAMS } from "./programs.ts";

/** RPMs, by what follows `ja4-platform-`; the module is a package of its own name. */
export const PACKAGES = [
  "common",
  "capture",
  "correlate",
  "detect",
  "web",
  "store",
  "selinux",
  "mod_reqin_log",
] as const;
export type PackageName = typeof PACKAGES[number];

/** A file, link or folder of a package. */
export interface Entry {
  readonly package: PackageName;
  readonly path: string;
  /** File or folder that it is copied from, relative to the project or (with `dist/`) to what was built. */
  readonly from?: string;
  /** Target of a symbolic link. */
  readonly link?: string;
  /** Octal; of a folder copied whole it holds for its files. */
  readonly mode: string;
  readonly owner?: string;
  readonly group?: string;
  /** An upgrade leaves it as the administrator has changed it. */
  readonly config?: boolean;
  readonly kind?: "license" | "doc";
}

/** Name of a program's command. */
export function commandName(program: string): string {
  return program.startsWith("ja4") ? program : `ja4-${program}`;
}

const SHARE = "/usr/share/ja4-platform";
const LIBEXEC = "/usr/libexec/ja4-platform";
const UNITS = "/usr/lib/systemd/system";

/** Parts with a package of their own. */
const PARTS = ["capture", "correlate", "detect", "web", "store"] as const;

/** Daemons, with the package of each and the group that reads its configuration. */
const DAEMONS: readonly {
  readonly name: string;
  readonly package: PackageName;
  readonly reader: string;
}[] = [
  { name: "capture", package: "capture", reader: "ja4-capture" },
  { name: "correlate", package: "correlate", reader: "ja4" },
  { name: "detect", package: "detect", reader: "ja4" },
  { name: "web", package: "web", reader: "ja4-web" },
  { name: "store", package: "store", reader: "ja4-store" },
  { name: "metrics", package: "common", reader: "ja4-metrics" },
];

/** Where each shell looks for completions. */
const COMPLETIONS: Readonly<Record<Shell, string>> = {
  bash: "/usr/share/bash-completion/completions/ja4ctl",
  zsh: "/usr/share/zsh/site-functions/_ja4ctl",
  fish: "/usr/share/fish/vendor_completions.d/ja4ctl.fish",
};

/** What runs at a time of its own, where it is enabled. */
const TIMERS = ["reference", "backup"] as const;

/** RPM that holds a folder of the share folder. */
function packageOf(folder: string): PackageName {
  return folder === "ctl" ? "common" : folder as PackageName;
}

function file(
  name: PackageName,
  path: string,
  from: string,
  mode = "0644",
): Entry {
  return { package: name, path, from, mode };
}

function folder(
  name: PackageName,
  path: string,
  mode = "0755",
  owner = "root",
  group = "root",
): Entry {
  return { package: name, path, mode, owner, group };
}

/** What the programs run on: one Deno that all share, or each an executable of its own. */
export type Runtime = "shared" | "compiled";

/** Deno, and each program as one file with what it reads. */
const SHARED: readonly Entry[] = [
  file("common", `${LIBEXEC}/deno`, "dist/deno", "0755"),
  folder("common", `${SHARE}/programs`),
  file("common", `${SHARE}/ctl`, "dist/share/ctl"),
  file("common", `${SHARE}/migrations`, "dist/share/migrations"),
  ...PARTS.map((part) => file(part, `${SHARE}/${part}`, `dist/share/${part}`)),
  ...PROGRAMS.map(({ name, folder: part }): Entry => ({
    package: packageOf(part),
    path: `${SHARE}/programs/${name}`,
    from: `dist/share/programs/${name}`,
    mode: "0777",
  })),
];

/** Executables that hold all of that; the launcher prefers them. */
const COMPILED: readonly Entry[] = [
  folder("common", `${LIBEXEC}/bin`),
  ...PROGRAMS.map(({ name, folder: part }) =>
    file(
      packageOf(part),
      `${LIBEXEC}/bin/ja4-${name}`,
      `dist/bin/ja4-${name}`,
      "0755",
    )
  ),
];

/** All entries of the packages. */
export function layoutOf(runtime: Runtime): readonly Entry[] {
  return [...runtime === "shared" ? SHARED : COMPILED, ...REST];
}

/** What is the same whatever the programs run on. */
const REST: readonly Entry[] = [
  folder("common", LIBEXEC),
  file("common", `${LIBEXEC}/ja4-run`, "dist/ja4-run", "0755"),
  folder("common", SHARE),
  folder("common", `${SHARE}/flags`),
  ...PROGRAMS.flatMap(({ name, folder: part }): Entry[] => [
    file(packageOf(part), `${SHARE}/flags/${name}`, `dist/share/flags/${name}`),
    {
      package: packageOf(part),
      path: `/usr/bin/${commandName(name)}`,
      link: `../libexec/ja4-platform/ja4-run`,
      mode: "0777",
    },
    file(
      packageOf(part),
      `/usr/share/man/man8/${commandName(name)}.8.gz`,
      `dist/man/${name}.8.gz`,
    ),
  ]),
  ...DAEMONS.flatMap(({ name, package: part, reader }): Entry[] => [
    file(
      part,
      `${UNITS}/ja4-${name}.service`,
      `packaging/systemd/ja4-${name}.service`,
    ),
    {
      ...file(
        part,
        `/etc/ja4-platform/${name}.toml`,
        `packaging/config/${name}.toml`,
        "0640",
      ),
      owner: "root",
      group: reader,
      config: true,
    },
  ]),
  ...TIMERS.flatMap((name) =>
    ["service", "timer"].map((kind) =>
      file(
        "common",
        `${UNITS}/ja4ctl-${name}.${kind}`,
        `packaging/systemd/ja4ctl-${name}.${kind}`,
      )
    )
  ),
  folder("common", `${UNITS}/ja4ctl-.service.d`),
  file(
    "common",
    `${UNITS}/ja4ctl-.service.d/10-platform.conf`,
    "packaging/systemd/ja4ctl-.service.d.conf",
  ),
  file(
    "correlate",
    `${UNITS}/ja4-correlate.socket`,
    "packaging/systemd/ja4-correlate.socket",
  ),
  ...SHELLS.map((shell) =>
    file("common", COMPLETIONS[shell], `dist/completions/${shell}`)
  ),
  ...["nginx.conf", "httpd.conf"].map((name) =>
    file(
      "web",
      `${SHARE}/dashboard/${name}`,
      `packaging/dashboard/${name}`,
    )
  ),
  folder("web", `${SHARE}/dashboard`),
  file(
    "web",
    "/usr/lib/firewalld/services/ja4-dashboard.xml",
    "packaging/dashboard/firewalld.xml",
  ),
  file("common", `${SHARE}/monitoring`, "packaging/monitoring"),
  file("common", `${UNITS}/ja4.target`, "packaging/systemd/ja4.target"),
  folder("common", `${UNITS}/ja4-.service.d`),
  file(
    "common",
    `${UNITS}/ja4-.service.d/10-platform.conf`,
    "packaging/systemd/ja4-.service.d.conf",
  ),
  file(
    "common",
    "/usr/lib/sysusers.d/ja4-platform.conf",
    "packaging/systemd/ja4-platform.sysusers",
  ),
  file(
    "common",
    "/usr/lib/tmpfiles.d/ja4-platform.conf",
    "packaging/systemd/ja4-platform.tmpfiles",
  ),
  file(
    "common",
    "/usr/lib/sysctl.d/60-ja4-platform.conf",
    "packaging/systemd/ja4-platform.sysctl",
  ),
  {
    ...file(
      "common",
      "/etc/logrotate.d/ja4-platform",
      "packaging/systemd/ja4-platform.logrotate",
    ),
    config: true,
  },
  folder("common", "/etc/ja4-platform"),
  folder("common", "/etc/ja4-platform/flags"),
  folder("common", "/etc/ja4-platform/secrets", "0711"),
  folder("common", "/var/lib/ja4-platform"),
  folder("common", "/var/log/ja4-platform", "0755", "root", "root"),
  {
    ...file("common", `${SHARE}/sbom.cdx.json`, "dist/sbom.cdx.json"),
    kind: "doc",
  },
  ...["LICENSE", "NOTICE"].map((name): Entry => ({
    ...file(
      "common",
      `/usr/share/licenses/ja4-platform-common/${name}`,
      name,
    ),
    kind: "license",
  })),
  {
    ...file(
      "common",
      "/usr/share/licenses/ja4-platform-common/LICENSE.third-party",
      "dist/LICENSE.third-party",
    ),
    kind: "license",
  },
  folder("store", "/usr/lib64/ja4-platform"),
  folder("store", `${UNITS}/ja4-store.service.d`),
  file(
    "store",
    `${UNITS}/ja4-store.service.d/20-store.conf`,
    "packaging/systemd/ja4-store.limits.conf",
  ),
  file(
    "store",
    "/usr/lib64/ja4-platform/libchdb.so",
    "dist/libchdb.so",
    "0755",
  ),
  file(
    "selinux",
    "/usr/share/selinux/packages/ja4_platform.pp",
    "dist/ja4_platform.pp",
  ),
  file(
    "mod_reqin_log",
    "/usr/lib64/httpd/modules/mod_reqin_log.so",
    "dist/mod_reqin_log.so",
    "0755",
  ),
  {
    ...file(
      "mod_reqin_log",
      "/etc/httpd/conf.d/reqin_log.conf",
      "apache/reqin_log.conf",
    ),
    config: true,
  },
  file(
    "mod_reqin_log",
    "/usr/share/man/man8/mod_reqin_log.8.gz",
    "dist/man/mod_reqin_log.8.gz",
  ),
  file("correlate", `${SHARE}/feeders`, "apache/feeders"),
  {
    ...file(
      "mod_reqin_log",
      "/usr/share/doc/mod_reqin_log/apache-module.md",
      "docs/apache-module.md",
    ),
    kind: "doc",
  },
];

/** The line of a `%files` list that says what an entry is. */
export function filesLine(entry: Entry, isFolder: boolean): string {
  const { mode, owner = "root", group = "root" } = entry;
  const words: string[] = [];
  if (entry.kind !== undefined) words.push(`%${entry.kind}`);
  if (entry.config === true) words.push("%config(noreplace)");
  if (entry.from === undefined && entry.link === undefined) {
    words.push("%dir", `%attr(${mode},${owner},${group})`);
  } else if (isFolder) {
    words.push(`%attr(-,root,root)`);
  } else if (mode !== "0777") {
    words.push(`%attr(${mode},${owner},${group})`);
  }
  return [...words, entry.path].join(" ");
}
