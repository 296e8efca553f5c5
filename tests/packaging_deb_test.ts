/** The Debian packages: the same bytes twice, the same files as the RPMs, installed and purged. */
import assert from "node:assert/strict";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { buildDebs } from "../packaging/deb.ts";
import { layoutOf } from "../packaging/layout.ts";
import { run } from "../packaging/run.ts";

/** What is done in an overlay of this machine's root: installed, looked at, purged. */
const INSTALL = `set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=$DIR/upper,workdir=$DIR/work" "$DIR/root"
mount --bind "$DIR/debs" "$DIR/root/mnt"
mount -t proc proc "$DIR/root/proc"; mount --rbind /dev "$DIR/root/dev"; mount -t tmpfs tmpfs "$DIR/root/run"
in_root() { chroot "$DIR/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
in_root sh -c 'dpkg -i /mnt/*.deb' >/dev/null 2>"$DIR/errors" || { cat "$DIR/errors"; exit 1; }
in_root sh -c 'dpkg -V $(dpkg-query -W -f "\\\${Package}\\n" "ja4-platform-*" libapache2-mod-reqin-log)'
in_root ja4ctl --version
in_root stat -c '%a %U:%G %n' /etc/ja4-platform/web.toml /run/ja4 /etc/ja4-platform/secrets
in_root apache2 -t -C "ServerRoot /etc/apache2" -C "ServerName x" -C "ErrorLog /dev/stderr" -C "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so" \\
  -C "Include /etc/apache2/mods-available/reqin_log.load" -C "Include /etc/apache2/mods-available/reqin_log.conf" -f /dev/null 2>&1 | tail -1
in_root dpkg -P libapache2-mod-reqin-log ja4-platform-capture ja4-platform-correlate ja4-platform-detect ja4-platform-web ja4-platform-common >/dev/null
in_root sh -c 'ls /usr/bin/ja4* /etc/ja4-platform/*.toml 2>/dev/null | wc -l'
`;

Deno.test({
  name: "Debian packages: reproducible, complete, installed and purged",
  ...needs(
    exists("/usr/bin/dpkg-deb") && exists("/usr/bin/rpmbuild") &&
      Deno.uid() === 0,
    "needs root and dpkg",
  ),
  async fn(t) {
    await using folder = await temporaryFolder();
    const at = (name: string): string => `${folder.path}/${name}`;
    const options = { fast: true, withStore: false, reuse: true };
    const debs = await buildDebs({ ...options, out: at("debs") });
    await t.step("the same bytes twice", async () => {
      const again = await buildDebs({ ...options, out: at("again") });
      const digests = async (paths: readonly string[]): Promise<string[]> =>
        (await run("sha256sum", paths)).trim().split("\n").map((line) =>
          line.slice(0, 64)
        );
      assert.deepEqual(await digests(again), await digests(debs));
    });
    await t.step(
      "every command, unit and configuration of the layout",
      async () => {
        let list = "";
        for (const path of debs) list += await run("dpkg-deb", ["-c", path]);
        for (const { path, package: name } of layoutOf("shared")) {
          if (["store", "selinux", "mod_reqin_log"].includes(name)) continue;
          if (!/^\/(usr\/bin|usr\/lib|etc)\//.test(path)) continue;
          assert.ok(list.includes(` .${path}`), path);
        }
      },
    );
    await t.step("installed, verified, loaded by httpd, purged", async () => {
      for (const name of ["upper", "work", "root"]) await Deno.mkdir(at(name));
      const output = await run("unshare", ["--mount", "sh", "-c", INSTALL], {
        env: { DIR: folder.path },
      });
      const lines = output.trim().split("\n");
      assert.match(lines[0] ?? "", /^ja4ctl \d/, output);
      assert.deepEqual(lines.slice(1), [
        "640 root:ja4-web /etc/ja4-platform/web.toml",
        "2755 ja4:ja4-feed /run/ja4",
        "711 root:root /etc/ja4-platform/secrets",
        "Syntax OK",
        "0",
      ]);
    });
  },
});
