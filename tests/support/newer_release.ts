/** A release after this one, for tests of upgrades. @module */
import { VERSION } from "../../lib/version.ts";
import { lockFolder } from "../../packaging/files.ts";
import { packRpms } from "../../packaging/rpm.ts";
import { run } from "../../packaging/run.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A release after this one, and a line that its configuration has beside. */
export const NEWER = "99.0.0";
export const ADDED = "# What is new in this release";

/** The same files as the packages just built, as a newer release with another configuration of capture. */
export async function buildNewer(folder: string): Promise<string[]> {
  using _alone = await lockFolder(`${ROOT}dist`);
  const name = `ja4-platform-${NEWER}`;
  const source = `${folder}/${name}.tar.gz`;
  // The embedded database is most of the bytes, and upgrades as the others do.
  await run("sh", [
    "-c",
    `cd "$1" && tar -x --exclude=libchdb.so --transform "s|^[^/]*|$2|S" -f "$3" &&
     touch "$2/root/usr/lib64/ja4-platform/libchdb.so" &&
     echo "$4" >>"$2/root/etc/ja4-platform/capture.toml" &&
     tar --sort=name -cf "$2.tar.gz" "$2" && rm -r "$2"`,
    "sh",
    folder,
    name,
    `${ROOT}dist/source/ja4-platform-${VERSION}.tar.gz`,
    ADDED,
  ]);
  const packages = await packRpms(source, `${folder}/newer`, {
    dist: "el9",
    version: NEWER,
    denoVersion: Deno.version.deno,
    chdbVersion: "0",
    fast: true,
    withStore: true,
    runtime: "shared",
  });
  return packages.filter((path) => !path.includes("-store-"));
}
