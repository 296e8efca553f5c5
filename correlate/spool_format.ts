/**
 * The bytes of a spool segment: frames out, and frames found again in bytes that may be torn or
 * damaged anywhere.
 *
 * A segment is a header of 40 bytes and frames. A frame carries everything that recovery needs to
 * know about it (which batch, which sequence numbers), so that one damaged frame costs its own rows
 * only, and their number is known from the gap in the sequence.
 *
 *     header: "JA4SPOOL" | u32 version | u32 epoch | u64 spool id | u64 first sequence |
 *             u32 segment | u32 crc of the bytes before it
 *     frame:  u32 magic | u32 crc | u32 bytes | u32 batch | u64 first sequence | u32 rows | payload
 *
 * Numbers are little-endian; a frame's `crc` is CRC-32 of all bytes behind it. The payload is NDJSON. A frame
 * without rows is a seal: its batch is complete.
 *
 * @module
 */
import { crc32 } from "node:zlib";

/** Bytes of a segment's header. */
export const SEGMENT_HEADER_BYTES = 40;
/** Bytes of a frame before its payload. */
export const FRAME_HEADER_BYTES = 28;
/** Longest payload: what one flush may write. A longer length is damage. */
export const PAYLOAD_BYTES_MAX = 32 * 2 ** 20;

const SEGMENT_MAGIC = new TextEncoder().encode("JA4SPOOL");
const VERSION = 1;
/** "FRM" and a byte that no UTF-8 text holds, so that payload text never looks like a frame. */
const FRAME_MAGIC = 0xff4d5246;

/** Whose segment it is. */
export interface SegmentHeader {
  /** Random, made with the folder: tokens of an emptied folder must not repeat. */
  readonly spoolId: bigint;
  /** Grows with every start of a process; part of every `event_id`. */
  readonly epoch: number;
  /** Counts the segments of an epoch, from 1. */
  readonly segment: number;
  /** Sequence number of its first row. */
  readonly seq: number;
}

/** What a frame's header says. */
export interface FrameHeader {
  readonly batch: number;
  /** Sequence number of the first row; the others follow without a gap. */
  readonly seq: number;
  /** Rows of the payload; 0 seals the batch. */
  readonly rows: number;
}

/** A frame that was found whole. */
export interface Frame extends FrameHeader {
  readonly payload: Uint8Array;
}

/** Writes a segment's header. */
export function encodeSegmentHeader(
  { spoolId, epoch, segment, seq }: SegmentHeader,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(SEGMENT_MAGIC);
  view.setUint32(8, VERSION, LITTLE);
  view.setUint32(12, epoch, LITTLE);
  view.setBigUint64(16, spoolId, LITTLE);
  setUint53(view, 24, seq);
  view.setUint32(32, segment, LITTLE);
  view.setUint32(36, crc32(bytes.subarray(0, 36)), LITTLE);
  return bytes;
}

/** Reads a segment's header; undefined if it is none or damaged. */
export function decodeSegmentHeader(
  bytes: Uint8Array,
): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (
    !SEGMENT_MAGIC.every((byte, i) => bytes[i] === byte) ||
    view.getUint32(8, LITTLE) !== VERSION ||
    view.getUint32(36, LITTLE) !== crc32(bytes.subarray(0, 36))
  ) return undefined;
  return {
    epoch: view.getUint32(12, LITTLE),
    spoolId: view.getBigUint64(16, LITTLE),
    segment: view.getUint32(32, LITTLE),
    seq: getUint53(view, 24),
  };
}

/** Writes a frame. */
export function encodeFrame(
  { batch, seq, rows }: FrameHeader,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FRAME_MAGIC, LITTLE);
  view.setUint32(8, payload.length, LITTLE);
  view.setUint32(12, batch, LITTLE);
  setUint53(view, 16, seq);
  view.setUint32(24, rows, LITTLE);
  bytes.set(payload, FRAME_HEADER_BYTES);
  view.setUint32(4, crc32(bytes.subarray(8)), LITTLE);
  return bytes;
}

/** What {@linkcode scanFrames} found besides frames. */
export interface ScanResult {
  /** Bytes that are part of no whole frame: a torn end, or damage. */
  readonly damagedBytes: number;
}

/**
 * Calls `take` for each whole frame in `bytes`, in order. Behind damage it looks for the next
 * frame byte by byte.
 */
export function scanFrames(
  bytes: Uint8Array,
  take: (frame: Frame, start: number, end: number) => void,
): ScanResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let damagedBytes = 0;
  let at = 0;
  while (at < bytes.length) {
    const end = frameEnd(bytes, view, at);
    if (end < 0) {
      damagedBytes++;
      at++;
      continue;
    }
    take(
      {
        batch: view.getUint32(at + 12, LITTLE),
        seq: getUint53(view, at + 16),
        rows: view.getUint32(at + 24, LITTLE),
        payload: bytes.subarray(at + FRAME_HEADER_BYTES, end),
      },
      at,
      end,
    );
    at = end;
  }
  return { damagedBytes };
}

/** End of the whole frame that starts at `at`, or -1. */
function frameEnd(bytes: Uint8Array, view: DataView, at: number): number {
  if (at + FRAME_HEADER_BYTES > bytes.length) return -1;
  if (view.getUint32(at, LITTLE) !== FRAME_MAGIC) return -1;
  const length = view.getUint32(at + 8, LITTLE);
  const end = at + FRAME_HEADER_BYTES + length;
  if (length > PAYLOAD_BYTES_MAX || end > bytes.length) return -1;
  const whole = view.getUint32(at + 4, LITTLE) ===
    crc32(bytes.subarray(at + 8, end));
  return whole ? end : -1;
}

function setUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, LITTLE);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), LITTLE);
}

function getUint53(view: DataView, at: number): number {
  return view.getUint32(at, LITTLE) + view.getUint32(at + 4, LITTLE) * 2 ** 32;
}

const LITTLE = true;
