/**
 * `build` writes what the browser needs to _fresh/. Without it: builds for development and serves,
 * so that `deno run --watch` shows each change.
 *
 * @module
 */
import { Builder } from "fresh/dev";
import { makeSprite } from "./sprite.ts";

const root = import.meta.dirname ?? ".";
const mode = Deno.args[0] === "build" ? "production" : "development";

await writeIfChanged(`${root}/static/icons.svg`, await makeSprite());
await new Builder({ root, serverEntry: "app.ts" }).build({ mode });
if (mode === "development") {
  const { main } = await import("../lib/program.ts");
  const { program } = await import("./main.ts");
  await main(program);
}

/** Leaves the file alone if it is as it should be, so that a watcher sees no change. */
async function writeIfChanged(path: string, text: string): Promise<void> {
  const old = await Deno.readTextFile(path).catch(() => "");
  if (old !== text) await Deno.writeTextFile(path, text);
}
