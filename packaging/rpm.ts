/**
 * `deno task rpm [--dist el9]... [--fast] [--without store] [--compiled] [--sign KEY] [--out FOLDER]`: the RPMs,
 * from what is built here. The same sources, tools and arguments give the same bytes.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { basename } from "node:path";
import { EXIT, FatalError } from "../lib/errors.ts";
import { report } from "../lib/program.ts";
import { VERSION } from "../lib/version.ts";
import { bundle, ROOT } from "./bundle.ts";
import { ensureEmpty, lockFolder } from "./files.ts";
import { checkDenort, compileAll } from "./compile.ts";
import { filesLine, layoutOf, PACKAGES, type Runtime } from "./layout.ts";
import { buildLauncher, buildModule, buildPolicy } from "./native.ts";
import { writeCompletions, writeManuals } from "./manuals.ts";
import { writeBill } from "./bill.ts";
import { run } from "./run.ts";
import { signRpms } from "./sign.ts";
import { place } from "./stage.ts";
import { sourcesDigest } from "./stamp.ts";

/** Enterprise Linux releases that packages are made for. */
const DISTS = ["el8", "el9", "el10"] as const;

/** Time stamp of everything in the packages: that of the version, not of the build. Seconds. */
export const SOURCE_DATE = 1_795_392_000;

interface Options {
  readonly dists: readonly string[];
  /** A payload that is packed in seconds and three times as large; for tests. */
  readonly fast: boolean;
  /** Without the embedded database, which is most of the bytes. */
  readonly withStore: boolean;
  readonly out: string;
  /** @default "shared" */
  readonly runtime?: Runtime;
  /** Takes what an earlier run has bundled where the sources are the same. @default false */
  readonly reuse?: boolean;
  /** Key of gpg's to sign with. */
  readonly sign?: string | undefined;
}

/** Builds everything; returns the packages' paths. */
export async function buildRpms(options: Options): Promise<string[]> {
  const { runtime = "shared" } = options;
  const work = `${ROOT}dist`;
  if (runtime === "compiled") await checkDenort();
  using _alone = await lockFolder(work);
  const versions = await buildProducts(options.reuse === true);
  if (runtime === "compiled") {
    await compileAll(`${work}/share`, `${work}/bin`);
  }
  const source = await makeSource(work, { ...options, runtime });
  const packages: string[] = [];
  for (const dist of options.dists) {
    packages.push(
      ...await packRpms(source, `${options.out}/${dist}`, {
        ...options,
        ...versions,
        runtime,
        dist,
        version: VERSION,
      }),
    );
  }
  if (options.sign !== undefined) await signRpms(packages, options.sign);
  for (const dist of options.dists) await writeSums(`${options.out}/${dist}`);
  return packages;
}

/** What the spec is told. */
export interface SpecOptions extends Pick<Options, "fast" | "withStore"> {
  /** Such as `el9`. */
  readonly dist: string;
  readonly version: string;
  readonly denoVersion: string;
  readonly chdbVersion: string;
  readonly runtime: Runtime;
}

/** Makes the RPMs of one release from a source archive, `ja4-platform-VERSION.tar.gz`, in `out`. */
export async function packRpms(
  source: string,
  out: string,
  options: SpecOptions,
): Promise<string[]> {
  const top = `${ROOT}dist/rpmbuild`;
  await ensureEmpty(top);
  await Deno.mkdir(`${top}/SOURCES`);
  await Deno.symlink(source, `${top}/SOURCES/${basename(source)}`);
  await run("rpmbuild", [
    "-bb",
    ...specDefines(options),
    ...defines({ _topdir: top }),
    SPEC,
  ], { env: { SOURCE_DATE_EPOCH: String(SOURCE_DATE) } });
  await ensureEmpty(out);
  const packages = await moveRpms(`${top}/RPMS`, out);
  await Deno.remove(top, { recursive: true });
  return packages;
}

export const SPEC = `${ROOT}packaging/rpm/ja4-platform.spec`;

/** The spec's macros, as arguments of rpmbuild and rpmspec. */
export function specDefines(options: SpecOptions): string[] {
  const { dist, version, denoVersion, chdbVersion, runtime } = options;
  return defines({
    dist: `.${dist}`,
    platform_version: version,
    deno_version: denoVersion,
    chdb_version: chdbVersion,
    _binary_payload: options.fast ? "w1.gzdio" : "w6.xzdio",
    _buildhost: "reproducible",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    ...options.withStore ? {} : { without_store: "1" },
    ...runtime === "compiled" ? { compiled: "1" } : {},
  });
}

