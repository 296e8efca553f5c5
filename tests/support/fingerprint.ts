/** The capture path as tests use it: a file or records in memory to HandshakeEvents. @module */
import { fingerprintFile } from "../../capture/fingerprint.ts";
import { FatalError } from "../../lib/errors.ts";
import type { HandshakeEvent } from "../../lib/events.ts";
import { compileParser, Parser } from "../../wasm/mod.ts";
import { type Packet, pcapFile } from "./packets.ts";

const module = await compileParser();

/** A parser of its own. */
export function newParser(): Parser {
  return new Parser(module);
}

/** Reads whole lines of JSON. */
export function parseLines(text: string): HandshakeEvent[] {
  return text.split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line) as HandshakeEvent
  );
}

/** Events of a capture file, and what was wrong with it. */
export function eventsOfFile(
  path: string,
  parser = newParser(),
): { text: string; events: HandshakeEvent[]; failure?: string } {
  let text = "";
  const decoder = new TextDecoder();
  let failure: { failure: string } | undefined;
  try {
    fingerprintFile(parser, path, (lines) => {
      text += decoder.decode(lines);
    });
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) throw thrown;
    failure = { failure: thrown.message };
  }
  return { text, events: parseLines(text), ...failure };
}

/** Bytes of the header of a pcap file. */
const FILE_HEADER_BYTES = 24;

/** Events of packets in memory, as live capture hands them over. */
export function eventsOf(
  packets: readonly Packet[],
  parser = newParser(),
  linkType = 1,
): HandshakeEvent[] {
  const records = pcapFile(packets).subarray(FILE_HEADER_BYTES);
  parser.batch.set(records);
  parser.begin({ linkType, context: { sensor: "test", boot: 0 }, sequence: 0 });
  let text = "";
  const sink = (lines: Uint8Array<ArrayBuffer>): void => {
    text += new TextDecoder().decode(lines);
  };
  parser.parse(records.length, sink);
  parser.finish(sink);
  return parseLines(text);
}
