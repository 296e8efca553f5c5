/**
 * The write-ahead spool: rows in, sealed batches out, kept on disk in between.
 *
 * A row counts as accepted once `flush()` has written it: a killed process loses what was not
 * flushed and nothing else, a power failure what `sync()` has not reached. The bounds of a batch are
 * on disk before it is delivered, so that after any death it has the same rows and the same token
 * again, and the database can tell that it has them.
 *
 * One process owns the folder (an exclusive lock). Files: `lock`, `state` (spool id, last epoch, what
 * is delivered) and `<epoch>-<segment>.wal`.
 *
 * @module
 */
import { messageOf } from "../lib/errors.ts";
import { invariant } from "../lib/invariant.ts";
import {
  FRAME_HEADER_BYTES,
  PAYLOAD_BYTES_MAX,
  SEGMENT_HEADER_BYTES,
} from "./spool_format.ts";
import {
  type Delivered,
  epochsOf,
  folderFault,
  lockFolder,
  readState,
  syncFolder,
  writeState,
} from "./spool_folder.ts";
import {
  readBatch,
  recoverSegment,
  type SealedBatch,
  type Segment,
  tokenOf,
} from "./spool_segment.ts";
import { SegmentWriter } from "./spool_writer.ts";

/** Settings of {@linkcode Spool}. Sizes are bytes. */
export interface SpoolOptions {
  readonly dir: string;
  /** A segment is closed at the first seal beyond this size. */
  readonly segmentBytes: number;
  /** Bound of all segments together. */
  readonly bytesMax: number;
  /**
   * What gives when the bound is reached: the oldest segment, the rows that come, or the inputs, which
   * are not read until there is room ({@linkcode Spool.blocked}); rows that come all the same are
   * refused.
   */
  readonly whenFull: "drop_oldest" | "drop_newest" | "block";
  /** Rows that wait in memory while the disk refuses to take them. */
  readonly memoryBytesMax: number;
  /** Seconds since the epoch: the first candidate for this start's `epoch`. */
  readonly nowS: number;
}

/** Rows that are delivered together, under one token. */
export interface Batch {
  /** `spool id:epoch:segment:batch`, hexadecimal: the same again after any restart. */
  readonly token: string;
  readonly epoch: number;
  /** Sequence number of the first row. */
  readonly seq: number;
  /** Rows that were written; damage may have taken some. */
  readonly rows: number;
  /** It was found at the start: whether an earlier process delivered it is not known. */
  readonly recovered: boolean;
  /** NDJSON. */
  readonly payload: Uint8Array;
}

/** Totals since the start, in rows unless named otherwise. */
export interface SpoolCounts {
  /** Rows found on disk at the start that were not delivered. */
  recovered: number;
  written: number;
  delivered: number;
  /** Rows that were accepted and are lost, by reason. */
  readonly dropped: {
    /** Oldest segments removed to make room. */
    full: number;
    /** Refused because there was no room, or the disk took nothing. */
    refused: number;
    /** A gap between frames that are whole. */
    damaged: number;
  };
  /** Bytes that are part of no frame. */
  damagedBytes: number;
}

const encoder = new TextEncoder();

/** See the module's comment. Made by {@linkcode openSpool}. */
export class Spool implements Disposable {
  readonly counts: SpoolCounts = {
    recovered: 0,
    written: 0,
    delivered: 0,
    dropped: { full: 0, refused: 0, damaged: 0 },
    damagedBytes: 0,
  };
  /** Why the last write failed; undefined while the disk takes rows. */
  writeFault: string | undefined;
  /** Drawn when the folder was empty, and the same ever since. */
  readonly id: bigint;
  /** Grows with every start. */
  readonly epoch: number;
  readonly #options: SpoolOptions;
  readonly #lock: Deno.FsFile;
  readonly #segments: Segment[] = [];
  #writer: SegmentWriter | undefined;
  #nextSegment = 1;
  #nextSeq = 1;
  /** Lines that are not written yet. */
  #pending: string[] = [];
  #pendingChars = 0;
  #bytes = 0;
  #blocked = false;
  #waiting: (() => void) | undefined;

  constructor(
    options: SpoolOptions,
    { lock, spoolId, epoch }: {
      lock: Deno.FsFile;
      spoolId: bigint;
      epoch: number;
    },
  ) {
    // A character is at most three bytes of UTF-8.
    invariant(
      options.memoryBytesMax * 3 <= PAYLOAD_BYTES_MAX,
      "what waits in memory must fit one frame",
    );
    this.#options = options;
    this.#lock = lock;
    this.id = spoolId;
    this.epoch = epoch;
  }

