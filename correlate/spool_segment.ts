/** A segment of the spool on disk: what it holds, and the rows of a batch of it. @module */
import { concatBytes } from "../lib/bytes.ts";
import {
  decodeSegmentHeader,
  scanFrames,
  SEGMENT_HEADER_BYTES,
} from "./spool_format.ts";
import type { Delivered } from "./spool_folder.ts";

/** A batch whose bounds are on disk. */
export interface SealedBatch {
  /** It was given out for delivery. */
  handed: boolean;
  readonly index: number;
  /** Bytes from the start of the segment. */
  readonly start: number;
  readonly end: number;
  /** Of its first row. */
  readonly seq: number;
  readonly rows: number;
}

/** One file of the spool. */
export interface Segment {
  readonly name: string;
  readonly spoolId: bigint;
  readonly epoch: number;
  readonly number: number;
  /** An earlier process wrote it. */
  readonly recovered: boolean;
  bytes: number;
  /** Sealed and not delivered, oldest first. */
  readonly batches: SealedBatch[];
}

/** What {@linkcode recoverSegment} found. */
export interface RecoveredSegment {
  /** Undefined if its header is damaged: the file is put aside then. */
  readonly segment: Segment | undefined;
  /** Bytes that are part of no frame. */
  readonly damagedBytes: number;
  /** Rows between frames that are whole. */
  readonly rowsMissing: number;
}

/** The token under which a batch is delivered: the same again after any restart. */
export function tokenOf(
  { spoolId, epoch, number }: Segment,
  { index }: SealedBatch,
): string {
  const parts = [spoolId, epoch, number, index];
  return parts.map((part) => part.toString(16)).join(":");
}

/** Reads the file `name` that an earlier process left in the folder `dir`. */
export function recoverSegment(
  dir: string,
  name: string,
  delivered: Delivered | undefined,
): RecoveredSegment {
  const path = `${dir}/${name}`;
  const bytes = Deno.readFileSync(path);
  const header = decodeSegmentHeader(bytes);
  if (header === undefined) {
    // Its name still says which it was; rows without an epoch cannot be identified.
    Deno.renameSync(path, `${path}.damaged`);
    return { segment: undefined, damagedBytes: bytes.length, rowsMissing: 0 };
  }
  let { seq } = header;
  let rowsMissing = 0;
  const found = new Map<number, SealedBatch>();
  const body = bytes.subarray(SEGMENT_HEADER_BYTES);
  const { damagedBytes } = scanFrames(body, (frame, start, end) => {
    if (frame.seq > seq) rowsMissing += frame.seq - seq;
    seq = frame.seq + frame.rows;
    const before = found.get(frame.batch);
    if (before === undefined && frame.rows === 0) return;
    found.set(frame.batch, {
      handed: false,
      index: frame.batch,
      start: before?.start ?? start + SEGMENT_HEADER_BYTES,
      end: end + SEGMENT_HEADER_BYTES,
      seq: before?.seq ?? frame.seq,
      rows: (before?.rows ?? 0) + frame.rows,
    });
  });
  const { epoch, segment: number } = header;
  const segment: Segment = {
    name,
    spoolId: header.spoolId,
    epoch,
    number,
    recovered: true,
    bytes: bytes.length,
    // A batch without its seal is complete too: no one will add to it.
    batches: [...found.values()].filter(({ index }) =>
      !isDelivered(delivered, { epoch, number }, index)
    ),
  };
  return { segment, damagedBytes, rowsMissing };
}

/** The rows of a batch as the disk has them now: NDJSON, and how many there are. */
export function readBatch(
  dir: string,
  { name }: Segment,
  { index, start, end }: SealedBatch,
): { readonly payload: Uint8Array; readonly rows: number } {
  const range = new Uint8Array(end - start);
  using file = Deno.openSync(`${dir}/${name}`);
  file.seekSync(start, Deno.SeekMode.Start);
  let length = 0;
  while (length < range.length) {
    const read = file.readSync(range.subarray(length));
    if (read === null) break;
    length += read;
  }
  const payloads: Uint8Array[] = [];
  let rows = 0;
  scanFrames(range.subarray(0, length), (frame) => {
    if (frame.batch !== index) return;
    payloads.push(frame.payload);
    rows += frame.rows;
  });
  return { payload: concatBytes(payloads), rows };
}

function isDelivered(
  delivered: Delivered | undefined,
  { epoch, number }: Pick<Segment, "epoch" | "number">,
  batch: number,
): boolean {
  if (delivered === undefined) return false;
  if (epoch !== delivered.epoch) return epoch < delivered.epoch;
  if (number !== delivered.segment) return number < delivered.segment;
  return batch <= delivered.batch;
}
