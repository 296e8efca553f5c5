/**
 * Labelled traffic of one site: 85 % people, 4 % verified bots, 11 % bad bots. Equal options give
 * equal events; no clock is read.
 *
 * @module
 */
import { Random } from "../../detect/random.ts";
import type { UnixMicros } from "../../lib/events.ts";
import { addBots, addGoodBots } from "./bots.ts";
import { addPeople } from "./people.ts";
import { Recorder, type Traffic } from "./recorder.ts";

/** Options of {@linkcode generateTraffic}. */
export interface TrafficOptions {
  readonly seed: number;
  /** Length of the run. */
  readonly hours: number;
  /** The last event is at most this. */
  readonly end: UnixMicros;
  /** About how many requests. */
  readonly events: number;
}

/** Requests of a full day; the numbers of bots are for as many. */
const FULL_DAY = 120_000;

/** Generates a run; each list comes in order of time. */
export function generateTraffic(options: TrafficOptions): Traffic {
  const { seed, hours, end, events } = options;
  const start = (end - hours * 3600e6) as UnixMicros;
  const recorder = new Recorder(new Random(seed), start);
  const endHour = end / 3600e6 % 24;
  const scale = events / FULL_DAY;
  addPeople(recorder, new Random(seed ^ 0x1000_0001), {
    requests: 0.85 * events,
    hours,
    endHour,
  });
  addGoodBots(recorder, new Random(seed ^ 0x2000_0002), {
    requests: 0.04 * events,
    hours,
    scale,
  });
  addBots(recorder, new Random(seed ^ 0x3000_0003), { hours, scale });
  return recorder.finish(end);
}
