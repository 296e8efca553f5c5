/** What must hold of the Rust sources beyond what clippy checks. @module */
import { deepStrictEqual, ok } from "node:assert/strict";

const SOURCES = new URL("../wasm/src/", import.meta.url);

async function sources(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name } of Deno.readDir(SOURCES)) {
    found.set(name, await Deno.readTextFile(new URL(name, SOURCES)));
  }
  return found;
}

/** Without comments. */
function code(source: string): string {
  return source.replaceAll(/\/\/.*$/gm, "");
}

Deno.test("unsafe code is in abi.rs alone", async () => {
  const files = await sources();
  // `#![deny(unsafe_code)]` makes the compiler hold it; abi.rs is the one exception.
  ok(files.get("lib.rs")?.includes("#![deny(unsafe_code)]"));
  const unsafe = [...files].filter(([_, text]) => /\bunsafe\b/.test(code(text)))
    .map(([name]) => name);
  deepStrictEqual(unsafe, ["abi.rs"]);
  const exceptions = [...files].flatMap(([name, text]) =>
    [...code(text).matchAll(/(?:allow|expect)\(\s*unsafe_code/g)].map(() =>
      name
    )
  );
  deepStrictEqual(exceptions, ["lib.rs"]);
});

Deno.test("clippy denies what can panic or allocate without a bound", async () => {
  const manifest = await Deno.readTextFile(
    new URL("../Cargo.toml", SOURCES),
  );
  for (
    const lint of [
      "unwrap_used",
      "expect_used",
      "panic",
      "indexing_slicing",
      "string_slice",
      "arithmetic_side_effects",
      "unreachable",
      "todo",
      "unimplemented",
      "as_conversions",
      "cast_possible_truncation",
      "undocumented_unsafe_blocks",
    ]
  ) ok(manifest.includes(`${lint} = "deny"`), lint);
  // No allocator is linked: what is not built of `core` does not compile for wasm32.
  const lib = (await sources()).get("lib.rs") ?? "";
  ok(lib.includes('#![cfg_attr(target_arch = "wasm32", no_std)]'));
  for (const [name, text] of await sources()) {
    ok(!/extern crate alloc/.test(code(text)), name);
  }
});