  /** Sequence number of the next row. */
  get nextSeq(): number {
    return this.#nextSeq + this.#pending.length;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Rows on disk or in memory that are not delivered. */
  get rowsHeld(): number {
    const sealed = this.#segments.reduce(
      (sum, { batches }) => batches.reduce((n, { rows }) => n + rows, sum),
      0,
    );
    return sealed + this.rowsOpen + this.#pending.length;
  }

  /** Rows that a kill would lose now. */
  get rowsPending(): number {
    return this.#pending.length;
  }

  /** Rows written to the batch that is not sealed yet. */
  get rowsOpen(): number {
    return this.#writer?.rows ?? 0;
  }

  /** Bytes written to the batch that is not sealed yet. */
  get bytesOpen(): number {
    return this.#writer?.bytes ?? 0;
  }

  /** Takes a row: one line of JSON without its newline, which carries the number {@linkcode nextSeq}. */
  append(line: string): void {
    this.#pending.push(line);
    this.#pendingChars += line.length + 1;
  }

  /** Writes what was appended. A disk that is full is tried again at the next call. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const payload = encoder.encode(this.#pending.join("\n") + "\n");
    const rows = this.#pending.length;
    if (payload.length > PAYLOAD_BYTES_MAX || !this.#makeRoom(payload.length)) {
      return this.#refuse();
    }
    try {
      const writer = this.#writer ??= this.#openSegment();
      this.#bytes += writer.write(payload, { seq: this.#nextSeq, rows });
    } catch (thrown) {
      this.writeFault = messageOf(thrown);
      // Kept for the next call, unless that is too much: then the newest go.
      if (this.#pendingChars > this.#options.memoryBytesMax) this.#refuse();
      return;
    }
    this.writeFault = undefined;
    this.counts.written += rows;
    this.#nextSeq += rows;
    this.#pending = [];
    this.#pendingChars = 0;
  }

  /** Completes the open batch, which can then be delivered. Does nothing if it is empty. */
  seal(): void {
    const writer = this.#writer;
    if (writer === undefined || writer.rows === 0) return;
    try {
      this.#bytes += writer.seal(this.#nextSeq);
    } catch (thrown) {
      this.writeFault = messageOf(thrown);
      return;
    }
    this.#waiting?.();
    if (writer.segment.bytes >= this.#options.segmentBytes) {
      this.#closeSegment();
    }
  }

