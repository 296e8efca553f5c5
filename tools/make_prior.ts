/**
 * Makes detect/prior.json, the reference that stands in while a site has too little traffic of its
 * own: learned, without labels, from a day of generated traffic.
 *
 *     deno run -A tools/make_prior.ts
 *
 * @module
 */
import { bodyOf } from "../detect/detector_model.ts";
import { featureMatrix } from "../detect/features.ts";
import { learn, Learned } from "../detect/learned.ts";
import { startTemporaryStore } from "../detect/temporary_store.ts";
import { readWindows } from "../detect/windows.ts";
import type { UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { generateTraffic } from "./traffic/generate.ts";
import { joinTraffic } from "./traffic/join.ts";

/** A seed that no evaluation uses. */
const SEED = 7001;
const HOURS = 24;
const ROWS_MAX = 512;

const end = Date.UTC(2026, 0, 2) * 1000 as UnixMicros;
const span = { from: end - HOURS * 3600e6 as UnixMicros, to: end };
const events = await joinTraffic(
  generateTraffic({ seed: SEED, hours: HOURS, events: 120_000, end }),
);
await using store = await startTemporaryStore();
const db = store.database;
for (let at = 0; at < events.length; at += 20_000) {
  const batch = events.slice(at, at + 20_000);
  await db.insert("http_events", httpEventColumns(batch), batch.length);
}
const tables = await learn(db, span);
const windows = await readWindows(db, span, {
  windowS: 3600,
  coldBits: tables.coldBits,
});
const kept = {
  ...tables,
  // What two networks share is a habit; what one does is noise, and somebody's business.
  counts: tables.counts.filter(({ networks }) => networks >= 2),
  groups: [],
  coldBits: 0,
};
const body = bodyOf({
  windows,
  matrix: featureMatrix(windows, new Learned(kept)),
  tables: kept,
  denied: () => false,
  rowsMax: ROWS_MAX,
});
if (body === undefined) throw new Error("Too few people in the traffic");
const { app: _, ...prior } = body;
await Deno.writeTextFile(
  new URL("../detect/prior.json", import.meta.url),
  JSON.stringify(prior) + "\n",
);
