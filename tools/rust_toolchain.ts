/**
 * Finds a Rust toolchain whose parts belong together.
 *
 * @module
 */
import { existsSync } from "node:fs";

/** What a command printed, stdout and stderr as a person would see them. */
export interface Ran {
  readonly success: boolean;
  readonly output: string;
}

/** Runs a program to its end. */
export type Run = (program: string, args: readonly string[]) => Promise<Ran>;

/** A toolchain on the PATH. */
export interface RustToolchain {
  /** The folder that its programs are in. */
  readonly folder: string;
  /** Runs its cargo. */
  cargo(args: readonly string[]): Promise<Ran>;
  /** Whether it has a clippy that can read what its rustc compiled. */
  readonly clippy: boolean;
}

/**
 * The first toolchain on the PATH that works and has clippy, else the first that works.
 * A machine may have two (rustup's and the distribution's), and rustup's shims are on the
 * PATH also where they have no toolchain; one's cargo would run the other's clippy.
 */
export async function findToolchain(
  run: Run,
): Promise<RustToolchain | undefined> {
  const path = Deno.env.get("PATH") ?? "";
  let found: RustToolchain | undefined;
  for (const folder of new Set(path.split(":"))) {
    if (!existsSync(`${folder}/cargo`)) continue;
    const PATH = `PATH=${folder}:${path}`;
    const [cargo, rustc, clippy] = await Promise.all(
      ["cargo", "rustc", "clippy-driver"].map((name) =>
        run("env", [PATH, name, "--version"])
      ),
    );
    if (!cargo?.success || !rustc?.success) continue;
    const toolchain: RustToolchain = {
      folder,
      cargo: (args) => run("env", [PATH, "cargo", ...args]),
      clippy: clippy?.success === true &&
        releaseDate(clippy.output) === releaseDate(rustc.output),
    };
    if (toolchain.clippy) return toolchain;
    found ??= toolchain;
  }
  return found;
}

/** The date in `rustc 1.95.0 (59807616e 2026-04-14)`; clippy's numbers and hashes are its own. */
function releaseDate(version: string): string | undefined {
  return /\d{4}-\d{2}-\d{2}/.exec(version)?.[0];
}
