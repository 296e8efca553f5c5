/**
 * A day of traffic in a store, as the pipeline would have left it: generated handshakes and requests
 * through the real join, the real tables and the real detector.
 *
 * @module
 */
import { Join } from "../../correlate/join.ts";
import { toCorrelated } from "../../correlate/correlated.ts";
import { EventIds } from "../../correlate/event_id.ts";
import {
  filterSection,
  joinOptions,
  joinSection,
} from "../../correlate/join_config.ts";
import { Detector } from "../../detect/detector.ts";
import {
  detectorOptions,
  schema as detectSchema,
} from "../../detect/config.ts";
import type { Database } from "../../lib/clickhouse.ts";
import type { CorrelatedEvent, UnixMicros } from "../../lib/events.ts";
import { httpEventColumns, ja4CatalogColumns } from "../../lib/http_events.ts";
import { sql } from "../../lib/sql.ts";
import { generateTraffic } from "../../tools/traffic/generate.ts";
import { GOOD_BOT_NETWORKS } from "../../tools/traffic/bots.ts";
import * as v from "valibot";

/** What to seed. */
export interface SeedOptions {
  readonly hours: number;
  /** About how many requests. */
  readonly events: number;
  /** The newest event is at most this. */
  readonly end: UnixMicros;
  readonly seed?: number;
}

/** Whose the generated addresses are; numbers and names are reserved for documentation (RFC 5398). */
const NETWORKS = [
  ["203.0.113.0/25", 64501, "Example Hosting", "NL", "hosting"],
  ["203.0.113.128/25", 64499, "Example Cloud", "DE", "hosting"],
  ["192.0.2.0/24", 64496, "Example Search", "US", "hosting"],
  ["198.18.0.0/16", 64505, "Example Telecom", "BE", "isp"],
  ["198.19.0.0/16", 64510, "Example Mobile", "FR", "mobile"],
  ["2001:db8::/32", 64511, "Example Fibre", "DE", "isp"],
] as const;

/** Fills the store. Returns how many rows http_events has got. */
export async function seedTraffic(
  db: Database,
  { hours, events, end, seed = 1 }: SeedOptions,
): Promise<number> {
  await seedNetworks(db);
  const rows = joined(generateTraffic({ seed, hours, events, end }));
  for (let at = 0; at < rows.length; at += 20_000) {
    const batch = rows.slice(at, at + 20_000);
    await db.insert("http_events", httpEventColumns(batch), batch.length);
  }
  const first = new Map<string, CorrelatedEvent>();
  for (const row of rows) {
    if ("ja4" in row && row.ja4 !== undefined && !first.has(row.ja4)) {
      first.set(row.ja4, row);
    }
  }
  await db.insert(
    "ja4_catalog",
    ja4CatalogColumns([...first.values()]),
    first.size,
  );
  await db.command(sql`SYSTEM RELOAD DICTIONARY dict_folds`);
  const options = detectorOptions(v.parse(detectSchema, {}));
  const detector = new Detector(db, options);
  const windowUs = options.windowS * 1e6;
  const span = {
    from: Math.floor((end - hours * 3600e6) / windowUs) *
      windowUs as UnixMicros,
    to: end + 1 as UnixMicros,
  };
  await detector.learn(span);
  await detector.score(span, { now: end });
  return rows.length;
}

/** Makes known whose the generated addresses are, so that what is stored then has it. */
export async function seedNetworks(db: Database): Promise<void> {
  await db.insertRows(
    "ref_bots",
    GOOD_BOT_NETWORKS.map((network) => ({ ...network })),
  );
  await db.insertRows(
    "ref_networks",
    NETWORKS.map(([prefix, asn, as_org, country, kind]) => ({
      prefix,
      asn,
      as_org,
      country,
      kind,
    })),
  );
  await db.command(sql`SYSTEM RELOAD DICTIONARIES`);
}

function joined(
  traffic: ReturnType<typeof generateTraffic>,
): CorrelatedEvent[] {
  const ids = new EventIds(0, 0);
  const rows: CorrelatedEvent[] = [];
  const join = new Join({
    ...joinOptions(v.parse(joinSection, {}), v.parse(filterSection, {}), 0),
    captureTimeoutMs: Infinity,
  }, (one) => void rows.push(toCorrelated(one, ids.of(rows.length + 1))));
  const all = [...traffic.handshakes, ...traffic.requests].sort((a, b) =>
    a.ts - b.ts
  );
  for (const event of all) {
    join.advance(Math.floor(event.ts / 1000));
    if (event.event_type === "handshake") {
      join.handshake(event, JSON.stringify(event).length);
    } else if (event.event_type === "request") join.request(event);
    else join.connectionEnd(event);
  }
  join.finish();
  return rows;
}
