/**
 * Builds ClientHellos, packets and capture files byte by byte, for the cases in this folder and
 * for benchmarks. Nothing here shares code with the parser that is tested.
 *
 * @module
 */

/** Big-endian numbers and byte strings, one after the other. */
export type Part = Uint8Array | readonly number[] | string;

/** The parts as one byte string; text is taken as Latin-1. */
export function bytes(...parts: Part[]): Uint8Array<ArrayBuffer> {
  const flat = parts.flatMap((part) =>
    typeof part === "string"
      ? [...part].map((char) => char.charCodeAt(0))
      : [...part]
  );
  return new Uint8Array(flat);
}

/** Two bytes. */
export function u16(value: number): number[] {
  return [value >> 8 & 255, value & 255];
}

/** Four bytes. */
export function u32(value: number): number[] {
  return [...u16(value / 65_536), ...u16(value % 65_536)];
}

/** `content` after its length in one byte. */
export function vec8(...content: Part[]): Uint8Array<ArrayBuffer> {
  const inner = bytes(...content);
  return bytes([inner.length], inner);
}

/** `content` after its length in two bytes. */
export function vec16(...content: Part[]): Uint8Array<ArrayBuffer> {
  const inner = bytes(...content);
  return bytes(u16(inner.length), inner);
}

/** One extension. */
export function extension(
  type: number,
  ...content: Part[]
): Uint8Array<ArrayBuffer> {
  return bytes(u16(type), vec16(...content));
}

/** The parts of a ClientHello that cases vary. */
export interface HelloOptions {
  readonly legacyVersion?: number;
  readonly random?: Uint8Array;
  readonly sessionId?: Uint8Array;
  readonly ciphers?: readonly number[];
  readonly extensions?: readonly Uint8Array[];
}

export const CIPHERS = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f] as const;

/** Extensions by content, as usual clients send them. */
export const EXT = {
  sni: (name: string) => extension(0, vec16([0], vec16(name))),
  alpn: (...names: string[]) =>
    extension(16, vec16(...names.map((name) => vec8(name)))),
  groups: (...list: number[]) => extension(10, vec16(...list.map(u16))),
  pointFormats: () => extension(11, vec8([0])),
  signatureAlgorithms: (...list: number[]) =>
    extension(13, vec16(...list.map(u16))),
  versions: (...list: number[]) => extension(43, vec8(...list.map(u16))),
  keyShare: (group: number, length: number) =>
    extension(51, vec16(u16(group), vec16(new Uint8Array(length).fill(7)))),
  padding: (length: number) => extension(21, new Uint8Array(length)),
  sessionTicket: () => extension(35),
  earlyData: () => extension(42),
  psk: () =>
    extension(
      41,
      vec16(vec16(new Uint8Array(32)), u32(0)),
      vec16(vec8(new Uint8Array(32))),
    ),
} as const;

/** Extensions of an ordinary client of TLS 1.3. */
export function ordinaryExtensions(name = "www.example.com"): Uint8Array[] {
  return [
    EXT.sni(name),
    EXT.groups(0x1d, 0x17),
    EXT.pointFormats(),
    EXT.signatureAlgorithms(0x0403, 0x0804, 0x0401),
    EXT.alpn("h2", "http/1.1"),
    EXT.versions(0x0304, 0x0303),
    EXT.keyShare(0x1d, 32),
  ];
}

/** A ClientHello message with its handshake header. */
export function clientHello(
  options: HelloOptions = {},
): Uint8Array<ArrayBuffer> {
  const body = bytes(
    u16(options.legacyVersion ?? 0x0303),
    options.random ?? new Uint8Array(32).fill(0x5a),
    vec8(options.sessionId ?? new Uint8Array(32).fill(0x11)),
    vec16(...(options.ciphers ?? CIPHERS).map(u16)),
    vec8([0]),
    vec16(...(options.extensions ?? ordinaryExtensions())),
  );
  return bytes([1, body.length >> 16], u16(body.length & 0xffff), body);
}

/** `message` in handshake records of at most `size` bytes. */
export function records(
  message: Uint8Array,
  size = 16_384,
): Uint8Array<ArrayBuffer> {
  const parts: Part[] = [];
  for (let at = 0; at < message.length; at += size) {
    parts.push([22, 3, 1], vec16(message.subarray(at, at + size)));
  }
  return bytes(...parts);
}

/** One packet of a capture file. */
export interface Packet {
  /** Microseconds since the epoch. */
  readonly ts: number;
  readonly frame: Uint8Array;
  /** Length on the wire, where the capture cut the packet. */
  readonly wire?: number;
}

/** 2026-01-01T00:00:00Z. */
export const START_US = 1_767_225_600_000_000;

