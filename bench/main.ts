/**
 * `deno task bench [NAME...]`: runs `bench/NAME_bench.ts`, all of them without a name. Each prints
 * one JSON line a figure: name, value, unit, baseline, ratio, command. They run one after another,
 * since each compares with a baseline of the same run.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const SUFFIX = "_bench.ts";

function benchmarks(): string[] {
  return [...Deno.readDirSync(FOLDER)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .sort();
}

async function main(wanted: readonly string[]): Promise<number> {
  const known = benchmarks();
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const text = `bench: no such benchmark: ${unknown.join(", ")}; there are ${
      known.join(", ")
    }\n`;
    await Deno.stderr.write(new TextEncoder().encode(text));
    return 64;
  }
  let failed = 0;
  for (const name of wanted.length === 0 ? known : wanted) {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-net", `${FOLDER}${name}${SUFFIX}`],
      stdin: "null",
    }).spawn().status;
    if (!success) failed++;
  }
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