/** Makes everything that is packed, in dist/; with `reuse` only where the sources have changed. */
export async function buildProducts(
  reuse: boolean,
): Promise<{ denoVersion: string; chdbVersion: string }> {
  const work = `${ROOT}dist`;
  await Deno.mkdir(work, { recursive: true });
  const stamp = `${work}/sources.sha256`;
  const digest = await sourcesDigest();
  const built = await Deno.readTextFile(stamp).catch(() => "");
  if (!reuse || built !== digest) {
    await Deno.writeTextFile(stamp, "");
    await makeProducts(work);
    await Deno.writeTextFile(stamp, digest);
  }
  return await writeBill(work);
}

async function makeProducts(work: string): Promise<void> {
  await run(Deno.execPath(), ["task", "--quiet", "build"], { cwd: ROOT });
  await bundle(`${work}/share`);
  await buildLauncher(`${work}/ja4-run`);
  await buildModule(`${work}/mod_reqin_log.so`);
  await buildPolicy(work);
  await writeManuals(`${work}/man`);
  await writeCompletions(`${work}/completions`);
  await Deno.copyFile(Deno.execPath(), `${work}/deno`);
}

/** Writes SHA256SUMS of a folder's packages, for `sha256sum -c`. */
async function writeSums(folder: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const sums = await run("sha256sum", names.sort(), { cwd: folder });
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, sums);
}

function defines(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap((
    [name, value],
  ) => ["--define", `${name} ${value}`]);
}

/** The source archive: the installed tree below root/, and the lists of files/. */
async function makeSource(
  work: string,
  { withStore, runtime }: { withStore: boolean; runtime: Runtime },
): Promise<string> {
  const name = `ja4-platform-${VERSION}`;
  const tree = `${work}/source/${name}`;
  await ensureEmpty(tree);
  await Deno.mkdir(`${tree}/files`);
  const lists = new Map<string, string[]>(PACKAGES.map((key) => [key, []]));
  for (const entry of layoutOf(runtime)) {
    if (entry.package === "store" && !withStore) continue;
    const isFolder = await place(entry, `${tree}/root`);
    lists.get(entry.package)?.push(filesLine(entry, isFolder));
  }
  for (const [key, lines] of lists) {
    await Deno.writeTextFile(
      `${tree}/files/${key}`,
      lines.sort().join("\n") + "\n",
    );
  }
  const archive = `${work}/source/${name}.tar.gz`;
  // Not packed, whatever its name says: it is read once, by the next command.
  await run("tar", [
    "--sort=name",
    `--mtime=@${SOURCE_DATE}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "-cf",
    archive,
    "-C",
    `${work}/source`,
    name,
  ]);
  await Deno.remove(tree, { recursive: true });
  return archive;
}

async function moveRpms(from: string, to: string): Promise<string[]> {
  const moved: string[] = [];
  for await (const arch of Deno.readDir(from)) {
    for await (const { name } of Deno.readDir(`${from}/${arch.name}`)) {
      await Deno.rename(`${from}/${arch.name}/${name}`, `${to}/${name}`);
      moved.push(`${to}/${name}`);
    }
  }
  return moved.sort();
}

function parseOptions(args: string[]): Options {
  try {
    const { values } = parseArgs({
      args,
      options: {
        dist: { type: "string", multiple: true },
        fast: { type: "boolean", default: false },
        without: { type: "string", multiple: true },
        compiled: { type: "boolean", default: false },
        sign: { type: "string" },
        out: { type: "string", default: `${ROOT}dist/rpm` },
      },
    });
    const unknown = values.dist?.find((dist) => !DISTS.includes(dist as never));
    if (unknown !== undefined) {
      throw new Error(
        `there is no "${unknown}"; there are ${DISTS.join(", ")}`,
      );
    }
    const without = values.without ?? [];
    if (without.some((name) => name !== "store")) {
      throw new Error("only the store can be left out");
    }
    return {
      dists: values.dist ?? DISTS,
      fast: values.fast,
      withStore: without.length === 0,
      out: values.out,
      runtime: values.compiled ? "compiled" : "shared",
      sign: values.sign,
    };
  } catch (thrown) {
    throw new FatalError(
      "usage",
      `${
        (thrown as Error).message
      }\nUsage: deno task rpm [--dist el8|el9|el10]... [--fast] [--without store] [--compiled] [--sign KEY] [--out FOLDER]`,
      { cause: thrown },
    );
  }
}

if (import.meta.main) {
  try {
    const packages = await buildRpms(parseOptions(Deno.args));
    Deno.stdout.writeSync(
      new TextEncoder().encode(packages.join("\n") + "\n"),
    );
    Deno.exit(EXIT.ok);
  } catch (thrown) {
    Deno.exit(report("rpm", thrown));
  }
}
