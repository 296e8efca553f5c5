/**
 * `deno task compile [--out FOLDER]`: each program as one executable, for hosts that are to have no
 * shared runtime. It needs a denort, which only Deno's own release site has: from the variable
 * DENORT_BIN or from Deno's cache.
 *
 * `deno compile` reports success also for a file that does not run the program (a deno given as
 * DENORT_BIN), so every product is run, and what it says is compared with the program itself.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { EXIT, FatalError } from "../lib/errors.ts";
import { report } from "../lib/program.ts";
import { bundle, ROOT } from "./bundle.ts";
import { ensureEmpty } from "./files.ts";
import { type PackagedProgram, PROGRAMS } from "./programs.ts";
import { run } from "./run.ts";

/** Name of the archive that `deno compile` keeps below DENO_DIR. */
const DENORT_ZIP = "denort-x86_64-unknown-linux-gnu.zip";

/**
 * Compiles every program of a share folder (bundle.ts) into `out`; returns their paths.
 *
 * @throws {FatalError} `unavailable` without a denort, `software` if a product does not do what its program does.
 */
export async function compileAll(
  share: string,
  out: string,
): Promise<string[]> {
  await checkDenort();
  await ensureEmpty(out);
  const made: string[] = [];
  for (const program of PROGRAMS) {
    made.push(await compileProgram(program, share, out));
  }
  return made;
}

/** Compiles one program with the flags of its launcher, and compares what it says with the program itself. */
async function compileProgram(
  { name, folder, output }: PackagedProgram,
  share: string,
  out: string,
): Promise<string> {
  const product = `${out}/ja4-${name}`;
  const script = `${share}/${folder}/${output}`;
  const flags = (await Deno.readTextFile(`${share}/flags/${name}`))
    .split("\n").filter((line) => line.startsWith("--"));
  // The programs of ctl/ read the migrations beside their folder.
  const beside = folder === "ctl" ? [`--include=${share}/migrations`] : [];
  await run(Deno.execPath(), [
    "compile",
    ...flags,
    `--include=${share}/${folder}`,
    ...beside,
    "--output",
    product,
    script,
  ]);
  await compareWithSource(product, script);
  return product;
}

/** @throws {FatalError} `unavailable` with what to provide. */
export async function checkDenort(): Promise<void> {
  const given = Deno.env.get("DENORT_BIN");
  const cache = `${
    Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`
  }/dl/release/v${Deno.version.deno}/${DENORT_ZIP}`;
  const path = given ?? cache;
  try {
    await Deno.stat(path);
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot compile: there is no denort at "${path}".\n` +
        `Set DENORT_BIN to the denort of Deno ${Deno.version.deno}, or put its release archive there.\n` +
        `The packages do not need it: "deno task rpm" uses one shared runtime`,
      { cause: thrown },
    );
  }
}

/** @throws {FatalError} `software` if the product does not do what the program does. */
async function compareWithSource(
  product: string,
  script: string,
): Promise<void> {
  for (const option of ["--version", "--help"]) {
    const [want, got] = await Promise.all([
      run(Deno.execPath(), [
        "run",
        "-A",
        "--quiet",
        "--no-config",
        script,
        option,
      ]),
      run(product, [option]),
    ]);
    if (want === got) continue;
    throw new FatalError(
      "software",
      `${product} ${option} does not say what the program says, but:\n${
        got.split("\n").slice(0, 3).join("\n")
      }\nIs DENORT_BIN a denort, and not a deno?`,
    );
  }
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: { out: { type: "string", default: `${ROOT}dist/bin` } },
    });
    await checkDenort();
    const share = `${ROOT}dist/share`;
    await run(Deno.execPath(), ["task", "--quiet", "build"], { cwd: ROOT });
    await bundle(share);
    const made = await compileAll(share, values.out);
    Deno.stdout.writeSync(new TextEncoder().encode(made.join("\n") + "\n"));
    Deno.exit(EXIT.ok);
  } catch (thrown) {
    Deno.exit(report("compile", thrown));
  }
}
