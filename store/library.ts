/** Finds and loads libchdb.so, the embedded ClickHouse. @module */
import { fileURLToPath } from "node:url";
import { type EngineLibrary, loadEngine } from "../ffi/chdb.ts";
import { FatalError, messageOf } from "../lib/errors.ts";

/** The package that holds the library; it is located, never imported: its entry loads a Node addon. */
const PACKAGE = "@chdb/lib-linux-x64-gnu";

/** Variable that names another libchdb.so: an own build, or arm64. */
const OVERRIDE = "JA4_LIBCHDB";

/** Oldest version that can serve from a terminal and has what the schema needs. */
const OLDEST = [26, 7] as const;

/**
 * Loads the library of the pinned package, or the one that JA4_LIBCHDB names.
 *
 * @throws {FatalError} `unavailable` with what to install.
 */
export function loadLibrary(target: string = Deno.build.target): EngineLibrary {
  const path = Deno.env.get(OVERRIDE) ?? packagedLibrary(target);
  let library: EngineLibrary;
  try {
    library = loadEngine(path);
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot load the embedded database "${path}": ${messageOf(thrown)}\n` +
        `Run "deno install" in the project, name a libchdb.so with ${OVERRIDE}, or ${ELSEWHERE}`,
      { cause: thrown },
    );
  }
  if (isOlder(library.version)) {
    throw new FatalError(
      "unavailable",
      `Cannot use the embedded database "${path}": it is ClickHouse "${library.version}", and ${
        OLDEST.join(".")
      } or newer is needed`,
    );
  }
  return library;
}

/** What else helps. */
const ELSEWHERE =
  "point [clickhouse] url of the other parts at a ClickHouse server";

/** Whether a version is below the oldest, or is none. */
function isOlder(version: string): boolean {
  const [major = NaN, minor = NaN] = version.split(".").map(Number);
  return !(major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]));
}

function packagedLibrary(target: string): string {
  if (target !== "x86_64-unknown-linux-gnu") {
    throw new FatalError(
      "unavailable",
      `The embedded database is packaged for x86_64-unknown-linux-gnu, and this is ${target}: ` +
        `name a libchdb.so for it with ${OVERRIDE}, or ${ELSEWHERE}`,
    );
  }
  const manifest = import.meta.resolve(`${PACKAGE}/package.json`);
  return fileURLToPath(new URL("libchdb.so", manifest));
}
