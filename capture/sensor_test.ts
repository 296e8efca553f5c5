import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import type { Batch, Capture } from "../ffi/pcap.ts";
import type { UnixMicros } from "../lib/events.ts";
import { compileParser, type LineSink, Parser } from "../wasm/mod.ts";
import { Sensor } from "./sensor.ts";

const module = await compileParser();

/** A parser that fails in its nth call. */
class Failing extends Parser {
  #left: number;
  readonly #error: Error;
  constructor(calls: number, error: Error) {
    super(module);
    this.#left = calls;
    this.#error = error;
  }
  override parse(bytes: number, sink: LineSink): void {
    if (this.#left-- === 0) throw this.#error;
    super.parse(bytes, sink);
  }
}

/** An interface that gives one empty packet a read. */
function fakeCapture(): { capture: Capture; buffers: Uint8Array[] } {
  const buffers: Uint8Array[] = [];
  const capture = {
    linkType: 1,
    read: (): Batch => {
      (buffers.at(-1) ?? new Uint8Array()).fill(0, 0, 16);
      return { packets: 1, bytes: 16, oversized: 0 };
    },
    writeInto: (buffer: Uint8Array) => buffers.push(buffer),
    stats: () => ({ received: 10, kernelDrops: 3, interfaceDrops: 1 }),
  };
  return { capture: capture as unknown as Capture, buffers };
}

function sensorWith(makeParser: () => Parser, traps: string[] = []): Sensor {
  return new Sensor({
    sensor: "here",
    interface: "lo",
    boot: 7,
    now: () => 1e15 as UnixMicros,
    makeParser,
    emit: () => {},
    onTrap: (thrown) => traps.push(thrown.message),
  });
}

Deno.test("Sensor replaces a parser that trapped, and keeps its counts", () => {
  const traps: string[] = [];
  let made = 0;
  const sensor = sensorWith(
    () =>
      ++made === 1
        ? new Failing(2, new WebAssembly.RuntimeError("unreachable"))
        : new Parser(module),
    traps,
  );
  const { capture, buffers } = fakeCapture();
  capture.writeInto(sensor.batch);
  sensor.begin(1);
  for (let read = 0; read < 5; read++) strictEqual(sensor.read(capture), 1);
  deepStrictEqual(traps, ["unreachable"]);
  // Two packets before the trap, two after; the libpcap side writes into the new memory.
  strictEqual(sensor.totals().parser.packets, 4);
  strictEqual(sensor.totals().traps, 1);
  strictEqual(buffers.length, 2);
  strictEqual(buffers[1]?.buffer, sensor.batch.buffer);
});

Deno.test("Sensor does not hide our own faults", () => {
  const sensor = sensorWith(() => new Failing(0, new TypeError("ours")));
  const { capture } = fakeCapture();
  sensor.begin(1);
  throws(() => sensor.read(capture), TypeError);
});

Deno.test("Sensor adds up the kernel's counts over interfaces that were lost", () => {
  const sensor = sensorWith(() => new Parser(module));
  const { capture } = fakeCapture();
  sensor.begin(1);
  sensor.tick(capture);
  sensor.end(capture);
  sensor.begin(1);
  sensor.tick(capture);
  const event = sensor.statsEvent(5);
  deepStrictEqual(
    [event.kernel_drops, event.interface_drops, event.events_dropped],
    [6, 2, 5],
  );
  deepStrictEqual([event.sensor, event.boot], ["here", 7]);
});
