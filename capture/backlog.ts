/** Blocks of lines on their way to a reader: bounded, the oldest give way. @module */

const NEWLINE = 10;

/** A queue of blocks, each of whole lines. */
export class Backlog {
  readonly #bytesMax: number;
  #blocks: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #linesDropped = 0;

  /** Holds at most `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Lines that had to give way so far. */
  get linesDropped(): number {
    return this.#linesDropped;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a block at the end. */
  push(block: Uint8Array<ArrayBuffer>): void {
    this.#blocks.push(block);
    this.#bytes += block.length;
    while (this.#bytes > this.#bytesMax) this.#dropOldest();
  }

  /** Drops of the oldest block what is too much, whole lines. */
  #dropOldest(): void {
    const oldest = this.take() ?? new Uint8Array();
    const excess = this.#bytes + oldest.length - this.#bytesMax;
    const end = oldest.indexOf(NEWLINE, excess - 1) + 1 || oldest.length;
    this.#linesDropped += countLines(oldest.subarray(0, end));
    if (end === oldest.length) return;
    this.#blocks.unshift(oldest.subarray(end));
    this.#bytes += oldest.length - end;
  }

  /** Puts back the rest of a block that was taken; it gives way first. */
  putBack(block: Uint8Array<ArrayBuffer>): void {
    if (this.#bytes + block.length > this.#bytesMax) {
      this.#linesDropped += countLines(block);
      return;
    }
    this.#blocks.unshift(block);
    this.#bytes += block.length;
  }

  /** Takes the oldest block. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    const block = this.#blocks.shift();
    this.#bytes -= block?.length ?? 0;
    return block;
  }
}

/** The lines of `block` of which not every byte is among the first `written`. */
export function linesAfter(
  block: Uint8Array<ArrayBuffer>,
  written: number,
): Uint8Array<ArrayBuffer> {
  if (written === 0) return block;
  const complete = block.subarray(0, written).lastIndexOf(NEWLINE) + 1;
  return block.subarray(complete);
}

/** Lines in a block. */
export function countLines(block: Uint8Array): number {
  let lines = 0;
  for (
    let at = block.indexOf(NEWLINE);
    at >= 0;
    at = block.indexOf(NEWLINE, at + 1)
  ) lines++;
  return lines;
}
