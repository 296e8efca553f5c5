/** For tests that call the application without a port. @module */
import type { App } from "fresh";
import { Builder } from "fresh/dev";
import type { State } from "./utils.ts";

let built: ReturnType<Builder["build"]> | undefined;

/** Gives `app` its routes and islands, built once a process and in memory: web/_fresh is left alone. */
export async function attachBuild(app: App<State>): Promise<void> {
  built ??= new Builder({ root: import.meta.dirname ?? "." })
    .build({ snapshot: "memory" });
  (await built)(app);
}
