/**
 * What could not be used, kept for a person: malformed input and rows that the database refuses.
 * Two files at most, each bounded; the older half goes when both are full.
 *
 * @module
 */
import { shorten } from "../lib/text.ts";

/** Where an unusable text came from. */
export type DeadLetterSource = "network" | "http" | "clickhouse";

/** Characters kept of one text. */
const TEXT_MAX = 16_384;

/** Appends to `<dir>/dead-letter.ndjson`, which becomes `.1` when it has reached half of the bound. */
export class DeadLetters {
  /** Entries that were not kept because the disk refused. */
  lost = 0;
  readonly #path: string;
  readonly #fileBytesMax: number;
  readonly #now: () => number;
  #bytes: number | undefined;

  constructor(
    dir: string,
    { bytesMax, now }: { bytesMax: number; now: () => number },
  ) {
    this.#path = `${dir}/dead-letter.ndjson`;
    this.#fileBytesMax = bytesMax / 2;
    this.#now = now;
  }

  /** Keeps `text` and why it is here. */
  add(source: DeadLetterSource, reason: string, text: string): void {
    this.#append(source, reason, { text: shorten(text, TEXT_MAX) });
  }

  /** Keeps that there was a text, where it may hold what must not be written. */
  addWithoutText(
    source: DeadLetterSource,
    reason: string,
    characters: number,
  ): void {
    this.#append(source, reason, { characters });
  }

  #append(
    source: DeadLetterSource,
    reason: string,
    content: { text: string } | { characters: number },
  ): void {
    const entry = {
      ts: new Date(this.#now() / 1000).toISOString(),
      source,
      reason: shorten(reason, 1000),
      ...content,
    };
    const bytes = new TextEncoder().encode(JSON.stringify(entry) + "\n");
    try {
      this.#bytes ??= sizeOf(this.#path);
      if (this.#bytes + bytes.length > this.#fileBytesMax && this.#bytes > 0) {
        Deno.renameSync(this.#path, `${this.#path}.1`);
        this.#bytes = 0;
      }
      Deno.writeFileSync(this.#path, bytes, { append: true, mode: 0o600 });
      this.#bytes += bytes.length;
    } catch {
      this.lost++;
      this.#bytes = undefined;
    }
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return 0;
    throw thrown;
  }
}
