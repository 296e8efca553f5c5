/**
 * Mutates capture files and reads each with libpcap and the parser, as `deno task fingerprint` does:
 *
 *     deno run -A tests/support/file_fuzz.ts SECONDS RUNS PREFIX [SEED]
 *
 * Every file gives events, or one clear failure; never a crash, a trap, an open file or a long wait.
 * What does not is written to PREFIX and a number. The mutations follow from the seed, which is
 * printed. 0 for SECONDS or RUNS means no bound.
 *
 * @module
 */
import { bytes, pcapFile, u32 } from "./packets.ts";
import { cases } from "./capture_cases.ts";
import { eventsOfFile, newParser } from "./fingerprint.ts";

/** A file must be read within so many milliseconds, also on a busy machine. */
const FILE_MS = 2000;
/** Numbers that are at the edge of something. */
const EDGES = [
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0xffff,
  0x7fffffff,
  0x80000000,
  2 ** 32 - 1,
];

/** xorshift32: the same mutations for the same seed. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }
  /** A number from 0 to below `limit`. */
  below(limit: number): number {
    let value = this.#state;
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
    this.#state = value >>> 0;
    return this.#state % limit;
  }
}

/** A pcapng file (draft-ietf-opsawg-pcapng) of the packets, on two interfaces in turn. */
export function pcapngFile(
  frames: readonly Uint8Array[],
  linkTypes: readonly [number, number] = [1, 1],
): Uint8Array<ArrayBuffer> {
  const little = (value: number) => u32(value).reverse();
  const block = (type: number, ...parts: (Uint8Array | number[])[]) => {
    const body = bytes(...parts);
    const padded = bytes(body, Array((4 - body.length % 4) % 4).fill(0));
    const length = little(12 + padded.length);
    return bytes(little(type), length, padded, length);
  };
  return bytes(
    block(0x0a0d0d0a, little(0x1a2b3c4d), [1, 0, 0, 0], Array(8).fill(255)),
    ...linkTypes.map((linkType) => block(1, little(linkType), little(65_535))),
    ...frames.map((frame, index) =>
      block(
        6,
        little(index % 2),
        [...little(0x5f000), ...little(index)],
        little(frame.length),
        little(frame.length),
        frame,
      )
    ),
  );
}

function mutate(input: Uint8Array, random: Random): Uint8Array {
  const output = [...input];
  for (let count = 1 + random.below(4); count > 0; count--) {
    // Headers are where a file breaks: half of the changes go there.
    const reach = random.below(2) === 0
      ? Math.min(64, output.length)
      : output.length;
    const at = random.below(reach || 1);
    const edge = u32(EDGES[random.below(EDGES.length)] ?? 0);
    switch (random.below(6)) {
      case 0:
        output[at] = (output[at] ?? 0) ^ 1 << random.below(8);
        break;
      case 1:
        output[at] = random.below(256);
        break;
      case 2:
        output.splice(
          at & ~3,
          4,
          ...(random.below(2) === 0 ? edge : edge.reverse()),
        );
        break;
      case 3:
        output.splice(at, random.below(40));
        break;
      case 4:
        output.splice(
          at,
          0,
          ...output.slice(random.below(output.length || 1)).slice(0, 40),
        );
        break;
      default:
        output.length = Math.min(output.length, at + random.below(200));
    }
  }
  return new Uint8Array(output);
}

function main(
  [seconds = "0", runs = "0", prefix = "", seed = ""]: string[],
): number {
  const number = seed === "" ? Date.now() % 2 ** 32 : Number(seed);
  const random = new Random(number);
  const inputs = cases.flatMap(({ packets, linkType = 1 }) => {
    const file = pcapFile(packets, linkType);
    return [
      file,
      pcapngFile(packets.map(({ frame }) => frame), [linkType, linkType]),
    ];
  });
  const parser = newParser();
  const path = Deno.makeTempFileSync({ prefix: "ja4-fuzz-" });
  const endMs = Number(seconds) > 0
    ? performance.now() + Number(seconds) * 1000
    : Infinity;
  const last = Number(runs) > 0 ? Number(runs) : Infinity;
  let count = 0;
  let refused = 0;
  let input: Uint8Array = new Uint8Array();
  try {
    while (count < last && performance.now() < endMs) {
      input = mutate(inputs[random.below(inputs.length)] ?? input, random);
      Deno.writeFileSync(path, input);
      const startedMs = performance.now();
      const { failure } = eventsOfFile(path, parser);
      const tookMs = performance.now() - startedMs;
      if (tookMs > FILE_MS) throw new Error(`took ${tookMs.toFixed()} ms`);
      if (failure !== undefined) refused++;
      count++;
    }
    return 0;
  } catch (thrown) {
    const kept = `${prefix}${count}`;
    Deno.writeFileSync(kept, input);
    print(
      `${
        thrown instanceof Error ? thrown.stack : thrown
      }\nTest unit written to ${kept}`,
    );
    return 1;
  } finally {
    Deno.removeSync(path);
    print(
      `seed ${number}, ${refused} files refused\nstat::number_of_executed_units: ${count}`,
    );
  }
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) Deno.exit(main(Deno.args));
