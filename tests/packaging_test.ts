/** What the packages are made of: the same bytes twice, the pinned files, the flags, and what rpmlint says. */
import assert from "node:assert/strict";
import { permissionSets } from "../ctl/permissions.ts";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { chdbLibrary } from "../packaging/bill.ts";
import { compileAll } from "../packaging/compile.ts";
import { launcherFlags } from "../packaging/flags.ts";
import { layoutOf } from "../packaging/layout.ts";
import { PROGRAMS } from "../packaging/programs.ts";
import { buildRpms, SPEC, specDefines } from "../packaging/rpm.ts";
import { manual } from "../packaging/manuals.ts";
import { run } from "../packaging/run.ts";
import { isSigned, signRpms } from "../packaging/sign.ts";
import { buildElBase } from "./support/el_base.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const GOLDEN = new URL("../packaging/rpm/files.txt", import.meta.url);

const canBuild = needs(exists("/usr/bin/rpmbuild"), "no rpmbuild");

/** The C library of Enterprise Linux 8 is 2.28. */
const GLIBC_MAX = 28;

async function build(
  dists: readonly string[],
  out: string,
  { reuse = false }: { reuse?: boolean } = {},
): Promise<string[]> {
  return await buildRpms({ dists, fast: true, withStore: false, reuse, out });
}

async function digests(paths: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const path of paths) {
    const [digest] = (await run("sha256sum", [path])).split(" ");
    lines.push(`${digest} ${path.slice(path.lastIndexOf("/") + 1)}`);
  }
  return lines;
}

Deno.test({
  name: "packages: the same bytes twice, the pinned files, clean for rpmlint",
  ...canBuild,
  async fn(t) {
    await using folder = await temporaryFolder();
    const first = await build(["el8", "el9", "el10"], `${folder.path}/first`, {
      reuse: true,
    });
    await t.step("every package for every release", () => {
      assert.equal(first.length, 3 * 7);
    });
    await t.step("their checksums lie beside them", async () => {
      await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], {
        cwd: `${folder.path}/first/el9`,
      });
    });
    await t.step("two builds give identical packages", async () => {
      const again = await build(["el9"], `${folder.path}/again`);
      const el9 = first.filter((path) => path.includes("/el9/"));
      assert.deepEqual(await digests(again), await digests(el9));
    });
    await t.step("files, modes and owners are the pinned ones", async () => {
      let list = "";
      for (const path of first.filter((path) => path.includes("/el9/"))) {
        const name = path.slice(path.lastIndexOf("/") + 1);
        const files = await run("rpm", [
          "-qp",
          "--queryformat",
          "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]",
          path,
        ]);
        list += `${name.replace(/-\d.*/, "")}\n${
          files.trimEnd().replaceAll(/^/gm, "  ")
            // What the sources alone decide: migrations, and the dashboard's files and islands.
            .replaceAll(
              /^.*\/(migrations\/\d|web\/static\/|web\/_fresh\/js\/).*\n/gm,
              "",
            )
        }\n`;
      }
      if (Deno.env.get("JA4_TEST_UPDATE") === "1") {
        await Deno.writeTextFile(GOLDEN, list);
      }
      assert.equal(list, await Deno.readTextFile(GOLDEN));
    });
    await t.step("a deno in the place of a denort is found out", async () => {
      const out = `${folder.path}/bin`;
      Deno.env.set("DENORT_BIN", Deno.execPath());
      try {
        await assert.rejects(
          compileAll(`${ROOT}dist/share`, out),
          /ja4-capture --version does not say what the program says.*Is DENORT_BIN a denort, and not a deno\?/s,
        );
      } finally {
        Deno.env.delete("DENORT_BIN");
      }
    });
    await t.step("rpmlint finds nothing that is not meant", async () => {
      const output = await run("rpmlint", [
        "--config",
        `${ROOT}packaging/rpm/rpmlint.toml`,
        ...first.filter((path) => path.includes("/el9/")),
      ]);
      assert.match(output, / 0 errors, 0 warnings/);
    });
    await t.step(
      "a package that was signed is known by its key, and one that was changed is not",
      async () => {
        const small = first.find((path) =>
          path.includes("/el9/") && path.includes("-selinux-")
        ) ?? "";
        const copy = `${folder.path}/signed.rpm`;
        await Deno.copyFile(small, copy);
        assert.ok(!await isSigned(copy));
        await using key = await throwawayKey();
        await signRpms([copy], key.id);
        assert.ok(await isSigned(copy));
        const db = ["--dbpath", `${folder.path}/rpmdb`];
        await run("rpm", [...db, "--import", key.file]);
        assert.match(await run("rpm", [...db, "-Kv", copy]), /Signature.*: OK/);
        const bytes = await Deno.readFile(copy);
        bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
        await Deno.writeFile(copy, bytes);
        await assert.rejects(run("rpm", [...db, "-Kv", copy]), /NOT OK|BAD/);
      },
    );
    await t.step({
      name:
        "dnf resolves them against the names that el has, into an empty root",
      ...needs(exists("/usr/bin/dnf"), "no dnf"),
      fn: async () =>
        await installByDnf(
          first.filter((path) =>
            path.includes("/el9/")
          ),
          folder.path,
        ),
    });
    await t.step(
      "nothing asks for a newer C library than el8 has",
      async () => {
        for (
          const path of [
            `${ROOT}dist/mod_reqin_log.so`,
            `${ROOT}dist/deno`,
            chdbLibrary(),
          ]
        ) {
          const text = await run("readelf", ["--version-info", "--wide", path]);
          const versions = [...text.matchAll(/GLIBC_2\.(\d+)/g)]
            .map(([, minor]) => Number(minor));
          assert.ok(versions.length > 0, path);
          assert.ok(Math.max(...versions) <= GLIBC_MAX, path);
        }
      },
    );
    await t.step("the launcher needs no library at all", async () => {
      const headers = await run("objdump", ["-p", `${ROOT}dist/ja4-run`]);
      assert.doesNotMatch(headers, /NEEDED/);
    });
    await t.step(
      "a bundle says nothing of the machine that made it",
      async () => {
        const { code } = await new Deno.Command("grep", {
          args: [
            "-rlE",
            `${ROOT}|/npm/|\\.cache/`,
            `${ROOT}dist/share`,
          ],
          stdout: "null",
        }).output();
        assert.equal(code, 1);
      },
    );
  },
});

