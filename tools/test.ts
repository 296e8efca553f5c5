/**
 * The whole test suite: `deno task test`. Stages run one after another, each with its seconds; what
 * fails is shown in full. The last line alone on its line is `N passed, N failed, N skipped`, and
 * the exit code says the same.
 *
 * A skip is a line `SKIP reason` that a test prints (lib/testing.ts). Each reason must be on the
 * list below: a test that begins to skip for another reason fails the run.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findToolchain } from "./rust_toolchain.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DENO = Deno.execPath();

/** Reasons to skip that are no fault of the product, and where they may hold. */
const ALLOWED_SKIPS: readonly RegExp[] = [
  /^the reference corpus is not here/,
  /^needs root/,
  /^needs CAP_NET_RAW/,
  /^no Chromium/,
  /^no Rust toolchain/,
  /^no clippy of the same release as rustc$/,
];

/** Longest a stage may take, milliseconds; a hanging test must not hang the run. */
const STAGE_MS = 20 * 60_000;

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why tests were skipped, each once. */
  readonly reasons: readonly string[];
  /** Shown if something failed. */
  readonly output: string;
  /** Tests that took long, slowest first. */
  readonly slow?: readonly TestTime[];
}

interface TestTime {
  readonly name: string;
  readonly seconds: number;
}

/** A test is named as slow from so many seconds on. */
const SLOW_S = 15;

interface Stage {
  readonly name: string;
  run(): Promise<Outcome>;
}

/** Folders whose tests own what they use and may run beside one another. */
const UNIT_FOLDERS = [
  "lib",
  "ctl",
  "capture",
  "correlate",
  "store",
  "detect",
  "web",
  "wasm",
  "ffi",
  "tools",
];

const STAGES: readonly Stage[] = [
  check("fmt", ["fmt", "--check"]),
  check("lint", ["lint", "--quiet"]),
  check("check", ["check", "--quiet"]),
  { name: "module", run: testModule },
  { name: "rust", run: testRust },
  { name: "fuzz", run: fuzzParser },
  {
    name: "unit",
    run: () =>
      denoTest("unit", [
        "--doc",
        "--parallel",
        ...UNIT_FOLDERS.filter((folder) => existsSync(`${ROOT}${folder}`)),
      ]),
  },
  { name: "across", run: testAcross },
];

/** Tests that spend most of their time waiting, for a browser or for a packer; they run beside the others. */
const BESIDE = [
  "tests/journeys",
  // One after another: they build in dist/, and the later ones take what the first has bundled.
  "tests/packaging_test.ts",
  "tests/packaging_systemd_test.ts",
  "tests/packaging_deb_test.ts",
];

/** The tests across folders, in two runs at once. */
async function testAcross(): Promise<Outcome> {
  const [rest, beside] = await Promise.all([
    denoTest("across", ["tests", `--ignore=${BESIDE.join(",")}`]),
    denoTest("beside", BESIDE),
  ]);
  return {
    passed: rest.passed + beside.passed,
    failed: rest.failed + beside.failed,
    skipped: rest.skipped + beside.skipped,
    reasons: [...new Set([...rest.reasons, ...beside.reasons])],
    output: rest.output + beside.output,
    slow: [...rest.slow ?? [], ...beside.slow ?? []],
  };
}

