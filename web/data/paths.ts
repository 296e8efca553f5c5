/** Where the page of a value is. @module */
import { createHash } from "node:crypto";
import { parseIp } from "../../lib/ip.ts";
import { readNetwork } from "../query/fields.ts";
import { isJa4 } from "./search.ts";

/** Values that have pages of their own, by the name that the query language gives them. */
export const ENTITY_FIELDS = [
  "ip",
  "net",
  "asn",
  "country",
  "ja4",
  "host",
  "ua",
] as const;
export type EntityField = typeof ENTITY_FIELDS[number];

/** Characters of a User-Agent's hash in a path: enough for 2^32 of them with one clash in 2 billion. */
export const UA_HASH_LENGTH = 16;

/** What stands for a User-Agent in a path: hex digits, the head of its SHA-256. */
export function userAgentHash(userAgent: string): string {
  return createHash("sha256").update(userAgent).digest("hex")
    .slice(0, UA_HASH_LENGTH);
}

/** Path of the page about a value; undefined if there is none about such a value. */
export function pathOf(field: string, value: string): string | undefined {
  switch (field) {
    case "ip": {
      const ip = parseIp(value);
      return ip === undefined ? undefined : `/ip/${ip}`;
    }
    case "net": {
      const network = canonicalNetwork(value);
      return network === undefined ? undefined : `/net/${network}`;
    }
    case "asn":
      return /^[1-9]\d{0,9}$/.test(value) ? `/asn/${value}` : undefined;
    case "country":
      return /^[A-Z]{2}$/.test(value) ? `/country/${value}` : undefined;
    case "ja4":
      return isJa4(value) ? `/ja4/${value}` : undefined;
    case "host":
      return value === "" ? undefined : `/hosts/${encodeURIComponent(value)}`;
    case "ua":
      return value === "" ? undefined : `/ua/${userAgentHash(value)}`;
    default:
      return undefined;
  }
}

/** A network in its one spelling, `192.0.2.0/24`, bits behind the prefix cleared; undefined if it is none. */
export function canonicalNetwork(text: string): string | undefined {
  const [, length] = text.split("/");
  const network = length === undefined ? undefined : readNetwork(text);
  return network === undefined
    ? undefined
    : `${network.first}/${Number(length)}`;
}
