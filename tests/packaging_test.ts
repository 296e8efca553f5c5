/** What the packages are made of: the same bytes twice, the pinned files, the flags, and what rpmlint says. */
import assert from "node:assert/strict";
import { permissionSets } from "../ctl/permissions.ts";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { launcherFlags } from "../packaging/flags.ts";
import { LAYOUT } from "../packaging/layout.ts";
import { PROGRAMS } from "../packaging/programs.ts";
import { buildRpms } from "../packaging/rpm.ts";
import { manual } from "../packaging/manuals.ts";
import { run } from "../packaging/run.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const GOLDEN = new URL("../packaging/rpm/files.txt", import.meta.url);

const canBuild = needs(exists("/usr/bin/rpmbuild"), "no rpmbuild");

/** Releases that the packages are built for in this test, each with what it requires. */
const GLIBC_MAX = 28;

async function build(dists: readonly string[], out: string): Promise<string[]> {
  return await buildRpms({ dists, fast: true, withStore: false, out });
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
    const first = await build(["el8", "el9", "el10"], `${folder.path}/first`);
    await t.step("every package for every release", () => {
      assert.equal(first.length, 3 * 7);
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
    await t.step("rpmlint finds nothing that is not meant", async () => {
      const output = await run("rpmlint", [
        "--config",
        `${ROOT}packaging/rpm/rpmlint.toml`,
        ...first.filter((path) => path.includes("/el9/")),
      ]);
      assert.match(output, / 0 errors, 0 warnings/);
    });
    await t.step(
      "the module asks for no newer C library than el8 has",
      async () => {
        const symbols = await run("objdump", [
          "-T",
          `${ROOT}dist/mod_reqin_log.so`,
        ]);
        const versions = [...symbols.matchAll(/GLIBC_2\.(\d+)/g)].map((
          [, minor],
        ) => Number(minor));
        assert.ok(versions.length > 0);
        assert.ok(
          Math.max(...versions) <= GLIBC_MAX,
          String(Math.max(...versions)),
        );
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

Deno.test("every path is in one package", () => {
  const paths = LAYOUT.map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
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
