/** Identifiers of events: a UUID's text from three numbers, so that a batch is a range. @module */

/** Makes `event_id`s: 32 bits of the host and its spool, 32 bits of the spool's epoch, 64 bits of a sequence. */
export class EventIds {
  readonly #prefix: string;

  constructor(origin: number, epoch: number) {
    const hex = hex32(origin) + hex32(epoch);
    this.#prefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12)}-`;
  }

  /** The identifier of event `seq`, below 2^53. */
  of(seq: number): string {
    const high = hex32(Math.floor(seq / 2 ** 32));
    return `${this.#prefix}${high.slice(0, 4)}-${high.slice(4)}${
      hex32(seq >>> 0)
    }`;
  }
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** FNV-1a of a name: the same host has the same 32 bits after a restart. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
