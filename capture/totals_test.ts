import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { UnixMicros } from "../lib/events.ts";
import { compileParser, Parser } from "../wasm/mod.ts";
import { addRetired, statsEvent, sumTotals, type Totals } from "./totals.ts";

const zeros = new Parser(await compileParser()).counters();

function totals(changes: Partial<Totals>): Totals {
  return {
    parser: zeros,
    kernel: { received: 0, kernelDrops: 0, interfaceDrops: 0 },
    handshakes: 0,
    traps: 0,
    oversized: 0,
    ...changes,
  };
}

Deno.test("sumTotals() adds up the threads, also what they hold", () => {
  const one = totals({
    parser: { ...zeros, packets: 3, flowsHeld: 2, complete: 1 },
    kernel: { received: 5, kernelDrops: 1, interfaceDrops: 4 },
    handshakes: 1,
    traps: 1,
  });
  const other = totals({
    parser: { ...zeros, packets: 4, flowsHeld: 7, complete: 2 },
    kernel: { received: 6, kernelDrops: 2, interfaceDrops: 0 },
    handshakes: 2,
    oversized: 1,
  });
  const sum = sumTotals([one, other]);
  deepStrictEqual(sum.kernel, {
    received: 11,
    kernelDrops: 3,
    interfaceDrops: 4,
  });
  deepStrictEqual(
    statsEvent(sum, {
      sensor: "here",
      boot: 7,
      ts: 9 as UnixMicros,
      eventsDropped: 5,
      memoryBytes: 6,
    }),
    {
      event_type: "stats",
      ts: 9,
      sensor: "here",
      boot: 7,
      packets: 8,
      kernel_drops: 3,
      interface_drops: 4,
      events_dropped: 5,
      handshakes: 3,
      flows_held: 9,
      flows_evicted: 0,
      wasm_traps: 1,
      memory_bytes: 6,
    },
  );
});

Deno.test("addRetired() adds what was counted, and forgets what was held", () => {
  const retired = { ...zeros, packets: 3, flowsHeld: 9, streamsHeld: 1 };
  const sum = addRetired(retired, { ...zeros, packets: 1, flowsHeld: 2 });
  deepStrictEqual([sum.packets, sum.flowsHeld, sum.streamsHeld], [4, 2, 0]);
  strictEqual(addRetired(undefined, zeros), zeros);
});
