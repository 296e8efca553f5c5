/**
 * `deno task deb [--fast] [--without store] [--out FOLDER]`: packages for Debian and Ubuntu, from the
 * same table of files as the RPMs. The same sources, tools and arguments give the same bytes.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { EXIT, FatalError, messageOf } from "../lib/errors.ts";
import { report } from "../lib/program.ts";
import { VERSION } from "../lib/version.ts";
import { ROOT } from "./bundle.ts";
import { ensureEmpty, lockFolder } from "./files.ts";
import { type Entry, layoutOf, type PackageName } from "./layout.ts";
import { buildProducts, SOURCE_DATE } from "./rpm.ts";
import { run } from "./run.ts";
import { place } from "./stage.ts";

/** A package of Debian. */
interface DebPackage {
  readonly name: string;
  readonly summary: string;
  readonly depends: readonly string[];
  readonly recommends?: readonly string[];
}

const COMMON = `ja4-platform-common (= ${VERSION})`;

/** By the name of the RPM; there is no SELinux in Debian's default. */
const PACKAGES: Readonly<
  Record<Exclude<PackageName, "selinux">, DebPackage>
> = {
  common: {
    name: "ja4-platform-common",
    summary: "runtime, users, folders and administration of ja4-platform",
    depends: ["libc6 (>= 2.28)", "libgcc-s1", "systemd"],
    recommends: ["logrotate"],
  },
  capture: {
    name: "ja4-platform-capture",
    summary: "captures TLS ClientHellos for ja4-platform",
    depends: [COMMON, "libpcap0.8 | libpcap0.8t64"],
  },
  correlate: {
    name: "ja4-platform-correlate",
    summary: "joins TLS handshakes and HTTP requests for ja4-platform",
    depends: [COMMON],
  },
  detect: {
    name: "ja4-platform-detect",
    summary: "scores and explains the clients that ja4-platform saw",
    depends: [COMMON],
  },
  web: {
    name: "ja4-platform-web",
    summary: "dashboard of ja4-platform",
    depends: [COMMON],
  },
  store: {
    name: "ja4-platform-store",
    summary: "embedded ClickHouse for ja4-platform",
    depends: [COMMON],
  },
  mod_reqin_log: {
    name: "libapache2-mod-reqin-log",
    summary: "sends one event per HTTP request to ja4-platform",
    depends: ["apache2-api-20120211"],
  },
};

/** Where Debian keeps what Enterprise Linux keeps elsewhere. */
const MOVED: Readonly<Record<string, string>> = {
  "/usr/lib64/httpd/modules/mod_reqin_log.so":
    "/usr/lib/apache2/modules/mod_reqin_log.so",
  "/etc/httpd/conf.d/reqin_log.conf":
    "/etc/apache2/mods-available/reqin_log.conf",
  "/usr/share/zsh/site-functions/_ja4ctl":
    "/usr/share/zsh/vendor-completions/_ja4ctl",
};

/** What {@linkcode buildDebs} takes. */
export interface DebOptions {
  /** Packed in seconds and larger; for tests. */
  readonly fast: boolean;
  readonly withStore: boolean;
  readonly out: string;
  /** Takes what an earlier run has bundled where the sources are the same. @default false */
  readonly reuse?: boolean;
}

/** Builds everything; returns the packages' paths. */
export async function buildDebs(options: DebOptions): Promise<string[]> {
  using _alone = await lockFolder(`${ROOT}dist`);
  await buildProducts(options.reuse === true);
  await ensureEmpty(options.out);
  const made: string[] = [];
  for (const [key, deb] of Object.entries(PACKAGES)) {
    if (key === "store" && !options.withStore) continue;
    const entries = layoutOf("shared").filter((entry) => entry.package === key)
      .map(
        (entry) => ({ ...entry, path: MOVED[entry.path] ?? entry.path }),
      );
    made.push(await pack(deb, entries, options));
  }
  return made;
}

