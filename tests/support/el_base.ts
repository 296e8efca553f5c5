/** A stand-in for what an Enterprise Linux has of what the packages require. @module */
import { run } from "../../packaging/run.ts";

/** Names that the packages require, as an Enterprise Linux has them. */
const PROVIDES = [
  "glibc = 2.34",
  "libgcc_s.so.1()(64bit)",
  "libpcap = 14:1.10.0",
  "httpd-mmn = 20120211x8664",
  "shadow-utils",
  "logrotate",
  "policycoreutils",
  "/bin/sh",
];

/** Makes a package in `folder` that has the names and no files; returns its path. */
export async function buildElBase(folder: string): Promise<string> {
  const spec = `${folder}/el-base.spec`;
  await Deno.writeTextFile(
    spec,
    `Name: el-base\nVersion: 9\nRelease: 1\nSummary: Stand-in\nLicense: MIT\nBuildArch: noarch\n${
      PROVIDES.map((name) => `Provides: ${name}`).join("\n")
    }\n%description\nStand-in.\n%files\n`,
  );
  await run("rpmbuild", ["-bb", "--define", `_topdir ${folder}/base`, spec]);
  return `${folder}/base/RPMS/noarch/el-base-9-1.noarch.rpm`;
}
