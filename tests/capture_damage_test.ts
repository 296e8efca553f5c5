/**
 * Captures cut at every byte, and with bytes flipped: the parser never traps, every event is one
 * line of JSON, and a fingerprint is there exactly where the status says so.
 *
 * All of tests/cases in full, and of the reference captures every so manieth place; with
 * JA4_TEST_DAMAGE=full those in full, too (an hour).
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { fingerprintInput } from "../capture/fingerprint.ts";
import { FatalError } from "../lib/errors.ts";
import { exists, needs } from "../lib/testing.ts";
import type { Parser } from "../wasm/mod.ts";
import { cases, inputOf } from "./support/capture_cases.ts";
import { newParser, parseLines } from "./support/fingerprint.ts";

const FULL = Deno.env.get("JA4_TEST_DAMAGE") === "full";
/** Places of a capture of the reference sets that are tried. */
const PLACES = FULL ? Infinity : 40;
/** Longest of them that is tried, bytes: each place reads it once. */
const LONGEST = FULL ? Infinity : 200_000;

/** Reads `file`, whatever is in it; returns how many events it gave. */
function read(parser: Parser, file: Uint8Array, what: string): number {
  let text = "";
  const decoder = new TextDecoder();
  let at = 0;
  const input = {
    readSync(bytes: Uint8Array): number | null {
      if (at >= file.length) return null;
      const part = file.subarray(at, at + bytes.length);
      bytes.set(part);
      at += part.length;
      return part.length;
    },
  };
  try {
    fingerprintInput(parser, "damaged", input, (lines) => {
      text += decoder.decode(lines);
    });
  } catch (thrown) {
    // Anything but a clear failure, a trap above all, is a finding.
    if (!(thrown instanceof FatalError)) {
      throw new Error(what, { cause: thrown });
    }
    strictEqual(thrown.exit, "noInput", what);
  }
  const events = parseLines(text);
  for (const event of events) {
    strictEqual(event.ja4 === undefined, event.status !== "complete", what);
  }
  return events.length;
}

/** Cuts and flips `file` at places that are `step` apart. */
function damage(
  parser: Parser,
  name: string,
  file: Uint8Array,
  step: number,
): void {
  const whole = read(parser, file, name);
  for (let at = 0; at < file.length; at += step) {
    const fewer = read(parser, file.subarray(0, at), `${name} cut at ${at}`);
    ok(fewer <= whole, `${name} cut at ${at} gives more events`);
    const flipped = file.slice();
    flipped[at] = (flipped[at] ?? 0) ^ (at % 2 === 0 ? 0xff : 0x01);
    read(parser, flipped, `${name} flipped at ${at}`);
  }
}

Deno.test("no case that is cut or flipped at any byte traps the parser", () => {
  const parser = newParser();
  for (const one of cases) {
    const { bytes } = inputOf(one);
    // The 70 KB packet is content for the most part.
    damage(parser, one.name, bytes, bytes.length > 20_000 && !FULL ? 37 : 1);
  }
});

for (const path of ["cases/edge/", "../../shared/corpus/foxio/"]) {
  const folder = new URL(path, import.meta.url);
  Deno.test({
    name: `no capture of ${path} that is cut or flipped traps the parser`,
    ...needs(exists(folder), `the reference corpus is not here (${path})`),
    async fn() {
      const parser = newParser();
      let tried = 0;
      for await (const { name } of Deno.readDir(folder)) {
        if (!/\.(pcapng|pcap|cap)$/.test(name)) continue;
        const file = await Deno.readFile(new URL(name, folder));
        if (file.length > LONGEST) continue;
        const step = Math.max(1, Math.floor(file.length / PLACES));
        damage(parser, name, file, step);
        tried++;
      }
      ok(tried > 0);
    },
  });
}

Deno.test("a cut capture gives the events of what is left of it", () => {
  const parser = newParser();
  const one = cases.find(({ name }) => name === "port-reuse");
  ok(one !== undefined);
  const { bytes } = inputOf(one);
  const counts = new Set<number>();
  for (let at = 24; at <= bytes.length; at++) {
    counts.add(read(parser, bytes.subarray(0, at), `cut at ${at}`));
  }
  deepStrictEqual([...counts], [0, 1, 2]);
});