/** A key of gpg's in a folder of its own, for the time of a test. */
async function throwawayKey(): Promise<
  { id: string; file: string } & AsyncDisposable
> {
  const home = await temporaryFolder();
  const before = Deno.env.get("GNUPGHOME");
  Deno.env.set("GNUPGHOME", home.path);
  const id = "packager@example.org";
  const gpg = (...args: string[]): Promise<string> =>
    run("gpg", [
      "--batch",
      "--quiet",
      "--pinentry-mode",
      "loopback",
      "--passphrase",
      "",
      ...args,
    ]);
  await gpg("--quick-generate-key", id, "rsa2048", "sign", "1d");
  const file = `${home.path}/key.asc`;
  await Deno.writeTextFile(file, await gpg("--armor", "--export", id));
  return {
    id,
    file,
    async [Symbol.asyncDispose](): Promise<void> {
      await run("gpgconf", ["--kill", "all"]);
      if (before === undefined) Deno.env.delete("GNUPGHOME");
      else Deno.env.set("GNUPGHOME", before);
      await home[Symbol.asyncDispose]();
    },
  };
}

/** The files behind the names are not there: scriptlets run in the test under systemd. */
async function installByDnf(
  packages: readonly string[],
  folder: string,
): Promise<void> {
  const root = `${folder}/root`;
  const dnf = (...args: string[]): Promise<string> =>
    run("dnf", [
      "-y",
      `--installroot=${root}`,
      "--releasever=9",
      "--disablerepo=*",
      "--setopt=tsflags=noscripts",
      "--setopt=reposdir=/nonexistent",
      "--setopt=gpgcheck=0",
      "--setopt=localpkg_gpgcheck=0",
      ...args,
    ]);
  const base = await buildElBase(folder);
  await assert.rejects(dnf("install", ...packages), /nothing provides/);
  await dnf("install", base, ...packages);
  for (const path of ["usr/bin/ja4ctl", "etc/ja4-platform/capture.toml"]) {
    await Deno.lstat(`${root}/${path}`);
  }
  await dnf("remove", "ja4-platform-common");
  await assert.rejects(Deno.lstat(`${root}/usr/bin/ja4ctl`));
}

