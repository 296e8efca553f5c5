import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import type { Batch, Capture } from "../ffi/pcap.ts";
import type { UnixMicros } from "../lib/events.ts";
import { compileParser, type LineSink, Parser } from "../wasm/mod.ts";
import { Sensor } from "./sensor.ts";

const module = await compileParser();
const LITTLE_ENDIAN = true;
const LINK = { interface: "lo", linkType: 1 };

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
  sensor.begin(LINK);
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
  sensor.begin(LINK);
  throws(() => sensor.read(capture), TypeError);
});

Deno.test("Sensor adds up the kernel's counts over interfaces that were lost", () => {
  const sensor = sensorWith(() => new Parser(module));
  const { capture } = fakeCapture();
  sensor.begin(LINK);
  sensor.tick(capture);
  sensor.end(capture);
  sensor.begin(LINK);
  sensor.tick(capture);
  deepStrictEqual(sensor.totals().kernel, {
    received: 20,
    kernelDrops: 6,
    interfaceDrops: 2,
  });
});

Deno.test("Sensor leaves out the packets from before it had a share of its own", () => {
  const kept: number[] = [];
  const sensor = new Sensor({
    sensor: "here",
    boot: 7,
    now: () => 1e15 as UnixMicros,
    makeParser: () => new Parser(module),
    emit: () => {},
    keep: (records) => kept.push(records.length),
    onTrap: () => {},
  });
  // Three empty packets a batch, of the seconds 9, 10 and 11.
  const capture = {
    read: (): Batch => {
      const view = new DataView(sensor.batch.buffer, sensor.batch.byteOffset);
      sensor.batch.fill(0, 0, 48);
      [9, 10, 11].forEach((second, index) =>
        view.setUint32(index * 16, second, LITTLE_ENDIAN)
      );
      return { packets: 3, bytes: 48, oversized: 0 };
    },
  } as unknown as Capture;
  for (const since of [10e6, 10e6 + 1, 12e6, 0]) {
    sensor.begin({ ...LINK, since: since as UnixMicros });
    sensor.read(capture);
  }
  deepStrictEqual(kept, [32, 16, 48]);
  // What comes after the first that counts is not looked at again.
  sensor.read(capture);
  deepStrictEqual(kept, [32, 16, 48, 48]);
  strictEqual(sensor.totals().parser.packets, 9);
});
