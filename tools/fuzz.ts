/**
 * Fuzzes the parser: `deno task fuzz [--seconds N | --runs N] [--jobs N] [--minimize] [TARGET...]`.
 *
 * The targets of wasm/fuzz run under libFuzzer. Each run begins with the corpus in wasm/fuzz/corpus,
 * one input a line in base64, and keeps what it finds in wasm/target/fuzz-corpus; `--minimize` takes
 * of that what reaches more of the parser into the repository. A finding is written to
 * wasm/target/fuzz-findings and the exit code is 1. One JSON line a target says how often it ran.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { seedsOf, type Target, TARGETS } from "../tests/support/fuzz_seeds.ts";
import { findToolchain, type Ran } from "./rust_toolchain.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CRATE = `${ROOT}wasm/fuzz`;
const BUILT = `${ROOT}wasm/target/fuzz`;
const FOUND = `${ROOT}wasm/target/fuzz-corpus`;
const FINDINGS = `${ROOT}wasm/target/fuzz-findings`;

/** Longest inputs, bytes: what the targets need for a few packets. */
const LONGEST: Readonly<Record<Target, number>> = {
  link: 512,
  ip: 1024,
  tls: 1024,
  ja4: 1024,
  quic: 2048,
  dtls: 2048,
  tcp: 2048,
  file: 2048,
};

/** What one target did. */
export interface FuzzResult {
  readonly target: string;
  readonly executions: number;
  readonly seconds: number;
  /** Edges of the parser's control flow that were reached. */
  readonly edges?: number;
  /** Path of the input that was found to break it, or what else went wrong. */
  readonly finding?: string;
  /** End of the fuzzer's log, if there is a finding. */
  readonly log?: string;
}

/** How long to fuzz. */
export interface FuzzOptions {
  readonly targets: readonly Target[];
  /** Seconds for each target; ends earlier after `runs` executions. */
  readonly seconds?: number;
  readonly runs?: number;
  /** Targets at a time. */
  readonly jobs: number;
}

/** Runs the targets; each result is given to `onResult` as it comes. */
export async function fuzz(
  options: FuzzOptions,
  onResult: (result: FuzzResult) => void,
): Promise<void> {
  const built = await buildTargets();
  const waiting = [...options.targets];
  const work = async (): Promise<void> => {
    while (true) {
      const target = waiting.shift();
      if (target === undefined) return;
      onResult(
        built.success
          ? await runTarget(target, options)
          : { target, executions: 0, seconds: 0, ...failed("build", built) },
      );
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
}

/** Compiles the targets with the first toolchain that works. */
export async function buildTargets(): Promise<Ran> {
  const toolchain = await findToolchain(run);
  if (toolchain === undefined) {
    return { success: false, output: "no Rust toolchain\n" };
  }
  return await run("env", [
    `PATH=${toolchain.folder}:${Deno.env.get("PATH") ?? ""}`,
    `RUSTC_WRAPPER=${CRATE}/rustc.sh`,
    "cargo",
    "build",
    "--quiet",
    "--release",
    "--locked",
    `--manifest-path=${CRATE}/Cargo.toml`,
    `--target-dir=${BUILT}`,
  ]);
}

async function runTarget(
  target: Target,
  options: FuzzOptions,
): Promise<FuzzResult> {
  await Deno.mkdir(FINDINGS, { recursive: true });
  const startedMs = performance.now();
  const result = await runLibFuzzer(target, options);
  const { output } = result;
  const executions = Number(
    /number_of_executed_units: (\d+)/.exec(output)?.[1] ?? 0,
  );
  const edges = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1];
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  return {
    target,
    executions,
    seconds,
    ...edges === undefined ? {} : { edges: Number(edges) },
    ...result.success && executions > 0 ? {} : failed(target, result),
  };
}

async function runLibFuzzer(
  target: Target,
  options: FuzzOptions,
): Promise<Ran> {
  const folder = `${FOUND}/${target}`;
  await unpack(target, folder);
  return await run(`${BUILT}/release/${target}`, [
    `-max_len=${LONGEST[target]}`,
    `-max_total_time=${options.seconds ?? 0}`,
    `-runs=${options.runs ?? -1}`,
    // Inputs take microseconds; seconds of the clock go by where a machine is busy.
    "-timeout=25",
    // Nothing allocates but the fuzzer; its limit would count the memory of this process as well.
    "-rss_limit_mb=0",
    "-malloc_limit_mb=64",
    "-print_final_stats=1",
    `-artifact_prefix=${FINDINGS}/${target}-`,
    folder,
  ]);
}

function failed(
  target: string,
  { output }: Ran,
): Pick<FuzzResult, "finding" | "log"> {
  const written = /Test unit written to (\S+)/.exec(output)?.[1];
  return {
    finding: written ?? `${target} did not end well`,
    log: output.split("\n").slice(-40).join("\n"),
  };
}

/** Writes the corpus of `target` into `folder`, a file an input; what is there stays. */
async function unpack(target: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [index, input] of (await readCorpus(target)).entries()) {
    await Deno.writeFile(`${folder}/kept-${index}`, input);
  }
}

