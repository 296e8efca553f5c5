/**
 * Texts as bytes in a few large buffers, out of sight of the collector of garbage: a text takes
 * blocks of one size, chained, so that any text can be freed at any time and none is ever moved.
 *
 * @module
 */

/** A ClientHello's facts take four to six: the last one is half empty on average. */
const BLOCK_BYTES = 256;
const PAGE_BLOCKS = 4096;
const NONE = -1;
const decoder = new TextDecoder();

/** See the module's comment. The caller bounds how much it stores. */
export class TextArena {
  readonly #pages: Uint8Array[] = [];
  /** The next block of a text, or of the list of free ones; of a text's last block ~bytes that it holds there. */
  #next = new Int32Array();
  #free = NONE;
  #scratch: Uint8Array<ArrayBuffer> = new Uint8Array(4096);

  /** Bytes reserved. */
  get bytes(): number {
    return this.#pages.length * PAGE_BLOCKS * BLOCK_BYTES;
  }

  /** Copies `text`; returns its first block, -1 for an empty one. */
  store(text: Uint8Array): number {
    const blocks = Math.ceil(text.length / BLOCK_BYTES);
    if (blocks === 0) return NONE;
    const first = this.#take();
    let last = first;
    let at = 0;
    let run = first;
    for (let n = 1; n < blocks; n++) {
      const block = this.#take();
      this.#next[last] = block;
      if (block !== last + 1 || block % PAGE_BLOCKS === 0) {
        const end = at + (last + 1 - run) * BLOCK_BYTES;
        this.#write(run, text.subarray(at, end));
        at = end;
        run = block;
      }
      last = block;
    }
    this.#next[last] = ~(text.length - (blocks - 1) * BLOCK_BYTES);
    this.#write(run, at === 0 ? text : text.subarray(at));
    return first;
  }

  /** The text whose first block is `first`. */
  read(first: number): string {
    let at = 0;
    for (let block = first; block >= 0;) {
      // Blocks that follow each other are read together: mostly all of them.
      const run = block;
      let size = 0;
      let next = this.#next[block] ?? NONE;
      while (next === block + 1 && next % PAGE_BLOCKS !== 0) {
        size += BLOCK_BYTES;
        block = next;
        next = this.#next[block] ?? NONE;
      }
      size += next >= 0 ? BLOCK_BYTES : ~next;
      const start = run % PAGE_BLOCKS * BLOCK_BYTES;
      const part = this.#pages[run / PAGE_BLOCKS | 0]
        ?.subarray(start, start + size);
      if (part === undefined) break;
      if (at === 0 && next < 0) return decoder.decode(part);
      if (at + size > this.#scratch.length) {
        this.#scratch = grown(this.#scratch, at + size);
      }
      this.#scratch.set(part, at);
      at += size;
      block = next;
    }
    return decoder.decode(this.#scratch.subarray(0, at));
  }

  /** Gives the blocks of a text back. */
  release(first: number): void {
    if (first === NONE) return;
    let last = first;
    for (let next; (next = this.#next[last] ?? NONE) >= 0;) last = next;
    this.#next[last] = this.#free;
    this.#free = first;
  }

  #take(): number {
    if (this.#free === NONE) this.#grow();
    const block = this.#free;
    this.#free = this.#next[block] ?? NONE;
    return block;
  }

  #write(block: number, part: Uint8Array): void {
    this.#pages[block / PAGE_BLOCKS | 0]?.set(
      part,
      block % PAGE_BLOCKS * BLOCK_BYTES,
    );
  }

  #grow(): void {
    const from = this.#pages.length * PAGE_BLOCKS;
    this.#pages.push(new Uint8Array(PAGE_BLOCKS * BLOCK_BYTES));
    const next = new Int32Array(from + PAGE_BLOCKS);
    next.set(this.#next);
    for (let i = 0; i < PAGE_BLOCKS; i++) {
      next[from + i] = i + 1 < PAGE_BLOCKS ? from + i + 1 : this.#free;
    }
    this.#next = next;
    this.#free = from;
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length * 2);
  larger.set(bytes);
  return larger;
}
