/**
 * Builds QUIC and DTLS datagrams and IP fragments byte by byte, with the cryptography of
 * node:crypto. Nothing here shares code with the parser that is tested.
 *
 * @module
 */
import { createCipheriv, createHmac } from "node:crypto";
import {
  bytes,
  type Ends,
  ethernet,
  ip,
  type Packet,
  type Part,
  START_US,
  u16,
  u32,
  vec16,
  vec8,
} from "./packets.ts";

/** UDP datagrams between two ends, a millisecond apart. */
export class Datagrams {
  readonly ends: Ends;
  readonly packets: Packet[] = [];
  #ts: number;

  constructor(options: Partial<Ends> & { ts?: number } = {}) {
    this.ends = {
      source: options.source ?? "192.0.2.10",
      destination: options.destination ?? "198.51.100.7",
      sourcePort: options.sourcePort ?? 50_000,
      destinationPort: options.destinationPort ?? 443,
    };
    this.#ts = options.ts ?? START_US;
  }

  /** A datagram of the client. */
  client(...payload: Part[]): this {
    const { source, destination, sourcePort, destinationPort } = this.ends;
    const content = bytes(...payload);
    const udp = bytes(
      u16(sourcePort),
      u16(destinationPort),
      u16(8 + content.length),
      [0, 0],
      content,
    );
    const etherType = source.includes(":") ? 0x86dd : 0x0800;
    const frame = ethernet(etherType, ip(source, destination, 17, udp));
    this.packets.push({ ts: this.#ts, frame });
    this.#ts += 1000;
    return this;
  }
}

/** Versions of QUIC with their salts (RFC 9001, RFC 9369, drafts of RFC 9001). */
export const QUIC = {
  v1: [0x0000_0001, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a"],
  v2: [0x6b33_43cf, "0dede3def700a6db819381be6e269dcbf9bd2ed9"],
  draft34: [0xff00_0022, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a"],
  draft33: [0xff00_0021, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a"],
  draft32: [0xff00_0020, "afbfec289993d24c9e9786f19c6111e04390a899"],
  draft29: [0xff00_001d, "afbfec289993d24c9e9786f19c6111e04390a899"],
  draft28: [0xff00_001c, "c3eef712c72ebb5a11a7d2432bb46365bef9f502"],
  draft25: [0xff00_0019, "c3eef712c72ebb5a11a7d2432bb46365bef9f502"],
  draft23: [0xff00_0017, "c3eef712c72ebb5a11a7d2432bb46365bef9f502"],
  draft22: [0xff00_0016, "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a"],
  mvfst27: [0xface_b002, "c3eef712c72ebb5a11a7d2432bb46365bef9f502"],
  mvfst22: [0xface_b001, "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a"],
  t050: [0x5430_3530, "7ff579e5acd072915580304c43a2367c60488310"],
  t051: [0x5430_3531, "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"],
  unknown: [0x1a2a_3a4a, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a"],
} as const satisfies Record<string, readonly [number, string]>;

/** An Initial packet of a client. */
export interface InitialOptions {
  readonly version?: keyof typeof QUIC;
  /** Destination connection identifier. */
  readonly id?: Uint8Array;
  /** The identifier that the keys follow from, where it is another. */
  readonly keyId?: Uint8Array;
  readonly token?: Uint8Array;
  readonly number?: number;
  /** Bytes of the packet number. */
  readonly numberBytes?: number;
  /** Length of the packet. */
  readonly size?: number;
}

/** Identifier that a client chooses unless said otherwise. */
const FIRST_ID = bytes("firstone");

/** A CRYPTO frame. */
export function cryptoFrame(
  offset: number,
  data: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return bytes([6], varint(offset), varint(data.length), data);
}

/** An Initial packet with `frames`, filled up with PADDING, protected. */
export function initial(
  frames: readonly Part[],
  options: InitialOptions = {},
): Uint8Array<ArrayBuffer> {
  const [version, salt] = QUIC[options.version ?? "v1"];
  const { id = FIRST_ID, number = 0, numberBytes = 1, size = 1200 } = options;
  const second = options.version === "v2";
  const keys = clientKeys(
    salt,
    options.keyId ?? id,
    second ? "quicv2" : "quic",
  );
  const token = options.token ?? new Uint8Array();
  const before = bytes(
    [0xc0 | (second ? 0x10 : 0) | (numberBytes - 1)],
    u32(version),
    vec8(id),
    vec8("client"),
    varint(token.length),
    token,
  );
  const content = bytes(...frames);
  const least = before.length + 2 + numberBytes + 16;
  const padded = new Uint8Array(Math.max(content.length, size - least));
  padded.set(content);
  const header = bytes(
    before,
    u16(0x4000 | (numberBytes + padded.length + 16)),
    u32(number).slice(4 - numberBytes),
  );
  const nonce = keys.iv.slice();
  u32(number).forEach((byte, at) =>
    nonce[8 + at] = (nonce[8 + at] ?? 0) ^ byte
  );
  const cipher = createCipheriv("aes-128-gcm", keys.key, nonce);
  cipher.setAAD(header);
  const sealed = bytes(cipher.update(padded), cipher.final());
  const packet = bytes(header, sealed, cipher.getAuthTag());
  const numberAt = header.length - numberBytes;
  const sample = packet.subarray(numberAt + 4, numberAt + 20);
  const protection = createCipheriv("aes-128-ecb", keys.header, null);
  const mask = protection.update(sample);
  protection.final();
  const flip = (at: number, bits: number) =>
    packet[at] = (packet[at] ?? 0) ^ bits;
  flip(0, (mask[0] ?? 0) & 0x0f);
  for (let at = 0; at < numberBytes; at++) {
    flip(numberAt + at, mask[1 + at] ?? 0);
  }
  return packet;
}

/** A 0-RTT packet with `size` bytes that nobody can read. */
export function zeroRtt(size: number): Uint8Array<ArrayBuffer> {
  return bytes(
    [0xd0],
    u32(1),
    vec8(FIRST_ID),
    vec8("client"),
    u16(0x4000 | size),
    new Uint8Array(size).fill(0xaa),
  );
}

function varint(value: number): number[] {
  return value < 64 ? [value] : u16(0x4000 | value);
}

function clientKeys(
  salt: string,
  id: Uint8Array,
  prefix: string,
): { key: Uint8Array; iv: Uint8Array; header: Uint8Array } {
  const secret = hmac(Uint8Array.fromHex(salt), id);
  const client = expand(secret, "client in", 32);
  return {
    key: expand(client, `${prefix} key`, 16),
    iv: expand(client, `${prefix} iv`, 12),
    header: expand(client, `${prefix} hp`, 16),
  };
}

/** HKDF-Expand-Label for at most one block (RFC 8446, section 7.1). */
function expand(secret: Uint8Array, label: string, size: number): Uint8Array {
  const info = bytes(u16(size), vec8("tls13 ", label), vec8());
  return hmac(secret, bytes(info, [1])).subarray(0, size);
}

function hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return bytes(createHmac("sha256", key).update(data).digest());
}

/** Parts of a DTLS ClientHello that cases vary. */
export interface DtlsOptions {
  /** Of the record; legacy_version of the message is its own. */
  readonly version?: number;
  readonly epoch?: number;
  /** message_seq. */
  readonly sequence?: number;
}

/** A ClientHello of TLS as DTLS has it: with a cookie after the session identifier. */
export function withCookie(
  hello: Uint8Array,
  cookie: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  // Behind header, version and random.
  const session = 4 + 2 + 32;
  const at = session + 1 + (hello[session] ?? 0);
  const body = bytes(hello.subarray(4, at), vec8(cookie), hello.subarray(at));
  return bytes([1, 0], u16(body.length), body);
}

/** The fragment from `start` to `end` of the body of `message`, in a record of its own. */
export function dtlsRecord(
  message: Uint8Array,
  options: DtlsOptions = {},
  start = 0,
  end: number = message.length - 4,
): Uint8Array<ArrayBuffer> {
  const { version = 0xfefd, epoch = 0, sequence = 0 } = options;
  const part = message.subarray(4 + start, 4 + end);
  return bytes(
    [22],
    u16(version),
    u16(epoch),
    [0, 0, 0, 0, 0, sequence],
    vec16(
      message.subarray(0, 4),
      u16(sequence),
      [0],
      u16(start),
      [0],
      u16(part.length),
      part,
    ),
  );
}

/** `packet` in IP fragments of at most `size` bytes of payload, a multiple of eight. */
export function ipFragments(packet: Packet, size: number): Packet[] {
  const { frame, ts } = packet;
  const version6 = frame[12] === 0x86;
  const headerBytes = version6 ? 40 : 20;
  const header = frame.subarray(14, 14 + headerBytes);
  const payload = frame.subarray(14 + headerBytes);
  const packets: Packet[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.subarray(at, at + size);
    const more = at + size < payload.length;
    const fragment = version6
      ? bytes(
        header.subarray(0, 4),
        u16(8 + part.length),
        [44],
        header.subarray(7),
        [header[6] ?? 0, 0],
        u16(at | Number(more)),
        u32(7),
        part,
      )
      : bytes(
        header.subarray(0, 2),
        u16(20 + part.length),
        header.subarray(4, 6),
        u16((more ? 0x2000 : 0) | at / 8),
        header.subarray(8),
        part,
      );
    const etherType = version6 ? 0x86dd : 0x0800;
    packets.push({ ts, frame: ethernet(etherType, fragment) });
  }
  return packets;
}
