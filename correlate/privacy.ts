/**
 * What becomes of visitors' addresses and of query strings before anything is written. The join
 * itself needs the addresses; no output sees more than the settings allow.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { IpAddress, RequestEvent, UnixMicros } from "../lib/events.ts";
import { ipBytes, ipFromBytes, maskIp, parseIp } from "../lib/ip.ts";
import { invariant } from "../lib/invariant.ts";
import type { Hello } from "./hello.ts";
import type { Joined } from "./join_options.ts";
import { type QueryMode, QueryPrivacy } from "./query_privacy.ts";

/**
 * - `full`: as they are
 * - `truncate`: to the /24 of an IPv4 address or the /48 of an IPv6 address
 * - `hmac`: a keyed pseudonym within fd00::/8, the same for the same address on one day (UTC)
 * - `drop`: `::`
 */
export type AddressMode = "full" | "truncate" | "hmac" | "drop";

/** Settings of {@linkcode Privacy}. */
export interface PrivacyOptions {
  readonly addresses: AddressMode;
  /** From which the key of each day is derived; for `hmac` alone. */
  readonly key?: Uint8Array | undefined;
  readonly query: QueryMode;
  /** Names of parameters whose values go, for `redact`. */
  readonly queryNames: readonly string[];
}

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
const DAY_US = 86_400_000_000;
/** Days whose keys are held: around midnight events of two come in any order. */
const DAYS_MAX = 3;
const NOWHERE = parseIp("::") as IpAddress;

/** The key of a day and the pseudonyms that were made with it. */
interface DayKey {
  readonly key: Uint8Array;
  readonly pseudonyms: Map<IpAddress, IpAddress>;
}

/** Hides what rows may not contain. */
export class Privacy {
  readonly #addresses: AddressMode;
  readonly #key: Uint8Array;
  readonly #query: QueryPrivacy;
  readonly #days = new Map<number, DayKey>();

  constructor({ addresses, key, query, queryNames }: PrivacyOptions) {
    invariant(
      addresses !== "hmac" || (key !== undefined && key.length > 0),
      "hmac needs a key",
    );
    this.#addresses = addresses;
    this.#key = key ?? new Uint8Array();
    this.#query = new QueryPrivacy(query, queryNames);
  }

  /** Whether a text of unknown meaning may be kept. */
  get keepsAll(): boolean {
    return this.#addresses === "full" && this.#query.keepsAll;
  }

  /** The row as it may be written. The server's own address stays. */
  apply(joined: Joined): Joined {
    if (this.keepsAll) return joined;
    switch (joined.match) {
      case "tls_only":
        return { ...joined, handshake: this.#hideHello(joined.handshake) };
      case "none":
        return {
          ...joined,
          request: this.#hideRequest(joined.request),
          text: undefined,
        };
      default:
        return {
          ...joined,
          request: this.#hideRequest(joined.request),
          text: undefined,
          handshake: this.#hideHello(joined.handshake),
        };
    }
  }

  /** One address of an event of `ts` by the mode. */
  hide(ip: IpAddress, ts: UnixMicros): IpAddress {
    switch (this.#addresses) {
      case "full":
        return ip;
      case "truncate":
        return maskIp(ip, { v4: 24, v6: 48 });
      case "drop":
        return NOWHERE;
      case "hmac":
        return pseudonym(ip, this.#dayKey(Math.floor(ts / DAY_US)));
    }
  }

  #hideHello(hello: Hello): Hello {
    if (this.#addresses === "full") return hello;
    const facts = JSON.parse(`{${hello.facts}}`) as Record<string, unknown>;
    // A hash of addresses and ports without a key: it can be tried out.
    delete facts["community_id"];
    const proxy = facts["proxy_src_ip"];
    if (proxy !== undefined) {
      facts["proxy_src_ip"] = this.hide(proxy as IpAddress, hello.ts);
    }
    return {
      ...hello,
      src_ip: this.hide(hello.src_ip, hello.ts),
      facts: JSON.stringify(facts).slice(1, -1),
    };
  }

  #hideRequest(request: RequestEvent): RequestEvent {
    const headers = { ...request.headers };
    const { url_query, client_ip, ...rest } = request;
    const query = url_query === undefined
      ? undefined
      : this.#query.query(url_query);
    const { referer } = headers;
    if (typeof referer === "string") {
      headers["referer"] = this.#query.reference(referer);
    }
    const shown: RequestEvent = {
      ...rest,
      headers,
      ...(query === undefined ? {} : { url_query: query }),
      ...(client_ip === undefined ? {} : { client_ip }),
    };
    if (this.#addresses === "full") return shown;
    for (const name of ADDRESS_HEADERS) {
      const value = headers[name];
      if (typeof value === "string") headers[name] = { len: value.length };
    }
    return {
      ...shown,
      src_ip: this.hide(request.src_ip, request.ts),
      ...(client_ip === undefined
        ? {}
        : { client_ip: this.hide(client_ip, request.ts) }),
    };
  }

  #dayKey(day: number): DayKey {
    const known = this.#days.get(day);
    if (known !== undefined) return known;
    const [first] = this.#days.keys();
    if (this.#days.size >= DAYS_MAX && first !== undefined) {
      this.#days.delete(first);
    }
    const date = new Date(day * DAY_US / 1000).toISOString().slice(0, 10);
    const key = createHmac("sha256", this.#key).update(`addresses of ${date}`)
      .digest();
    const made: DayKey = { key, pseudonyms: new Map() };
    this.#days.set(day, made);
    return made;
  }
}

function pseudonym(ip: IpAddress, { key, pseudonyms }: DayKey): IpAddress {
  const known = pseudonyms.get(ip);
  if (known !== undefined) return known;
  if (pseudonyms.size >= PSEUDONYMS_MAX) pseudonyms.clear();
  const bytes = new Uint8Array(
    createHmac("sha256", key).update(ipBytes(ip)).digest(),
  ).subarray(0, 16);
  bytes[0] = 0xfd; // a unique local address (RFC 4193): it belongs to nobody
  const made = ipFromBytes(bytes);
  pseudonyms.set(ip, made);
  return made;
}
