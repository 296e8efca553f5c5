/** Finds and loads libchdb.so, the embedded ClickHouse. @module */
import { fileURLToPath } from "node:url";
import { type EngineLibrary, loadEngine } from "../ffi/chdb.ts";
import { FatalError, messageOf } from "../lib/errors.ts";

/** The package that holds the library; it is located, never imported: its entry loads a Node addon. */
const PACKAGE = "@chdb/lib-linux-x64-gnu";

/** Variable that names another libchdb.so: an own build, or arm64. */
const OVERRIDE = "JA4_LIBCHDB";

/**
 * Loads the library of the pinned package, or the one that JA4_LIBCHDB names.
 *
 * @throws {FatalError} `unavailable` with what to install.
 */
export function loadLibrary(): EngineLibrary {
  const path = Deno.env.get(OVERRIDE) ?? packagedLibrary();
  try {
    return loadEngine(path);
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot load the embedded database "${path}": ${messageOf(thrown)}\n` +
        `Run "deno install" in the project, name a libchdb.so with ${OVERRIDE}, or point [clickhouse] url of the other parts at a ClickHouse server`,
      { cause: thrown },
    );
  }
}

function packagedLibrary(): string {
  const { target } = Deno.build;
  if (target !== "x86_64-unknown-linux-gnu") {
    throw new FatalError(
      "unavailable",
      `The embedded database is packaged for x86_64-unknown-linux-gnu, and this is ${target}: ` +
        `name a libchdb.so for it with ${OVERRIDE}, or point [clickhouse] url of the other parts at a ClickHouse server`,
    );
  }
  const manifest = import.meta.resolve(`${PACKAGE}/package.json`);
  return fileURLToPath(new URL("libchdb.so", manifest));
}
