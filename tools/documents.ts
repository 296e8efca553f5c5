/**
 * `deno task documents`: writes the documents that are made of what the programs know. Those of the
 * database and of the metrics need a live one: a test makes them with JA4_TEST_UPDATE=1.
 *
 * @module
 */
import { configurationReference } from "./documents/configuration.ts";
import { grafanaDashboard } from "./documents/grafana.ts";
import { logEventReference, readLogEvents } from "./documents/log_events.ts";

const ROOT = new URL("..", import.meta.url);

/** Paths of the documents with what belongs in each. */
export async function documents(): Promise<Map<string, string>> {
  return new Map([
    ["docs/configuration.md", configurationReference()],
    ["docs/log-events.md", logEventReference(await readLogEvents())],
    [
      "packaging/monitoring/ja4-platform.dashboard.json",
      grafanaDashboard(),
    ],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await documents()) {
    await Deno.writeTextFile(new URL(path, ROOT), text);
  }
}