/** A pcap file of `packets` (draft-ietf-opsawg-pcap), Ethernet unless said otherwise. */
export function pcapFile(
  packets: readonly Packet[],
  linkType = 1,
): Uint8Array<ArrayBuffer> {
  const size = packets.reduce((sum, { frame }) => sum + 16 + frame.length, 24);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  const little = true;
  view.setUint32(0, 0xa1b2c3d4, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(16, 262_144, little);
  view.setUint32(20, linkType, little);
  let at = 24;
  for (const { ts, frame, wire } of packets) {
    view.setUint32(at, Math.floor(ts / 1e6), little);
    view.setUint32(at + 4, ts % 1e6, little);
    view.setUint32(at + 8, frame.length, little);
    view.setUint32(at + 12, wire ?? frame.length, little);
    file.set(frame, at + 16);
    at += 16 + frame.length;
  }
  return file;
}

/**
 * A pcapng file (draft-ietf-opsawg-pcapng) of `packets`, each on an interface of its own link type;
 * time in nanoseconds.
 */
export function pcapngFile(
  packets: readonly Packet[],
  linkTypes: readonly number[],
): Uint8Array<ArrayBuffer> {
  const little = (value: number): number[] => u32(value).reverse();
  const block = (type: number, ...content: Part[]): Uint8Array => {
    const body = bytes(...content);
    const padding = new Uint8Array((4 - body.length % 4) % 4);
    const length = little(12 + body.length + padding.length);
    return bytes(little(type), length, body, padding, length);
  };
  const noLength = new Uint8Array(8).fill(255);
  const nanoseconds = [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
  return bytes(
    block(0x0a0d0d0a, little(0x1a2b3c4d), [1, 0, 0, 0], noLength),
    ...linkTypes.map((linkType) =>
      block(1, little(linkType), little(262_144), nanoseconds)
    ),
    ...packets.map(({ ts, frame, wire }, index) => {
      const ticks = BigInt(ts) * 1000n;
      return block(
        6,
        little(index % linkTypes.length),
        little(Number(ticks >> 32n)),
        little(Number(ticks & 0xffff_ffffn)),
        little(frame.length),
        little(wire ?? frame.length),
        frame,
      );
    }),
  );
}

/** `payload` as Ethernet of `etherType`. */
export function ethernet(
  etherType: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return bytes([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], u16(etherType), payload);
}

/** Two ends and what carries them. */
export interface Ends {
  /** Dotted quads; both or neither. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

function quad(address: string): number[] {
  return address.split(".").map(Number);
}

function words(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const list = (part: string) => part === "" ? [] : part.split(":");
  const [front, back] = [list(head), tail === undefined ? [] : list(tail)];
  const zeros = Array<string>(8 - front.length - back.length).fill("0");
  return [...front, ...zeros, ...back].flatMap((word) =>
    u16(parseInt(word, 16))
  );
}

/** An IPv4 or IPv6 packet, by the form of the addresses. Checksums are 0, as offloading leaves them. */
export function ip(
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (source.includes(":")) {
    return bytes(
      [0x60, 0, 0, 0],
      u16(payload.length),
      [protocol, 64],
      words(source),
      words(destination),
      payload,
    );
  }
  return bytes(
    [0x45, 0],
    u16(20 + payload.length),
    u16(0x1234),
    [0x40, 0, 64, protocol, 0, 0],
    quad(source),
    quad(destination),
    payload,
  );
}

/** TCP flags. */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** Options of a Linux SYN: MSS, SACK permitted, timestamps, NOP, window scale. */
const SYN_OPTIONS = [
  2,
  4,
  5,
  180,
  4,
  2,
  8,
  10,
  0,
  0,
  0,
  1,
  0,
  0,
  0,
  0,
  1,
  3,
  3,
  7,
];

/** A TCP connection as packets; `offset` counts the client's bytes after its SYN. */
export class Connection {
  readonly ends: Ends;
  readonly packets: Packet[] = [];
  readonly #isn: number;
  /** Time of the next packet. */
  ts: number;
  /** From one packet to the next, microseconds. */
  readonly stepUs: number;

  constructor(
    options: Partial<Ends> & { isn?: number; ts?: number; stepUs?: number } =
      {},
  ) {
    this.ends = {
      source: options.source ?? "192.0.2.10",
      destination: options.destination ?? "198.51.100.7",
      sourcePort: options.sourcePort ?? 50_000,
      destinationPort: options.destinationPort ?? 443,
    };
    this.#isn = options.isn ?? 1_000_000;
    this.ts = options.ts ?? START_US;
    this.stepUs = options.stepUs ?? 1000;
  }

  /** The three packets of the handshake. */
  open(): this {
    return this.syn().synAck().client(0, []);
  }

  syn(payload: Part = []): this {
    return this.#push({
      offset: -1,
      flags: SYN,
      payload,
      options: SYN_OPTIONS,
    });
  }

  synAck(): this {
    return this.#push({
      offset: -1,
      flags: SYN | ACK,
      payload: [],
      options: SYN_OPTIONS,
      reply: true,
    });
  }

  /** A segment of the client at `offset`. */
  client(offset: number, payload: Part, flags = ACK): this {
    return this.#push({ offset, flags, payload });
  }

  /** A segment of the server at `offset` of its bytes. */
  server(offset: number, payload: Part, flags = ACK): this {
    return this.#push({ offset, flags, payload, reply: true });
  }

  /** The client's bytes in segments of `size`. */
  send(payload: Uint8Array, size = 1400): this {
    for (let at = 0; at < payload.length; at += size) {
      this.client(at, payload.subarray(at, at + size));
    }
    return this;
  }

  #push(segment: {
    offset: number;
    flags: number;
    payload: Part;
    options?: readonly number[];
    reply?: boolean;
  }): this {
    const { offset, flags, payload, options = [], reply = false } = segment;
    const { source, destination, sourcePort, destinationPort } = this.ends;
    const [mine, other] = reply ? [5000, this.#isn] : [this.#isn, 5000];
    const acknowledged = flags & ACK ? (other + 1) % 2 ** 32 : 0;
    const tcp = bytes(
      u16(reply ? destinationPort : sourcePort),
      u16(reply ? sourcePort : destinationPort),
      u32((mine + 1 + offset + 2 ** 32) % 2 ** 32),
      u32(acknowledged),
      [(20 + options.length) / 4 << 4, flags],
      u16(64_240),
      [0, 0, 0, 0],
      options,
      payload,
    );
    const packet = reply
      ? ip(destination, source, 6, tcp)
      : ip(source, destination, 6, tcp);
    const etherType = source.includes(":") ? 0x86dd : 0x0800;
    this.packets.push({ ts: this.ts, frame: ethernet(etherType, packet) });
    this.ts += this.stepUs;
    return this;
  }
}