async function main(): Promise<number> {
  const wanted = Deno.args.length === 0
    ? STAGES
    : STAGES.filter(({ name }) => Deno.args.includes(name));
  if (wanted.length === 0) {
    print(
      `test: no such stage; there are ${
        STAGES.map(({ name }) => name).join(", ")
      }`,
    );
    return 64;
  }
  const startedMs = performance.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const stage of wanted) {
    const stageMs = performance.now();
    const outcome = await stage.run();
    const unexpected = outcome.reasons.filter((reason) =>
      !ALLOWED_SKIPS.some((allowed) => allowed.test(reason))
    );
    const failed = outcome.failed + unexpected.length;
    total.passed += outcome.passed;
    total.failed += failed;
    total.skipped += outcome.skipped;
    if (outcome.failed > 0) print(outcome.output);
    for (const reason of outcome.reasons) print(`SKIP ${reason}`);
    for (const reason of unexpected) {
      print(`FAIL a skip that is not on the list of tools/test.ts: ${reason}`);
    }
    for (const { name, seconds } of outcome.slow ?? []) {
      print(`   ${seconds.toFixed(1).padStart(6)} s  ${name}`);
    }
    const counts = `${outcome.passed} passed, ${failed} failed`;
    print(
      `== ${stage.name.padEnd(8)} ${seconds(stageMs).padStart(8)}  ${counts}`,
    );
  }
  print(`All stages took ${seconds(startedMs)}`);
  const skipped = total.skipped === 0 ? "" : `, ${total.skipped} skipped`;
  print(`${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 ? 0 : 1;
}

/** A stage that is one check, done by deno itself. */
function check(name: string, args: readonly string[]): Stage {
  return {
    name,
    run: async () => counted(await command(DENO, args)),
  };
}

/** The C module: strict compile with the analyzer. */
async function testModule(): Promise<Outcome> {
  return counted(
    await command("make", ["--silent", "-C", `${ROOT}apache`, "check"]),
  );
}

/** The Rust crate: its tests, and clippy where the toolchain has it. */
async function testRust(): Promise<Outcome> {
  const toolchain = await findToolchain(command);
  if (toolchain === undefined) {
    return {
      passed: 0,
      failed: 0,
      skipped: 1,
      reasons: ["no Rust toolchain"],
      output: "",
    };
  }
  const { cargo, clippy } = toolchain;
  const manifest = ["--quiet", "--manifest-path", `${ROOT}wasm/Cargo.toml`];
  const test = await cargo(["test", ...manifest]);
  let passed = 0;
  let failed = 0;
  for (
    const [_, ok, bad] of test.output.matchAll(
      /test result: .*? (\d+) passed; (\d+) failed/g,
    )
  ) {
    passed += Number(ok);
    failed += Number(bad);
  }
  // It did not compile: no test ran to say so.
  if (!test.success && failed === 0) failed = 1;
  const tests = {
    passed,
    failed,
    skipped: 0,
    reasons: [],
    output: test.output,
  };
  if (!clippy) {
    return {
      ...tests,
      skipped: 1,
      reasons: ["no clippy of the same release as rustc"],
    };
  }
  const linted = await cargo([
    "clippy",
    ...manifest,
    "--all-targets",
    "--",
    "-D",
    "warnings",
  ]);
  const checked = counted(linted);
  return {
    ...tests,
    passed: passed + checked.passed,
    failed: failed + checked.failed,
    output: test.output + linted.output,
  };
}

/** Seconds that each fuzz target runs, and how many at a time. */
const FUZZ = { seconds: 60, jobs: 2 } as const;

/** Every fuzz target of the parser for a while; each is one test. */
async function fuzzParser(): Promise<Outcome> {
  // Loaded here: what it imports may be what is broken, and the other stages say so.
  const { fuzz } = await import("./fuzz.ts");
  const { TARGETS } = await import("../tests/support/fuzz_seeds.ts");
  if (await findToolchain(command) === undefined) {
    return {
      passed: 0,
      failed: 0,
      skipped: TARGETS.length,
      reasons: ["no Rust toolchain"],
      output: "",
    };
  }
  const outcome = { passed: 0, failed: 0, output: "" };
  await fuzz({ targets: TARGETS, ...FUZZ }, (result) => {
    const { target, executions, finding, log = "" } = result;
    if (finding === undefined) outcome.passed++;
    else outcome.failed++;
    print(`   fuzz ${target.padEnd(5)} ${executions} executions`);
    outcome.output += `${log}\n`;
  });
  return { ...outcome, skipped: 0, reasons: [] };
}

/** `deno test`, counted from its JUnit report. */
async function denoTest(
  name: string,
  args: readonly string[],
): Promise<Outcome> {
  const report = await Deno.makeTempFile({
    prefix: `ja4-${name}-`,
    suffix: ".xml",
  });
  try {
    const { output, success } = await command(DENO, [
      "test",
      "-A",
      `--junit-path=${report}`,
      ...args,
    ]);
    const xml = await Deno.readTextFile(report);
    const { passed, failed, skipped } = countJunit(xml);
    const reasons = [...output.matchAll(/^SKIP (.*)$/gm)].map((
      [_, reason = ""],
    ) => reason);
    return {
      passed,
      // A file that does not load fails the command and is in no report.
      failed: success ? failed : Math.max(failed, 1),
      skipped,
      reasons: [...new Set(reasons)],
      output,
      slow: slowTests(xml),
    };
  } finally {
    await Deno.remove(report);
  }
}

/** Test cases of a JUnit report by outcome. */
export function countJunit(
  xml: string,
): { passed: number; failed: number; skipped: number } {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (
    const [testcase] of xml.matchAll(
      /<testcase\b[^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g,
    )
  ) {
    if (/<(failure|error)\b/.test(testcase)) count.failed++;
    else if (testcase.includes("<skipped")) count.skipped++;
    else count.passed++;
  }
  return count;
}

/** Top-level tests of a JUnit report that took {@linkcode SLOW_S} or longer. */
function slowTests(xml: string): TestTime[] {
  return [...xml.matchAll(/<testcase name="([^"]*)"[^>]*? time="([\d.]+)"/g)]
    .map(([_, name = "", time]) => ({ name, seconds: Number(time) }))
    .filter(({ seconds }) => seconds >= SLOW_S)
    .sort((a, b) => b.seconds - a.seconds);
}

function counted(
  { success, output }: { success: boolean; output: string },
): Outcome {
  return {
    passed: success ? 1 : 0,
    failed: success ? 0 : 1,
    skipped: 0,
    reasons: [],
    output,
  };
}

/** Runs a command; stdout and stderr are one text, as a person would see them. */
async function command(
  program: string,
  args: readonly string[],
): Promise<{ success: boolean; output: string }> {
  try {
    const child = new Deno.Command(program, {
      args: [...args],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(STAGE_MS),
    }).spawn();
    const output: string[] = [];
    const collect = async (
      stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    ): Promise<void> => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        output.push(text);
      }
    };
    const [status] = await Promise.all([
      child.status,
      collect(child.stdout),
      collect(child.stderr),
    ]);
    return { success: status.success, output: output.join("") };
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    return { success: false, output: `Cannot find the program "${program}"\n` };
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text.trimEnd()}\n`));
}

if (import.meta.main) Deno.exit(await main());