  /** Brings what was written to the disk itself. */
  async sync(): Promise<void> {
    const writer = this.#writer;
    try {
      await writer?.sync();
    } catch (thrown) {
      // The segment may have been closed meanwhile, which syncs it.
      if (writer === this.#writer) this.writeFault = messageOf(thrown);
    }
  }

  /**
   * The oldest batch that was not given out before; undefined when `signal` aborts. They are
   * acknowledged in the same order.
   */
  async next(signal: AbortSignal): Promise<Batch | undefined> {
    while (!signal.aborted) {
      const batch = this.#handOut();
      if (batch !== undefined) return batch;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener("abort", done);
          this.#waiting = undefined;
          resolve();
        };
        this.#waiting = done;
        signal.addEventListener("abort", done);
      });
    }
    return undefined;
  }

  /**
   * Whether inputs should not be read now: the bound is reached, and rows are not to be lost. It ends
   * when a segment has gone, so that it does not come and go with each batch.
   */
  get blocked(): boolean {
    if (this.#options.whenFull !== "block") return false;
    const { bytesMax, segmentBytes, memoryBytesMax } = this.#options;
    const room = bytesMax - this.#bytes - this.#pendingChars;
    const low = Math.min(memoryBytesMax, bytesMax / 4);
    if (room < low || this.writeFault !== undefined) this.#blocked = true;
    else if (room >= Math.min(low + segmentBytes, bytesMax / 2)) {
      this.#blocked = false;
    }
    return this.#blocked;
  }

  /** Whether a sealed batch waits. */
  get hasBatch(): boolean {
    return this.#segments.some(({ batches }) => batches.length > 0);
  }

  /** The batch of this token is delivered, or set aside for good. */
  acknowledge({ token }: Batch): void {
    // It may have been dropped for room while it was under way, and others before it.
    const segment = this.#segments.find(({ batches }) =>
      batches[0]?.handed === true
    );
    const batch = segment?.batches[0];
    if (segment === undefined || batch === undefined) return;
    if (tokenOf(segment, batch) !== token) return;
    segment.batches.shift();
    this.counts.delivered += batch.rows;
    if (segment.batches.length === 0 && segment !== this.#writer?.segment) {
      this.#removeSegment(segment);
    }
    this.#saveState({ segment, batch: batch.index });
  }

  /** Flushes, seals, syncs and lets go of the folder. */
  [Symbol.dispose](): void {
    this.flush();
    this.seal();
    if (this.#writer !== undefined) this.#closeSegment();
    this.#lock.close();
  }

  /** Reads the segments that an earlier process left. */
  recover(delivered: Delivered | undefined): void {
    const names = [...Deno.readDirSync(this.#options.dir)]
      .map(({ name }) => name).filter((name) => name.endsWith(".wal")).sort();
    for (const name of names) {
      const found = recoverSegment(this.#options.dir, name, delivered);
      this.counts.damagedBytes += found.damagedBytes;
      this.counts.dropped.damaged += found.rowsMissing;
      const { segment } = found;
      if (segment === undefined) continue;
      this.#bytes += segment.bytes;
      this.#segments.push(segment);
      for (const { rows } of segment.batches) this.counts.recovered += rows;
      if (segment.batches.length === 0) this.#removeSegment(segment);
    }
  }

  #handOut(): Batch | undefined {
    for (const segment of this.#segments) {
      const sealed = segment.batches.find(({ handed }) => !handed);
      if (sealed === undefined) continue;
      sealed.handed = true;
      return {
        token: tokenOf(segment, sealed),
        epoch: segment.epoch,
        seq: sealed.seq,
        rows: sealed.rows,
        recovered: segment.recovered,
        payload: this.#read(segment, sealed),
      };
    }
    return undefined;
  }

  #read(segment: Segment, batch: SealedBatch): Uint8Array {
    const { payload, rows } = readBatch(this.#options.dir, segment, batch);
    if (rows < batch.rows && !segment.recovered) {
      this.counts.dropped.damaged += batch.rows - rows;
    }
    return payload;
  }

  #openSegment(): SegmentWriter {
    const { dir } = this.#options;
    const writer = SegmentWriter.create(dir, {
      spoolId: this.id,
      epoch: this.epoch,
      segment: this.#nextSegment++,
      seq: this.#nextSeq,
    });
    this.#segments.push(writer.segment);
    this.#bytes += writer.segment.bytes;
    return writer;
  }

  #closeSegment(): void {
    const writer = this.#writer;
    invariant(writer !== undefined, "there is no open segment");
    this.#writer = undefined;
    try {
      writer.close();
    } catch (thrown) {
      this.writeFault = messageOf(thrown);
    }
    if (writer.segment.batches.length === 0) {
      this.#removeSegment(writer.segment);
    }
  }

  /** Whether a frame of `bytes` and its seal fit within the bound, perhaps after the oldest rows went. */
  #makeRoom(bytes: number): boolean {
    const needed = bytes + SEGMENT_HEADER_BYTES + 2 * FRAME_HEADER_BYTES;
    while (this.#bytes + needed > this.#options.bytesMax) {
      const oldest = this.#segments[0];
      if (
        this.#options.whenFull !== "drop_oldest" || oldest === undefined ||
        oldest === this.#writer?.segment
      ) return false;
      for (const { rows } of oldest.batches) this.counts.dropped.full += rows;
      oldest.batches.length = 0;
      this.#removeSegment(oldest);
    }
    return true;
  }

  /** Gives up the rows that are not written; their numbers go to later rows, so that no gap is left. */
  #refuse(): void {
    this.counts.dropped.refused += this.#pending.length;
    this.#pending = [];
    this.#pendingChars = 0;
  }

  #removeSegment(segment: Segment): void {
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
    this.#bytes -= segment.bytes;
    try {
      Deno.removeSync(`${this.#options.dir}/${segment.name}`);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }

  #saveState(
    { segment, batch }: { segment: Segment; batch: number },
  ): void {
    try {
      writeState(this.#options.dir, {
        spoolId: this.id,
        epoch: this.epoch,
        delivered: { epoch: segment.epoch, segment: segment.number, batch },
      });
    } catch (thrown) {
      // The batch would be delivered again under its token, which stores nothing twice.
      this.writeFault = messageOf(thrown);
    }
  }
}

/**
 * Opens the spool of a folder and recovers what is in it.
 *
 * @throws {FatalError} `unavailable` if another process has it, `noPermission` or `noInput` if the
 * folder cannot be used.
 */
export function openSpool(options: SpoolOptions): Spool {
  const lock = lockFolder(options.dir);
  try {
    const state = readState(options.dir);
    const last = Math.max(state?.epoch ?? 0, ...epochsOf(options.dir));
    const epoch = Math.max(options.nowS, last + 1);
    const spoolId = state?.spoolId ?? randomId();
    // Before the first row, so that no later start can have the same epoch.
    writeState(options.dir, { spoolId, epoch, delivered: state?.delivered });
    syncFolder(options.dir);
    const spool = new Spool(options, { lock, spoolId, epoch });
    spool.recover(state?.delivered);
    return spool;
  } catch (thrown) {
    lock.close();
    throw folderFault(options.dir, thrown);
  }
}

function randomId(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;
}