Deno.test("the launcher's flags are the permission sets of deno.json, and what a unit needs", async () => {
  const denoJson = await Deno.readTextFile(`${ROOT}deno.json`);
  for (const program of PROGRAMS) {
    const { permissions, daemon } = program;
    if (permissions === undefined) {
      assert.ok(launcherFlags(program, undefined).includes("--allow-all"));
      continue;
    }
    const set = permissionSets(denoJson, [permissions]).get(permissions) ?? {};
    const flags = launcherFlags(program, set);
    for (
      const flag of ["--no-npm", "--no-remote", "--no-config", "--no-prompt"]
    ) {
      assert.ok(flags.includes(flag), `${program.name} ${flag}`);
    }
    const given = new Map(
      flags.flatMap((flag) => {
        const [, kind, values] = /^--allow-(\w+)(?:=(.*))?$/.exec(flag) ?? [];
        return kind === undefined ? [] : [[kind, values?.split(",")]] as const;
      }),
    );
    for (const [kind, value] of Object.entries(set)) {
      if (value === true) assert.ok(given.has(kind), `${program.name} ${kind}`);
      if (!Array.isArray(value)) continue;
      const own = value.filter((item: string) =>
        item.startsWith("/") || (kind !== "read" && kind !== "write")
      );
      const extra = (given.get(kind) ?? []).filter((item) =>
        !own.includes(item)
      );
      for (const item of own) {
        assert.ok(given.get(kind)?.includes(item), `${program.name} ${item}`);
      }
      const allowed =
        /^(NOTIFY_SOCKET|WATCHDOG_USEC|RUNTIME_DIRECTORY|(unix:)?\/run\/(systemd\/notify|ja4-\w+(\/\w+\.socket)?)|\/usr\/share\/ja4-platform\/\w+)$/;
      for (const item of extra) {
        assert.match(item, allowed, `${program.name} --allow-${kind}`);
        assert.ok(daemon || item.startsWith("/usr/share/"), item);
      }
    }
  }
});

