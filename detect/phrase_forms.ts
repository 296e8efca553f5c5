/** The forms that phrases of features have: so many of all requests, a share of clients, a quantity. @module */
import { FREE_BITS } from "./features.ts";
import { counted, log2p1, number, percent, ratio } from "./quantities.ts";
import { browserName } from "./rules.ts";
import type { Signature, WindowFacts } from "./windows.ts";

/** One feature of one window in words. Text of clients is shortened and made visible. */
export interface Phrase {
  /** What was seen, for a table. */
  readonly here: string;
  /** What people's median would be in a window of this size. */
  readonly usual: string;
  /** The same as a clause of a sentence: small first letter, no full stop; empty where it says nothing. */
  readonly clause: string;
}

/** What a phrase is made of. */
export interface Subject {
  readonly facts: WindowFacts;
  /** The signature of most requests. */
  readonly signature: Signature | undefined;
  /** Of the feature. */
  readonly value: number;
  readonly median: number;
  /** Addresses of the window's fingerprint, as far as the features tell. */
  readonly addresses: number;
}

/** Shares below this are said as "does not". */
const RARE = 0.02;

/** Of features in bits: the probability that they stand for. */
export function chances(
  { value, median }: Subject,
  clause: (share: string, rare: boolean) => string,
): Phrase {
  return {
    here: `${share(value)} do so`,
    usual: share(median),
    clause: clause(share(value), 2 ** -(value + FREE_BITS) < RARE),
  };
}

/** Of features that are shares of the requests. */
export function among(
  { facts, median }: Subject,
  count: number,
  clause: (among: string) => string,
): Phrase {
  const all = facts.requests;
  return {
    here: `${count} of ${all}`,
    usual: `${Math.round(median * all)} of ${all}`,
    clause: clause(
      count === all && all > 1
        ? `all ${all} requests`
        : `${count} of ${counted(all, "request")}`,
    ),
  };
}

/** Of features that are a share times a measure of how much there was to see. */
export function loaded(
  { facts, median }: Subject,
  count: number,
  all: number,
  clause: (among: string) => string,
  load = log2p1(facts.requests),
): Phrase {
  return {
    here: `${count} of ${all}`,
    usual: `${Math.round(all * ratio(median, load))} of ${all}`,
    clause: clause(`${count} of ${all}`),
  };
}

/** Of features that are a quantity themselves. */
export function plain(
  { value, median }: Subject,
  clause: (value: number) => string,
  text: (value: number) => string = number,
): Phrase {
  return { here: text(value), usual: text(median), clause: clause(value) };
}

/** Of features about all clients of one fingerprint. */
export function grouped(
  { addresses, median }: Subject,
  clause: (addresses: string) => string,
): Phrase {
  const usual = Math.round(2 ** median - 1);
  return {
    here: counted(addresses, "address", "addresses"),
    usual: usual > 1 ? `${usual} addresses` : "1 address",
    clause: addresses > 1 ? clause(`${addresses} addresses`) : "",
  };
}

/** Where there are too few pages to tell. */
export function few(usual: string): Phrase {
  return {
    here: "too few pages",
    usual: usual === "" ? "too few pages" : `± ${usual}`,
    clause: "too few pages to tell",
  };
}

/** The variation that 1 / (offset + variation) stands for. */
export function variation(value: number, offset: number): string {
  return percent(Math.max(0, 1 / value - offset));
}

/** What the client says that it is, for "... does not". */
export function claimed({ facts }: Subject): string {
  const { ua_family } = facts;
  return ["", "other", "bot"].includes(ua_family)
    ? "such a client"
    : browserName(facts);
}

const SYSTEMS: Readonly<Record<string, string>> = {
  windows: "Windows",
  macos: "macOS",
  ios: "iOS",
  linux: "Linux",
  android: "Android",
  chromeos: "ChromeOS",
};

/** The name of the system that the client claims; empty if it claims none. */
export function system({ signature }: Subject): string {
  return SYSTEMS[signature?.ua_os ?? ""] ?? "";
}

/** Whose TCP stack sends such a SYN; empty if that is not known. */
export function systemOf(signature: string): string {
  const [ttl, options = ""] = signature.split("|");
  if (ttl === "128") return "Windows";
  if (options.startsWith("2-1-3-1-1-8-4")) return "macOS or iOS";
  return options.startsWith("2-4-8-1-3") ? "Linux or Android" : "";
}

/** The probability of so many bits; the first was free. */
function share(bits: number): string {
  return bits > 0 ? percent(2 ** -(bits + FREE_BITS)) : "most";
}
