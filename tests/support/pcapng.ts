/** Builds pcap files of any variant, and pcapng files block by block. @module */
import { bytes, type Packet, type Part } from "./packets.ts";

/** Byte order of the numbers of a file. */
export type Order = "little" | "big";

/** Integers of 2, 4 or 8 bytes, one after the other. */
function numbers(
  order: Order,
  ...values: readonly [size: 2 | 4 | 8, value: number | bigint][]
): Uint8Array<ArrayBuffer> {
  return bytes(...values.map(([size, value]) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)));
    const big = new Uint8Array(view.buffer, 8 - size);
    return order === "big" ? big : big.toReversed();
  }));
}

/** A variant of pcap. */
export interface PcapVariant {
  readonly magic: number;
  readonly order: Order;
  /** Ticks of its clock in a microsecond. */
  readonly ticks: 1 | 1000;
  /** Bytes between a record's header and its packet. */
  readonly extra: 0 | 8;
}

/** A file of Ethernet packets. */
export function pcapOf(
  packets: readonly Packet[],
  { magic, order, ticks, extra }: PcapVariant,
): Uint8Array<ArrayBuffer> {
  return bytes(
    numbers(order, [4, magic], [2, 2], [2, 4], [8, 0], [4, 65_535], [4, 1]),
    ...packets.flatMap(({ ts, frame, wire }) => [
      numbers(
        order,
        [4, Math.floor(ts / 1e6)],
        [4, (ts % 1e6) * ticks],
        [4, frame.length],
        [4, wire ?? frame.length],
      ),
      new Uint8Array(extra),
      frame,
    ]),
  );
}

/** Writes the blocks of a pcapng file. */
export class Pcapng {
  readonly #parts: Uint8Array[] = [];
  #order: Order = "little";

  /** The file so far. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return bytes(...this.#parts);
  }

  /** Begins a section; its interfaces are counted from 0. */
  section(order: Order): this {
    this.#order = order;
    const rest = numbers(order, [4, 0x1a2b3c4d], [2, 1], [2, 0], [8, -1n]);
    return this.block(0x0a0d0d0a, rest);
  }

  /** Describes an interface; `resolution` is the option if_tsresol. */
  interface(linkType: number, resolution?: number): this {
    const options = resolution === undefined ? [] : bytes(
      numbers(this.#order, [2, 9], [2, 1]),
      [resolution, 0, 0, 0],
      numbers(this.#order, [4, 0]),
    );
    return this.block(
      1,
      numbers(this.#order, [2, linkType], [2, 0], [4, 262_144]),
      options,
    );
  }

  /** A packet of an interface of the section, at `ticks` of its clock. */
  packet(
    { frame, wire }: Packet,
    interfaceNumber: number,
    ticks: bigint,
  ): this {
    return this.block(
      6,
      numbers(
        this.#order,
        [4, interfaceNumber],
        [4, ticks >> 32n],
        [4, ticks & 0xffff_ffffn],
        [4, frame.length],
        [4, wire ?? frame.length],
      ),
      frame,
    );
  }

  /** Any block. */
  block(type: number, ...content: Part[]): this {
    const body = bytes(...content);
    const padding = new Uint8Array(-body.length & 3);
    const length = numbers(
      this.#order,
      [4, 12 + body.length + padding.length],
    );
    this.#parts.push(
      bytes(numbers(this.#order, [4, type]), length, body, padding, length),
    );
    return this;
  }
}