Deno.test({
  name: "the snippets for a web server before the dashboard are accepted by it",
  ...needs(
    exists("/usr/sbin/nginx") && exists("/usr/sbin/apache2"),
    "no nginx or httpd",
  ),
  async fn() {
    await using folder = await temporaryFolder();
    const cert = `${folder.path}/cert.pem`;
    await run("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x"
        .split(" "),
      "-keyout",
      cert,
      "-out",
      `${folder.path}/public.pem`,
    ]);
    const pem = await Deno.readTextFile(`${folder.path}/public.pem`);
    await Deno.writeTextFile(cert, pem, { append: true });
    const snippet = async (name: string): Promise<string> => {
      const text = await Deno.readTextFile(
        `${ROOT}packaging/dashboard/${name}`,
      );
      const path = `${folder.path}/${name}`;
      await Deno.writeTextFile(
        path,
        text.replaceAll(/\/etc\/pki\S+\.(pem|key)/g, cert),
      );
      return path;
    };
    const main = `${folder.path}/main.conf`;
    await Deno.writeTextFile(
      main,
      `pid ${folder.path}/pid; error_log stderr; events {} http { access_log off; include ${await snippet(
        "nginx.conf",
      )}; }`,
    );
    await run("nginx", ["-t", "-q", "-p", folder.path, "-c", main]);
    const modules = "/usr/lib/apache2/modules";
    await run("apache2", [
      "-t",
      "-f",
      "/dev/null",
      ...[
        "ServerRoot /tmp",
        "ServerName x",
        "ErrorLog /dev/stderr",
        ...[
          "mpm_event",
          "authz_core",
          "socache_shmcb",
          "ssl",
          "proxy",
          "proxy_http",
        ]
          .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`),
        `Include ${await snippet("httpd.conf")}`,
      ].flatMap((line) => ["-C", line]),
    ]);
  },
});

const RUNTIMES = ["shared", "compiled"] as const;

Deno.test("every path is in one package", () => {
  for (const runtime of RUNTIMES) {
    const paths = layoutOf(runtime).map(({ path }) => path);
    assert.equal(new Set(paths).size, paths.length);
  }
});

Deno.test("compiled programs take the place of the runtime and its code, and of nothing else", () => {
  const [shared, compiled] = RUNTIMES.map((runtime) =>
    layoutOf(runtime).map((entry) => `${entry.package} ${entry.path}`)
  ).map((lines) => new Set(lines));
  assert.ok(shared !== undefined && compiled !== undefined);
  assert.deepEqual(
    [...compiled.difference(shared)],
    [
      "common /usr/libexec/ja4-platform/bin",
      ...PROGRAMS.map(({ name, folder }) =>
        `${
          folder === "ctl" ? "common" : folder
        } /usr/libexec/ja4-platform/bin/ja4-${name}`
      ),
    ],
  );
  const share = "/usr/share/ja4-platform";
  for (const line of shared.difference(compiled)) {
    const [name, path = ""] = line.split(" ");
    assert.ok(
      path === "/usr/libexec/ja4-platform/deno" ||
        path.startsWith(`${share}/programs`) || path === `${share}/${name}` ||
        [`${share}/ctl`, `${share}/migrations`].includes(path),
      line,
    );
  }
});

Deno.test({
  name:
    "one spec for both: compiled parts are of a processor, and need what Deno needs",
  ...needs(exists("/usr/bin/rpmspec"), "no rpmbuild"),
  async fn() {
    const ask = async (runtime: typeof RUNTIMES[number]): Promise<string[]> => {
      const output = await run("rpmspec", [
        "-q",
        "--queryformat",
        "%{name} %{arch} [%{requires} ][%{provides} ]\n",
        ...specDefines({
          dist: "el9",
          version: "1",
          denoVersion: "2",
          chdbVersion: "3",
          fast: true,
          withStore: true,
          runtime,
        }),
        SPEC,
      ]);
      return output.trim().split("\n");
    };
    const [shared, compiled] = [await ask("shared"), await ask("compiled")];
    const others = compiled.filter((line) => !shared.includes(line));
    assert.deepEqual(
      others.map((line) => line.split(" ")[0]),
      ["capture", "correlate", "detect", "web", "store"].map((part) =>
        `ja4-platform-${part}`
      ),
    );
    for (const line of others) assert.match(line, / x86_64 .*bundled\(deno\)/);
  },
});

Deno.test.each([
  { command: "compile.ts", args: [] },
  { command: "rpm.ts", args: ["--compiled"] },
])("packaging/$command says what it lacks without a denort", async ({
  command,
  args,
}) => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}packaging/${command}`, ...args],
    cwd: ROOT,
    env: { DENORT_BIN: "/nonexistent/denort", NO_COLOR: "1" },
    stdout: "null",
  }).output();
  assert.equal(code, 69);
  assert.match(
    new TextDecoder().decode(stderr),
    /Cannot compile: there is no denort at "\/nonexistent\/denort"\.\nSet DENORT_BIN/,
  );
});

Deno.test("manual() keeps what a help says, whatever it begins with", () => {
  const page = manual(
    "ja4-sample",
    "Does it.\n\nUsage: ja4-sample [OPTIONS]\n\n.dot and 'quote\n  back\\slash -x\n",
  );
  assert.match(page, /^ja4\\-sample \\- Does it$/m);
  assert.match(page, /^\.B ja4\\-sample \[OPTIONS\]$/m);
  assert.match(page, /^\\&\.dot and 'quote$/m);
  assert.match(page, /^ {2}back\\eslash \\-x$/m);
});
