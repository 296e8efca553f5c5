/** The segment of the spool that is being written, and its open batch. @module */
import {
  encodeFrame,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./spool_format.ts";
import { hex32, syncFolder } from "./spool_folder.ts";
import type { Segment } from "./spool_segment.ts";

const NO_BYTES = new Uint8Array();

/**
 * Writes frames to a file of its own. A write throws what the disk says and has then changed nothing:
 * what a full disk took of it is cut off again.
 */
export class SegmentWriter {
  readonly segment: Segment;
  readonly #file: Deno.FsFile;
  #nextBatch = 0;
  /** Where the open batch starts, and its first row. */
  #start = SEGMENT_HEADER_BYTES;
  #seq = 0;
  #rows = 0;
  #dirty = false;

  private constructor(file: Deno.FsFile, segment: Segment) {
    this.#file = file;
    this.segment = segment;
  }

  /** Makes a file in `dir`; there is none if the disk has no room for its header. */
  static create(dir: string, header: SegmentHeader): SegmentWriter {
    const { spoolId, epoch, segment: number } = header;
    const name = `${hex32(epoch)}-${hex32(number)}.wal`;
    const file = Deno.openSync(`${dir}/${name}`, {
      createNew: true,
      write: true,
      mode: 0o600,
    });
    const writer = new SegmentWriter(file, {
      ...{ name, spoolId, epoch, number },
      recovered: false,
      bytes: 0,
      batches: [],
    });
    try {
      writer.#write(encodeSegmentHeader(header));
      syncFolder(dir);
    } catch (thrown) {
      file.close();
      Deno.removeSync(`${dir}/${name}`);
      throw thrown;
    }
    return writer;
  }

  /** Rows of the open batch. */
  get rows(): number {
    return this.#rows;
  }

  /** Bytes of the open batch. */
  get bytes(): number {
    return this.segment.bytes - this.#start;
  }

  /** Adds rows to the open batch: their text, the number of the first. Returns the bytes written. */
  write(
    payload: Uint8Array,
    { seq, rows }: { readonly seq: number; readonly rows: number },
  ): number {
    const frame = encodeFrame({ batch: this.#nextBatch, seq, rows }, payload);
    const written = this.#write(frame);
    if (this.#rows === 0) this.#seq = seq;
    this.#rows += rows;
    return written;
  }

  /** Completes the open batch; `seq` is the number of the row that comes next. Returns the bytes written. */
  seal(seq: number): number {
    const index = this.#nextBatch;
    const written = this.#write(
      encodeFrame({ batch: index, seq, rows: 0 }, NO_BYTES),
    );
    this.segment.batches.push({
      handed: false,
      index,
      start: this.#start,
      end: this.segment.bytes,
      seq: this.#seq,
      rows: this.#rows,
    });
    this.#nextBatch++;
    this.#start = this.segment.bytes;
    this.#rows = 0;
    return written;
  }

  /** Brings what was written to the disk itself. */
  async sync(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#file.syncData();
  }

  /** Syncs and closes the file, whatever the disk says to the first. */
  close(): void {
    try {
      this.#file.syncDataSync();
    } finally {
      this.#file.close();
    }
  }

  #write(bytes: Uint8Array): number {
    let written = 0;
    try {
      while (written < bytes.length) {
        written += this.#file.writeSync(bytes.subarray(written));
      }
    } catch (thrown) {
      this.#file.truncateSync(this.segment.bytes);
      this.#file.seekSync(this.segment.bytes, Deno.SeekMode.Start);
      throw thrown;
    }
    this.segment.bytes += written;
    this.#dirty = true;
    return written;
  }
}