/** The inputs of `target` in the repository. */
export async function readCorpus(target: string): Promise<Uint8Array[]> {
  const text = await Deno.readTextFile(`${CRATE}/corpus/${target}.txt`)
    .catch(() => "");
  return text.split("\n").filter((line) => line !== "")
    .map((line) => Uint8Array.fromBase64(line));
}

/** Takes the fewest of the seeds and of what was found that reach all that those reach. */
async function minimize(target: Target): Promise<void> {
  const all = `${FOUND}/${target}`;
  const least = await Deno.makeTempDir({ prefix: "ja4-fuzz-" });
  try {
    await unpack(target, all);
    for (const [index, seed] of seedsOf(target).entries()) {
      await Deno.writeFile(`${all}/seed-${index}`, seed);
    }
    const merged = await run(`${BUILT}/release/${target}`, [
      "-merge=1",
      // Which branches are taken, and not how often: fewer inputs do.
      "-use_counters=0",
      `-max_len=${LONGEST[target]}`,
      least,
      all,
    ]);
    if (!merged.success) throw new Error(merged.output);
    const lines: string[] = [];
    for await (const { name } of Deno.readDir(least)) {
      lines.push((await Deno.readFile(`${least}/${name}`)).toBase64());
    }
    await Deno.mkdir(`${CRATE}/corpus`, { recursive: true });
    await Deno.writeTextFile(
      `${CRATE}/corpus/${target}.txt`,
      lines.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
        .map((line) => `${line}\n`).join(""),
    );
  } finally {
    await Deno.remove(least, { recursive: true });
  }
}

async function run(program: string, args: readonly string[]): Promise<Ran> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { success, output: text.decode(stdout) + text.decode(stderr) };
}

async function main(args: readonly string[]): Promise<number> {
  const numbers: Record<string, number> = {};
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    const name = /^--(seconds|runs|jobs)$/.exec(word)?.[1];
    if (name !== undefined) numbers[name] = Number(args[++at]);
    else if (word !== "--minimize") words.push(word);
  }
  const targets = TARGETS.filter((target) => words.includes(target));
  const unknown = words.filter((word) => !TARGETS.includes(word as Target));
  const wrong = Object.entries(numbers).find(([_, value]) => !(value > 0));
  if (unknown.length > 0 || wrong !== undefined) {
    print(
      `fuzz: cannot use "${unknown[0] ?? `--${wrong?.[0]}`}"; ` +
        "usage: deno task fuzz [--seconds N | --runs N] [--jobs N] " +
        `[--minimize] [TARGET...], targets are ${TARGETS.join(", ")}`,
    );
    return 64;
  }
  const wanted = targets.length === 0 ? TARGETS : targets;
  if (args.includes("--minimize")) {
    const built = await buildTargets();
    if (!built.success) throw new Error(built.output);
    for (const target of wanted) {
      await minimize(target);
    }
    return 0;
  }
  const { jobs = 1, runs, seconds = runs === undefined ? 60 : undefined } =
    numbers;
  let findings = 0;
  await fuzz({
    targets: wanted,
    jobs,
    ...seconds === undefined ? {} : { seconds },
    ...runs === undefined ? {} : { runs },
  }, ({ log, ...result }) => {
    if (result.finding !== undefined) findings++;
    if (log !== undefined) print(log);
    print(JSON.stringify(result));
  });
  return findings === 0 ? 0 : 1;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text.trimEnd()}\n`));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