async function pack(
  deb: DebPackage,
  entries: readonly Entry[],
  { fast, out }: DebOptions,
): Promise<string> {
  const tree = `${ROOT}dist/deb/${deb.name}`;
  await ensureEmpty(`${tree}/DEBIAN`);
  for (const entry of entries) await place(entry, tree);
  if (deb.name === PACKAGES.mod_reqin_log.name) await writeLoader(tree);
  const configs = entries.filter(({ config }) => config === true);
  const write = async (
    name: string,
    text: string,
    mode: number,
  ): Promise<void> => {
    await Deno.writeTextFile(`${tree}/DEBIAN/${name}`, text);
    await Deno.chmod(`${tree}/DEBIAN/${name}`, mode);
  };
  await write("control", control(deb), 0o644);
  await write(
    "conffiles",
    configs.map(({ path }) => `${path}\n`).join(""),
    0o644,
  );
  await write("postinst", postinst(deb, entries), 0o755);
  await write("prerm", prerm(entries), 0o755);
  const path = `${out}/${deb.name}_${VERSION}_amd64.deb`;
  await run("dpkg-deb", [
    "--root-owner-group",
    fast ? "-Zgzip" : "-Zxz",
    ...fast ? ["-z1"] : [],
    "--build",
    tree,
    path,
  ], { env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE) } });
  await Deno.remove(tree, { recursive: true });
  return path;
}

/** Debian loads a module by a file of its own (`a2enmod reqin_log`), before its configuration. */
async function writeLoader(tree: string): Promise<void> {
  await Deno.writeTextFile(
    `${tree}/etc/apache2/mods-available/reqin_log.load`,
    "LoadModule reqin_log_module /usr/lib/apache2/modules/mod_reqin_log.so\n",
  );
}

function control(
  { name, summary, depends, recommends = [] }: DebPackage,
): string {
  return `Package: ${name}
Version: ${VERSION}
Architecture: amd64
Maintainer: ja4-platform authors <authors@example.org>
Depends: ${depends.join(", ")}
${
    recommends.length === 0
      ? ""
      : `Recommends: ${recommends.join(", ")}\n`
  }Section: net
Priority: optional
Homepage: https://example.org/ja4-platform
Description: ${summary}
 Tells browsers from bots by how they speak TLS.
`;
}

/** Users and folders first; then each file is its reader's, since they are not there when it is unpacked. */
function postinst(deb: DebPackage, entries: readonly Entry[]): string {
  const own = entries.filter(({ owner = "root", group = "root" }) =>
    owner !== "root" || group !== "root"
  );
  return `#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
${
    deb.name === PACKAGES.common.name
      ? `systemd-sysusers ja4-platform.conf
systemd-tmpfiles --create ja4-platform.conf || :
sysctl -q -p /usr/lib/sysctl.d/60-ja4-platform.conf >/dev/null 2>&1 || :
`
      : ""
  }${
    deb.name === PACKAGES.mod_reqin_log.name
      ? `getent group ja4-feed >/dev/null || groupadd -r ja4-feed
usermod -a -G ja4-feed www-data
`
      : ""
  }${
    own.map(({ path, owner = "root", group = "root", mode }) =>
      `chown ${owner}:${group} ${path}; chmod ${mode} ${path}\n`
    ).join("")
  }if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
${
    unitsOf(entries).map((unit) => `  systemctl try-restart ${unit} || :\n`)
      .join("")
  }fi
`;
}

function prerm(entries: readonly Entry[]): string {
  const units = unitsOf(entries).join(" ");
  return `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ] && [ -n "${units}" ]; then
  systemctl --no-reload disable --now ${units} >/dev/null 2>&1 || :
fi
`;
}

/** Units that run; those of timers are started by them. */
function unitsOf(entries: readonly Entry[]): string[] {
  return entries.map(({ path }) => path.slice(path.lastIndexOf("/") + 1))
    .filter((name) => /^ja4-\w+\.(service|socket)$|\.timer$/.test(name));
}

function parseOptions(args: string[]): DebOptions {
  try {
    const { values } = parseArgs({
      args,
      options: {
        fast: { type: "boolean", default: false },
        without: { type: "string", multiple: true },
        out: { type: "string", default: `${ROOT}dist/deb/packages` },
      },
    });
    const without = values.without ?? [];
    if (without.some((name) => name !== "store")) {
      throw new Error("only the store can be left out");
    }
    return {
      fast: values.fast,
      withStore: without.length === 0,
      out: values.out,
    };
  } catch (thrown) {
    throw new FatalError(
      "usage",
      `${
        messageOf(thrown)
      }\nUsage: deno task deb [--fast] [--without store] [--out FOLDER]`,
      { cause: thrown },
    );
  }
}

if (import.meta.main) {
  try {
    const packages = await buildDebs(parseOptions(Deno.args));
    Deno.stdout.writeSync(
      new TextEncoder().encode(packages.join("\n") + "\n"),
    );
    Deno.exit(EXIT.ok);
  } catch (thrown) {
    Deno.exit(report("deb", thrown));
  }
}
