import assert from "node:assert/strict";
import { SensorStats } from "./sensor_stats.ts";
import { stats } from "./testing.ts";

Deno.test("SensorStats reads the newest counters of each sensor once", () => {
  const sensors = new SensorStats();
  sensors.take(stats({ sensor: "a", packets: 1 }));
  sensors.take(stats({ sensor: "a", packets: 2, memory_bytes: 77 }));
  sensors.take(stats({ sensor: "b", kernel_drops: 5 }));
  const value = (
    readings: ReturnType<SensorStats["takeReadings"]>,
    instance: string,
    metric: string,
  ): number | undefined =>
    readings.find((reading) =>
      reading.instance === instance && reading.metric === metric
    )?.value;
  const first = sensors.takeReadings();
  assert.equal(value(first, "a", "capture_packets_total"), 2);
  assert.equal(value(first, "a", "process_resident_memory_bytes"), 77);
  assert.equal(value(first, "b", "capture_kernel_drops_total"), 5);
  assert.equal(value(first, "b", "process_resident_memory_bytes"), undefined);
  // One that is silent is not reported as if it were heard.
  sensors.take(stats({ sensor: "b", kernel_drops: 6 }));
  const second = sensors.takeReadings();
  assert.deepEqual(
    [...new Set(second.map(({ instance }) => instance))],
    ["b"],
  );
  assert.equal(value(second, "b", "capture_kernel_drops_total"), 6);
});

Deno.test("SensorStats is bounded", () => {
  const sensors = new SensorStats();
  for (let n = 0; n < 1000; n++) sensors.take(stats({ sensor: `s${n}` }));
  assert.equal(sensors.takeReadings().length, 256 * 8);
});
