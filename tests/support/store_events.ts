/**
 * Generated, seeded events as the correlator makes them, all of one day.
 *
 * @module
 */
import type { CorrelatedEvent, UnixMicros } from "../../lib/events.ts";
import { generateTraffic } from "../../tools/traffic/generate.ts";
import { joinTraffic } from "../../tools/traffic/join.ts";

/** The day of the events, UTC. */
export const EVENTS_DAY = "2026-11-02";

/** `count` events at most, in the order of their time; the same ones each time. */
export async function correlatedEvents(
  count: number,
): Promise<CorrelatedEvent[]> {
  const traffic = generateTraffic({
    seed: 1,
    hours: 20,
    events: count,
    end: Date.parse(`${EVENTS_DAY}T23:00:00Z`) * 1000 as UnixMicros,
  });
  const begin = Date.parse(`${EVENTS_DAY}T00:00:00Z`) * 1000;
  return (await joinTraffic(traffic)).filter(({ ts }) => ts >= begin).slice(
    0,
    count,
  );
}
