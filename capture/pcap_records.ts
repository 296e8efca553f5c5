/**
 * Records as libpcap writes them into a batch (seconds, microseconds, captured length, length on
 * the wire, the packet), turned into blocks of a pcapng file.
 *
 * Nothing here runs for a sensor that keeps no evidence, but for the first packets of a worker.
 *
 * @module
 */
import { concatBytes } from "../lib/bytes.ts";

const RECORD_HEADER_BYTES = 16;
/** An enhanced packet block without the packet: 28 bytes before it, 4 behind. */
const BLOCK_BYTES = 32;
const LITTLE_ENDIAN = true;
const ENHANCED_PACKET = 6;
const MICROS = 1_000_000;

/** Offset of the first record that is not from before `ts`, microseconds; the length if all are. */
export function recordsSince(records: Uint8Array, ts: number): number {
  const view = viewOf(records);
  let at = 0;
  while (at < records.length) {
    const micros = view.getUint32(at, LITTLE_ENDIAN) * MICROS +
      view.getUint32(at + 4, LITTLE_ENDIAN);
    if (micros >= ts) return at;
    at += RECORD_HEADER_BYTES + view.getUint32(at + 8, LITTLE_ENDIAN);
  }
  return records.length;
}

/** Blocks of a pcapng file. */
export interface Blocks {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly packets: number;
}

/**
 * The packets as enhanced packet blocks of interface 0 with a clock of microseconds, in pieces of
 * at most `piece` bytes, but of one packet at least.
 */
export function packetBlocks(records: Uint8Array, piece: number): Blocks[] {
  const view = viewOf(records);
  const pieces: Blocks[] = [];
  for (let at = 0; at < records.length;) {
    let end = at;
    let bytes = 0;
    let packets = 0;
    while (end < records.length) {
      const captured = view.getUint32(end + 8, LITTLE_ENDIAN);
      const block = BLOCK_BYTES + padded(captured);
      if (packets > 0 && bytes + block > piece) break;
      bytes += block;
      packets++;
      end += RECORD_HEADER_BYTES + captured;
    }
    pieces.push({ bytes: encode(records.subarray(at, end), bytes), packets });
    at = end;
  }
  return pieces;
}

function encode(records: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> {
  const from = viewOf(records);
  const out = new Uint8Array(bytes);
  const to = new DataView(out.buffer);
  let block = 0;
  for (let at = 0; at < records.length;) {
    const micros = BigInt(from.getUint32(at, LITTLE_ENDIAN)) * BigInt(MICROS) +
      BigInt(from.getUint32(at + 4, LITTLE_ENDIAN));
    const captured = from.getUint32(at + 8, LITTLE_ENDIAN);
    const wire = from.getUint32(at + 12, LITTLE_ENDIAN);
    const length = BLOCK_BYTES + padded(captured);
    to.setUint32(block, ENHANCED_PACKET, LITTLE_ENDIAN);
    to.setUint32(block + 4, length, LITTLE_ENDIAN);
    to.setUint32(block + 12, Number(micros >> 32n), LITTLE_ENDIAN);
    to.setUint32(block + 16, Number(micros & 0xffff_ffffn), LITTLE_ENDIAN);
    to.setUint32(block + 20, captured, LITTLE_ENDIAN);
    to.setUint32(block + 24, wire, LITTLE_ENDIAN);
    const begin = at + RECORD_HEADER_BYTES;
    out.set(records.subarray(begin, begin + captured), block + 28);
    to.setUint32(block + length - 4, length, LITTLE_ENDIAN);
    at = begin + captured;
    block += length;
  }
  return out;
}

/** What the head of a file says about where its packets come from. */
export interface FileFacts {
  readonly linkType: number;
  readonly snapLength: number;
  readonly interface: string;
  /** What the kernel let pass. */
  readonly filter: string;
  readonly application: string;
}

/** Section and interface: what a file begins with. */
export function fileHead(facts: FileFacts): Uint8Array<ArrayBuffer> {
  const section = new Uint8Array(16);
  const view = viewOf(section);
  view.setUint32(0, 0x1a2b3c4d, LITTLE_ENDIAN);
  view.setUint16(4, 1, LITTLE_ENDIAN);
  // The length of the section is not known: -1.
  section.fill(0xff, 8);
  const description = new Uint8Array(8);
  const fields = viewOf(description);
  fields.setUint16(0, facts.linkType, LITTLE_ENDIAN);
  fields.setUint32(4, facts.snapLength, LITTLE_ENDIAN);
  const text = (value: string): Uint8Array<ArrayBuffer> =>
    new TextEncoder().encode(value);
  return concatBytes([
    block(0x0a0d0d0a, section, option(4, text(facts.application)), option(0)),
    block(
      1,
      description,
      option(2, text(facts.interface)),
      // if_tsresol: microseconds. if_filter: a text for libpcap.
      option(9, new Uint8Array([6])),
      option(11, concatBytes([new Uint8Array([0]), text(facts.filter)])),
      option(0),
    ),
  ]);
}

/** Longest value of an option; a filter may be longer. */
const OPTION_BYTES_MAX = 0xffff;

function option(
  code: number,
  value: Uint8Array = new Uint8Array(),
): Uint8Array {
  const kept = value.subarray(0, OPTION_BYTES_MAX);
  const head = new Uint8Array(4);
  const view = viewOf(head);
  view.setUint16(0, code, LITTLE_ENDIAN);
  view.setUint16(2, kept.length, LITTLE_ENDIAN);
  return concatBytes([head, kept, new Uint8Array(-kept.length & 3)]);
}

function block(
  type: number,
  ...content: Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const body = concatBytes(content);
  const head = new Uint8Array(8);
  const view = viewOf(head);
  view.setUint32(0, type, LITTLE_ENDIAN);
  view.setUint32(4, 12 + body.length, LITTLE_ENDIAN);
  return concatBytes([head, body, head.subarray(4)]);
}

function padded(length: number): number {
  return length + 3 & ~3;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
