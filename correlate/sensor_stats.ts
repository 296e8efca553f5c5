/** What sensors say of themselves: the counters of their `stats` events, newest of each sensor. @module */
import type { StatsEvent } from "../lib/events.ts";

/** A row of `pipeline_metrics` without its time. */
export interface SensorReading {
  readonly component: "capture";
  /** Name of the sensor. */
  readonly instance: string;
  readonly metric: string;
  readonly value: number;
}

/** Sensors remembered between two readings; events of further ones are not kept. */
const SENSORS_MAX = 256;

/** Remembers what sensors said since the last reading. */
export class SensorStats {
  readonly #newest = new Map<string, StatsEvent>();

  /** Takes an event. */
  take(event: StatsEvent): void {
    const { sensor } = event;
    if (this.#newest.size >= SENSORS_MAX && !this.#newest.has(sensor)) return;
    this.#newest.set(sensor, event);
  }

  /**
   * The counters of the sensors that spoke since the last call, under the names of their own
   * `/metrics`. A sensor that fell silent has none, so that the newest row tells when it was heard.
   */
  takeReadings(): SensorReading[] {
    const readings = [...this.#newest.values()].flatMap((event) =>
      Object.entries(valuesOf(event)).map(([metric, value]): SensorReading => ({
        component: "capture",
        instance: event.sensor,
        metric,
        value,
      }))
    );
    this.#newest.clear();
    return readings;
  }
}

function valuesOf(event: StatsEvent): Record<string, number> {
  return {
    capture_packets_total: event.packets,
    capture_kernel_drops_total: event.kernel_drops,
    capture_interface_drops_total: event.interface_drops,
    capture_events_dropped_total: event.events_dropped,
    capture_handshakes_total: event.handshakes,
    capture_flows_held: event.flows_held,
    capture_flows_evicted_total: event.flows_evicted,
    capture_wasm_traps_total: event.wasm_traps,
    ...(event.memory_bytes === undefined
      ? {}
      : { process_resident_memory_bytes: event.memory_bytes }),
  };
}
