/**
 * `deno task bundle [FOLDER]`: each program as one file, with what it reads beside it, as the
 * packages hold it. The same sources give the same bytes.
 *
 * @module
 */
import { copy, ensureEmpty } from "./files.ts";
import { fileURLToPath } from "node:url";
import { dirname } from "node:path";
import { permissionSets } from "../ctl/permissions.ts";
import { FatalError } from "../lib/errors.ts";
import { launcherFlags, SHARE } from "./flags.ts";
import { ASSETS, type PackagedProgram, PROGRAMS, WORKERS } from "./programs.ts";

/** Folder of the project. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * The dashboard starts from a file of its own: its build is imported by name, where the program of
 * the project looks for it at run time.
 */
const WEB_ENTRY = `// Written by the packaging.
import { main } from "../../lib/program.ts";
import { createProgram } from "../main.ts";
import server from "./server.js";
await main(createProgram(() => Promise.resolve(server)));
`;

/**
 * Writes the share folder: programs/, flags/ and a folder a part.
 *
 * @throws {FatalError} `software` with the bundler's messages.
 */
export async function bundle(out: string): Promise<void> {
  await ensureEmpty(out);
  await Deno.mkdir(`${out}/programs`);
  await Deno.mkdir(`${out}/flags`);
  await Deno.writeTextFile(`${ROOT}web/_fresh/packaged.js`, WEB_ENTRY);
  for (const program of PROGRAMS) {
    const script = `${program.folder}/${program.output}`;
    await bundleFile(program.entry, `${out}/${script}`);
    await Deno.symlink(`../${script}`, `${out}/programs/${program.name}`);
  }
  for (const { folder, entry } of WORKERS) {
    const name = entry.slice(entry.lastIndexOf("/") + 1);
    await bundleFile(entry, `${out}/${folder}/${name.replace(/ts$/, "js")}`);
    await renameWorker(`${out}/${folder}/main.js`, name);
  }
  for (const { from, to } of ASSETS) {
    await copy(`${ROOT}${from}`, `${out}/${to}`);
  }
  await writeFlags(out);
}

/** Writes a program and all that it imports as one file. */
export async function bundleFile(entry: string, output: string): Promise<void> {
  const { success, errors, outputFiles } = await Deno.bundle({
    entrypoints: [`${ROOT}${entry}`],
    outputPath: output,
    platform: "deno",
    format: "esm",
    write: false,
  });
  const [file] = outputFiles ?? [];
  if (!success || file === undefined) {
    throw new FatalError(
      "software",
      `Cannot bundle ${entry}:\n${errors.map(({ text }) => text).join("\n")}`,
    );
  }
  await Deno.mkdir(dirname(output), { recursive: true });
  await Deno.writeTextFile(output, withoutMachine(file.text()));
}

/**
 * The bundler notes where each module came from. That stays, as `npm:name@version/file` or a path of
 * the project; the folders of the machine that built it do not.
 */
function withoutMachine(code: string): string {
  return code
    .replaceAll(
      /[^\s"']*\/npm\/[^/\s]+\/((?:@[^/\s]+\/)?[^/\s]+)\/(\d[^/\s]*)\//g,
      "npm:$1@$2/",
    )
    .replaceAll(ROOT, "");
}

/** A thread's file is named in the code by its source, and is JavaScript in the package. */
async function renameWorker(file: string, name: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const named = `new URL("./${name}", import.meta.url)`;
  if (text.split(named).length !== 2) {
    throw new FatalError("software", `${file} does not name ${name} once`);
  }
  await Deno.writeTextFile(
    file,
    text.replace(named, named.replace(/\.ts"/, '.js"')),
  );
}

async function writeFlags(out: string): Promise<void> {
  const named = PROGRAMS.flatMap(({ permissions }) => permissions ?? []);
  const sets = permissionSets(
    await Deno.readTextFile(`${ROOT}deno.json`),
    named,
  );
  for (const program of PROGRAMS) {
    const { permissions, name } = program;
    const set = permissions === undefined ? undefined : sets.get(permissions);
    await Deno.writeTextFile(
      `${out}/flags/${name}`,
      flagsText(program, launcherFlags(program, set)),
    );
  }
}

function flagsText(
  { name, permissions }: PackagedProgram,
  flags: readonly string[],
): string {
  const source = permissions === undefined
    ? "all permissions"
    : `permission set "${permissions}" of deno.json`;
  return `# ${name}: ${source}, for ${SHARE}\n${flags.join("\n")}\n`;
}

if (import.meta.main) {
  const out = Deno.args[0] ?? `${ROOT}dist/share`;
  await bundle(out);
}
