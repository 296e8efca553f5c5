/** The compiled parts of the packages: launcher, Apache module, SELinux policy. @module */
import { ROOT } from "./bundle.ts";
import { run } from "./run.ts";

/** The launcher, static: it runs on every release. `folders`: where it looks, for tests. */
export async function buildLauncher(
  output: string,
  folders: Readonly<Partial<Record<"LIBEXEC" | "SHARE" | "ETC", string>>> = {},
): Promise<void> {
  await run("gcc", [
    ...Object.entries(folders).map(([name, path]) => `-D${name}="${path}"`),
    "-std=gnu11",
    "-O2",
    "-static",
    "-s",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffile-prefix-map=" + ROOT + "=",
    "-Wl,--build-id=none",
    "-o",
    output,
    `${ROOT}packaging/ja4-run.c`,
  ]);
}

/** mod_reqin_log.so. httpd checks the major number of its module interface, the same in every 2.4. */
export async function buildModule(output: string): Promise<void> {
  await run("make", ["--silent", "-C", `${ROOT}apache`]);
  await run("strip", [
    "--strip-unneeded",
    "--remove-section=.note.gnu.build-id",
    "-o",
    output,
    `${ROOT}apache/mod_reqin_log.so`,
  ]);
}

/** ja4_platform.pp in `folder`, in the policy version of Enterprise Linux 8. */
export async function buildPolicy(folder: string): Promise<void> {
  const source = `${ROOT}packaging/selinux/ja4_platform`;
  const module = `${folder}/ja4_platform.mod`;
  await run("checkmodule", [
    "-M",
    "-m",
    "-c",
    "19",
    "-o",
    module,
    `${source}.te`,
  ]);
  await run("semodule_package", [
    "-o",
    `${folder}/ja4_platform.pp`,
    "-m",
    module,
    "-f",
    `${source}.fc`,
  ]);
  await Deno.remove(module);
}
