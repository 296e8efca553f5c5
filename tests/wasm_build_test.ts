/** The committed module is what the committed sources give. @module */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { needs } from "../lib/testing.ts";
import {
  build,
  findToolchains,
  type Provenance,
  sha256,
  sourcesDigest,
} from "../wasm/build.ts";

const crate = new URL("../wasm/", import.meta.url);
const provenance = JSON.parse(
  await Deno.readTextFile(new URL("ja4.wasm.json", crate)),
) as Provenance;
const committed = await Deno.readFile(new URL("ja4.wasm", crate));

Deno.test("ja4.wasm is the file that ja4.wasm.json describes", () => {
  strictEqual(sha256(committed), provenance.wasm_sha256);
});

Deno.test("ja4.wasm holds code only: its tables begin as zeros", () => {
  ok(committed.length < 1024 * 1024, `${committed.length} bytes`);
});

Deno.test("ja4.wasm was built from these sources", async () => {
  strictEqual(
    await sourcesDigest(),
    provenance.sources_sha256,
    "run deno task wasm",
  );
});

const toolchain = (await findToolchains()).find(({ version }) =>
  version === provenance.rustc
);

Deno.test({
  name: "the sources give ja4.wasm, wherever they lie",
  ...needs(
    toolchain !== undefined,
    `no Rust toolchain of the version that built ja4.wasm: ${provenance.rustc}`,
  ),
  async fn() {
    if (toolchain === undefined) return;
    const folder = await Deno.makeTempDir({ prefix: "ja4-wasm-" });
    try {
      for (const name of ["Cargo.toml", "Cargo.lock"]) {
        await Deno.copyFile(new URL(name, crate), `${folder}/${name}`);
      }
      await Deno.mkdir(`${folder}/src`);
      for await (const { name } of Deno.readDir(new URL("src", crate))) {
        await Deno.copyFile(
          new URL(`src/${name}`, crate),
          `${folder}/src/${name}`,
        );
      }
      const built = await build(toolchain, {
        crate: `${folder}/`,
        targetDir: `${folder}/target`,
      });
      deepStrictEqual(sha256(built), provenance.wasm_sha256);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
