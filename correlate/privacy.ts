/**
 * What becomes of visitors' addresses before anything is written. The join itself needs them; no
 * output sees more than the mode allows.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { CorrelatedEvent, IpAddress } from "../lib/events.ts";
import { ipBytes, ipFromBytes, maskIp, parseIp } from "../lib/ip.ts";
import { invariant } from "../lib/invariant.ts";

/**
 * - `full`: as they are
 * - `truncate`: to the /24 of an IPv4 address or the /48 of an IPv6 address
 * - `hmac`: a keyed pseudonym, the same for the same address, within fd00::/8
 * - `drop`: `::`
 */
export type AddressMode = "full" | "truncate" | "hmac" | "drop";

/** Headers that repeat an address which a proxy saw. */
const ADDRESS_HEADERS = [
  "x-forwarded-for",
  "forwarded",
  "x-real-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "x-client-ip",
  "x-cluster-client-ip",
];
const PSEUDONYMS_MAX = 65_536;

/** Hides the client's addresses in events, by one mode. */
export class AddressPrivacy {
  readonly #mode: AddressMode;
  readonly #key: Uint8Array;
  readonly #pseudonyms = new Map<IpAddress, IpAddress>();

  /** `key` is used by `hmac` alone. */
  constructor(mode: AddressMode, key: Uint8Array = new Uint8Array()) {
    invariant(mode !== "hmac" || key.length > 0, "hmac needs a key");
    this.#mode = mode;
    this.#key = key;
  }

  /** The event as it may be written. The server's own address stays. */
  apply(event: CorrelatedEvent): CorrelatedEvent {
    if (this.#mode === "full") return event;
    const hidden: Record<string, unknown> = {
      ...event,
      src_ip: this.hide(event.src_ip),
      // A hash of addresses and ports without a key: it can be tried out.
      community_id: undefined,
    };
    for (const key of ["client_ip", "proxy_src_ip"] as const) {
      const ip = (event as Partial<Record<typeof key, IpAddress>>)[key];
      if (ip !== undefined) hidden[key] = this.hide(ip);
    }
    if ("headers" in event && event.headers !== undefined) {
      const headers = { ...event.headers };
      for (const name of ADDRESS_HEADERS) {
        const value = headers[name];
        if (typeof value === "string") headers[name] = { len: value.length };
      }
      hidden["headers"] = headers;
    }
    return hidden as unknown as CorrelatedEvent;
  }

  /** One address by the mode. */
  hide(ip: IpAddress): IpAddress {
    switch (this.#mode) {
      case "full":
        return ip;
      case "truncate":
        return maskIp(ip, { v4: 24, v6: 48 });
      case "drop":
        return NOWHERE;
      case "hmac":
        return this.#pseudonym(ip);
    }
  }

  #pseudonym(ip: IpAddress): IpAddress {
    const known = this.#pseudonyms.get(ip);
    if (known !== undefined) return known;
    if (this.#pseudonyms.size >= PSEUDONYMS_MAX) this.#pseudonyms.clear();
    const bytes = new Uint8Array(
      createHmac("sha256", this.#key).update(ipBytes(ip)).digest(),
    ).subarray(0, 16);
    bytes[0] = 0xfd; // a unique local address (RFC 4193): it belongs to nobody
    const pseudonym = ipFromBytes(bytes);
    this.#pseudonyms.set(ip, pseudonym);
    return pseudonym;
  }
}

const NOWHERE = parseIp("::") as IpAddress;
