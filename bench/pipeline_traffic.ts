/**
 * Traffic as the pipeline stores it, for benchmarks: generated clients through the real join. The join
 * hears of a request when the web server has answered it, and of a handshake when it is captured, so
 * identifiers come in that order and not in that of `ts`.
 *
 * @module
 */
import * as v from "valibot";
import { toCorrelated } from "../correlate/correlated.ts";
import { EventIds } from "../correlate/event_id.ts";
import { Join } from "../correlate/join.ts";
import {
  filterSection,
  joinOptions,
  joinSection,
} from "../correlate/join_config.ts";
import type { Database } from "../lib/clickhouse.ts";
import type {
  CorrelatedEvent,
  HandshakeEvent,
  RequestEvent,
} from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { insertRowsMax } from "../lib/limits.ts";
import {
  generateTraffic,
  type TrafficOptions,
} from "../tools/traffic/generate.ts";

/** Stores generated traffic in `table`, batch by batch as the join gives it out. */
export async function storeTraffic(
  database: Database,
  table: string,
  options: TrafficOptions,
): Promise<void> {
  const ids = new EventIds(1, 1);
  let sequence = 0;
  let rows: CorrelatedEvent[] = [];
  const flush = async (): Promise<void> => {
    await database.insert(table, httpEventColumns(rows), rows.length);
    rows = [];
  };
  const join = new Join({
    ...joinOptions(v.parse(joinSection, {}), v.parse(filterSection, {}), 0),
    captureTimeoutMs: Infinity,
  }, (one) => void rows.push(toCorrelated(one, ids.of(++sequence))));
  const { handshakes, requests } = generateTraffic(options);
  const arrivals = [...handshakes, ...requests]
    .sort((a, b) => arrivalOf(a) - arrivalOf(b));
  for (const event of arrivals) {
    join.advance(Math.floor(arrivalOf(event) / 1000));
    if (event.event_type === "request") join.request(event);
    else join.handshake(event, JSON.stringify(event).length);
    if (rows.length >= insertRowsMax) await flush();
  }
  join.finish();
  await flush();
}

/** When the join hears of it, microseconds. */
function arrivalOf(event: HandshakeEvent | RequestEvent): number {
  return event.event_type === "request"
    ? event.ts + (event.duration_us ?? 0)
    : event.ts;
}
