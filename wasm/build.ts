/**
 * `deno task wasm`: builds `ja4.wasm` from the crate, the same bytes wherever the checkout lies.
 *
 * A Rust toolchain with the wasm32 target builds it directly. Where rustup has none, Debian's
 * `rustc-web`, `cargo-web`, `rust-web-src` and `lld-19` do: the standard library's core is then
 * compiled along. Another compiler version gives another file, so `ja4.wasm.json` names the one
 * that made the committed file, and the digest of the sources it was made from.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

/** What `ja4.wasm.json` says. */
export interface Provenance {
  /** `rustc --version` of the compiler. */
  readonly rustc: string;
  /** SHA-256 over names and contents of everything the module is made of. */
  readonly sources_sha256: string;
  readonly wasm_sha256: string;
}

/** Pages of 64 KiB of linear memory; it never grows, because libpcap writes at fixed addresses. */
const MEMORY_PAGES = 2560;
const STACK_BYTES = 1024 * 1024;

const CRATE = fileURLToPath(new URL(".", import.meta.url));
/** Where Debian puts the sources of the standard library. */
const DEBIAN_RUSTC = "/usr/bin/rustc";

/** A compiler that can build the module. */
export interface Toolchain {
  readonly rustc: string;
  readonly cargo: string;
  readonly version: string;
  /** The target's core library must be built along. */
  readonly buildStd: boolean;
}

/** The compilers of this machine that can build the module. */
export async function findToolchains(): Promise<Toolchain[]> {
  const found: Toolchain[] = [];
  if (await works(DEBIAN_RUSTC) && await works("wasm-ld-19")) {
    const sysroot = await output(DEBIAN_RUSTC, ["--print=sysroot"]);
    if (await present(`${sysroot}/lib/rustlib/src/rust/library/Cargo.lock`)) {
      found.push({
        rustc: DEBIAN_RUSTC,
        cargo: "/usr/bin/cargo",
        version: await output(DEBIAN_RUSTC, ["--version"]),
        buildStd: true,
      });
    }
  }
  if (await works("rustc")) {
    const sysroot = await output("rustc", ["--print=sysroot"]);
    if (await present(`${sysroot}/lib/rustlib/wasm32-unknown-unknown/lib`)) {
      found.push({
        rustc: `${sysroot}/bin/rustc`,
        cargo: `${sysroot}/bin/cargo`,
        version: await output("rustc", ["--version"]),
        buildStd: false,
      });
    }
  }
  return found;
}

/** Where the crate lies (with a slash at the end), and where it is built. */
export interface BuildFolders {
  readonly crate: string;
  readonly targetDir: string;
}

/** Builds the module and returns its bytes. */
export async function build(
  toolchain: Toolchain,
  { crate, targetDir }: BuildFolders,
): Promise<Uint8Array<ArrayBuffer>> {
  const cargoHome = Deno.env.get("CARGO_HOME") ??
    `${Deno.env.get("HOME") ?? ""}/.cargo`;
  const sysroot = await output(toolchain.rustc, ["--print=sysroot"]);
  const flags = [
    `--remap-path-prefix=${crate}=/wasm/`,
    `--remap-path-prefix=${cargoHome}=/cargo`,
    `--remap-path-prefix=${sysroot}=/rust`,
    "-Ctarget-feature=+simd128,+bulk-memory",
    `-Clink-arg=--initial-memory=${MEMORY_PAGES * 65_536}`,
    `-Clink-arg=--max-memory=${MEMORY_PAGES * 65_536}`,
    `-Clink-arg=-zstack-size=${STACK_BYTES}`,
    ...toolchain.buildStd ? ["-Clinker=wasm-ld-19"] : [],
  ];
  const { success, stderr } = await new Deno.Command(toolchain.cargo, {
    args: [
      "build",
      "--release",
      "--locked",
      "--target=wasm32-unknown-unknown",
      `--target-dir=${targetDir}`,
      ...toolchain.buildStd
        ? ["-Zbuild-std=core", "-Zbuild-std-features=compiler-builtins-mem"]
        : [],
    ],
    cwd: crate,
    env: {
      RUSTC: toolchain.rustc,
      CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
      ...toolchain.buildStd ? { RUSTC_BOOTSTRAP: "1" } : {},
    },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return await Deno.readFile(
    `${targetDir}/wasm32-unknown-unknown/release/ja4_wasm.wasm`,
  );
}

/** SHA-256 over names and contents of everything the module is made of. */
export async function sourcesDigest(): Promise<string> {
  const names = ["Cargo.lock", "Cargo.toml", "build.ts"];
  for await (const entry of Deno.readDir(`${CRATE}src`)) {
    names.push(`src/${entry.name}`);
  }
  const hash = createHash("sha256");
  for (const name of names.sort()) {
    const bytes = await Deno.readFile(CRATE + name);
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** SHA-256 in hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function works(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output()).success;
  } catch {
    return false;
  }
}

async function output(command: string, args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

async function present(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const [toolchain] = await findToolchains();
  if (toolchain === undefined) {
    throw new Error(
      "No Rust compiler for wasm32: install the target with rustup, or " +
        "rustc-web, cargo-web, rust-web-src and lld-19 on Debian",
    );
  }
  const wasm = await build(toolchain, {
    crate: CRATE,
    targetDir: `${CRATE}target`,
  });
  const provenance: Provenance = {
    rustc: toolchain.version,
    sources_sha256: await sourcesDigest(),
    wasm_sha256: sha256(wasm),
  };
  await Deno.writeFile(`${CRATE}ja4.wasm`, wasm);
  await Deno.writeTextFile(
    `${CRATE}ja4.wasm.json`,
    JSON.stringify(provenance, null, 2) + "\n",
  );
}
