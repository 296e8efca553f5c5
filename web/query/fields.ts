/**
 * The fields a query may name: a closed list. What each holds, how its values are written, and what
 * is wrong with one that is not. No name or value of a query ever becomes part of a statement.
 *
 * @module
 */
import { parseIp } from "../../lib/ip.ts";
import type { Op, Value } from "./ast.ts";

/** How the values of a field are written and compared. */
export type FieldKind =
  | "ip"
  | "number"
  | "bytes"
  | "duration"
  | "asn"
  | "status"
  | "time"
  | "text"
  | "choice";

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** For people, in the builder and in heads of columns. */
  readonly label: string;
  /** What the builder suggests. */
  readonly example: string;
  /** All there are, for a choice. */
  readonly choices?: readonly string[];
}

export const FIELDS: readonly Field[] = [
  { name: "ip", kind: "ip", label: "Address", example: "192.0.2.0/24" },
  { name: "asn", kind: "asn", label: "AS number", example: "AS64501" },
  { name: "country", kind: "text", label: "Country", example: "DE" },
  choice("network", "Kind of network", [
    "isp",
    "hosting",
    "mobile",
    "edu",
    "tor",
    "vpn",
    "private",
    "loopback",
    "documentation",
  ]),
  { name: "host", kind: "text", label: "Host", example: "shop.example.com" },
  { name: "path", kind: "text", label: "Path", example: "/login*" },
  { name: "query", kind: "text", label: "Query string", example: "*id=*" },
  { name: "method", kind: "text", label: "Method", example: "POST" },
  { name: "status", kind: "status", label: "Status", example: "4xx" },
  {
    name: "ua",
    kind: "text",
    label: "User agent",
    example: "*HeadlessChrome*",
  },
  {
    name: "ua.family",
    kind: "text",
    label: "Claimed client",
    example: "chrome",
  },
  { name: "ua.os", kind: "text", label: "Claimed system", example: "windows" },
  { name: "referrer", kind: "text", label: "Referrer", example: "*google*" },
  {
    name: "ja4",
    kind: "text",
    label: "JA4",
    example: "t13d1516h2_8daaf6152771_b186095e22b6",
  },
  { name: "ja4.a", kind: "text", label: "JA4 a", example: "t13d1516h2" },
  { name: "ja4.b", kind: "text", label: "JA4 b", example: "8daaf6152771" },
  { name: "ja4.c", kind: "text", label: "JA4 c", example: "b186095e22b6" },
  {
    name: "ja4.client",
    kind: "text",
    label: "Client by JA4",
    example: "python",
  },
  { name: "sni", kind: "text", label: "Server name (SNI)", example: "*" },
  { name: "alpn", kind: "text", label: "Offered ALPN", example: "h2" },
  { name: "tls", kind: "text", label: "TLS version", example: "TLSv1.3" },
  { name: "http", kind: "text", label: "HTTP version", example: "2" },
  choice("corr", "Correlation", ["conn", "window", "none", "tls_only"]),
  { name: "bot", kind: "text", label: "Verified bot", example: "Googlebot" },
  { name: "bytes", kind: "bytes", label: "Response size", example: "10k" },
  { name: "dur", kind: "duration", label: "Duration", example: "200ms" },
  { name: "time", kind: "time", label: "Time", example: "-15m" },
  { name: "sensor", kind: "text", label: "Sensor", example: "web-1" },
  { name: "score", kind: "number", label: "Score", example: "0.62" },
  choice("class", "Traffic class", [
    "human",
    "verified",
    "likely",
    "anomalous",
  ]),
  choice("severity", "Severity", ["low", "medium", "high", "critical"]),
  choice("state", "State", [
    "open",
    "acknowledged",
    "escalated",
    "archived",
  ]),
  choice("verdict", "Verdict", [
    "none",
    "true_positive",
    "false_positive",
    "benign_bot",
  ]),
  { name: "assignee", kind: "text", label: "Assignee", example: "anne" },
  { name: "campaign", kind: "text", label: "Campaign", example: "C-12" },
  {
    name: "detection",
    kind: "text",
    label: "Detection",
    example: "D-7F3K2QAB",
  },
  { name: "model", kind: "text", label: "Model", example: "2af7*" },
  choice("list", "List", ["allow", "deny", "watch"]),
];

/** What `is:` may say, and the comparison that it stands for. */
export const STATES: Readonly<
  Record<string, { readonly field: string; readonly value: string }>
> = {
  ...Object.fromEntries(
    (["class", "state"] as const).flatMap((field) =>
      (fieldNamed(field)?.choices ?? []).map((value) => [
        value,
        { field, value },
      ])
    ),
  ),
  uncorrelated: { field: "corr", value: "none" },
};

/** Fields that `has:` may name: those that a request may lack. */
export const OPTIONAL: readonly string[] = [
  "asn",
  "country",
  "host",
  "query",
  "ua",
  "referrer",
  "ja4",
  "ja4.client",
  "sni",
  "alpn",
  "bot",
];

function choice(
  name: string,
  label: string,
  choices: readonly string[],
): Field {
  return { name, kind: "choice", label, example: choices[0] ?? "", choices };
}

/** The field of a name; undefined if there is none. */
export function fieldNamed(name: string): Field | undefined {
  return FIELDS.find((field) => field.name === name);
}

/** The known word that `text` most likely means; undefined if none is near. */
export function nearest(
  text: string,
  words: readonly string[],
): string | undefined {
  const wanted = text.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(wanted.length / 3)) + 1;
  for (const word of words) {
    const distance = word.startsWith(wanted) || wanted.startsWith(word)
      ? 1
      : distanceOf(wanted, word);
    if (distance < bestDistance) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

/** Changes of one letter that lead from `a` to `b` (Levenshtein), two neighbours swapped counting as one. */
function distanceOf(a: string, b: string): number {
  let older: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (older[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    older = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** Comparisons that a kind of field has. */
const OPS: Readonly<Record<FieldKind, readonly Op[]>> = {
  ip: [":"],
  asn: [":"],
  status: [":", ">", ">=", "<", "<="],
  number: [":", ">", ">=", "<", "<="],
  bytes: [":", ">", ">=", "<", "<="],
  duration: [":", ">", ">=", "<", "<="],
  time: [":", ">", ">=", "<", "<="],
  text: [":", "~"],
  choice: [":"],
};

/** The comparisons of a field, for the builder. */
export function opsOf(field: Field): readonly Op[] {
  return OPS[field.kind];
}

const EXPECTED: Readonly<Record<FieldKind, string>> = {
  ip: "an address, a network such as 192.0.2.0/24, or a range",
  asn: "a number such as AS64501",
  status: "a status such as 404, a class such as 4xx, or a range",
  number: "a number such as 0.62",
  bytes: "a size such as 512, 10k or 1.5M",
  duration: "a length of time such as 200ms or 2s",
  time: "an instant such as 2026-01-31T09:00:00Z or -15m",
  text: "a text",
  choice: "one of the words there are",
};

/** A fault of one comparison, as a sentence; undefined if there is none. */
export function faultOf(
  field: Field,
  op: Op,
  value: Value,
): { readonly message: string; readonly suggestion?: string } | undefined {
  const { kind, name, choices } = field;
  if (!OPS[kind].includes(op)) {
    const allowed = OPS[kind].map((one) => `"${one}"`).join(", ");
    return {
      message:
        `"${name}" cannot be compared with "${op}", only with ${allowed}`,
    };
  }
  if (op === "~") {
    return value.kind === "text" ? expressionFault(value.text) : {
      message: 'An expression after "~" that holds a "*" belongs in quotes',
    };
  }
  const expected = `Expected ${EXPECTED[kind]} for "${name}"`;
  if (value.kind === "glob") {
    return kind === "text" ? undefined : {
      message: `${expected}, found a pattern with "*"`,
    };
  }
  if (value.kind === "range") {
    if (kind === "text" || kind === "choice" || kind === "asn" || op !== ":") {
      return { message: `${expected}, found a range` };
    }
    const [from, to] = [value.from, value.to].map((end) => readEnd(field, end));
    if (from === undefined || to === undefined) return { message: expected };
    return kind === "ip" || kind === "time" || from <= to
      ? undefined
      : { message: "The range ends before it begins" };
  }
  if (kind === "choice") {
    if (choices?.includes(value.text)) return undefined;
    const suggestion = nearest(value.text, choices ?? []);
    return {
      message: `"${name}" is one of ${choices?.join(", ")}`,
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  }
  if (kind === "text") return undefined;
  const right = kind === "ip"
    ? readNetwork(value.text) !== undefined
    : kind === "status" && op === ":" && /^[1-5]xx$/.test(value.text) ||
      readEnd(field, value.text) !== undefined;
  return right
    ? undefined
    : { message: `${expected}, found "${value.text.slice(0, 60)}"` };
}

/** What RE2 cannot do, or would take too long to compile. */
function expressionFault(text: string): { message: string } | undefined {
  if (text.length > 500) {
    return { message: "The expression is longer than 500 characters" };
  }
  if (/\(\?(?:[=!]|<[=!])|\\[1-9]/.test(text)) {
    return {
      message: "RE2 has no look-around and no back-references",
    };
  }
  if (/\{\s*\d{4,}|,\s*\d{4,}\s*\}/.test(text)) {
    return { message: "RE2 repeats at most 1000 times" };
  }
  try {
    new RegExp(text.replace(/^\(\?[imsU]+\)/, ""));
    return undefined;
  } catch {
    return { message: "The expression cannot be read" };
  }
}

/** A value of a field as a number to compare with; a time as text, read later; undefined if it is none. */
function readEnd(field: Field, text: string): number | string | undefined {
  switch (field.kind) {
    case "ip":
      return parseIp(text);
    case "time":
      return readTime(text, 0) === undefined ? undefined : text;
    default:
      return readNumber(field.kind, text);
  }
}

/** A number as its field writes it: bytes in bytes, durations in microseconds. */
export function readNumber(kind: FieldKind, text: string): number | undefined {
  switch (kind) {
    case "asn": {
      const match = /^(?:as)?(\d{1,10})$/i.exec(text);
      const value = Number(match?.[1]);
      return match !== null && value < 2 ** 32 ? value : undefined;
    }
    case "status":
      return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
    case "bytes":
      return scaled(text, /^(\d{1,15}(?:\.\d{1,6})?)([kMG]?)B?$/, {
        "": 1,
        k: 1e3,
        M: 1e6,
        G: 1e9,
      });
    case "duration":
      return scaled(text, /^(\d{1,12}(?:\.\d{1,6})?)(us|ms|s|m)?$/, {
        us: 1,
        ms: 1e3,
        s: 1e6,
        m: 60e6,
        "": 1e6,
      });
    default:
      return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text)
        ? Number(text)
        : undefined;
  }
}

function scaled(
  text: string,
  shape: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const match = shape.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (units[match[2] ?? ""] ?? 1));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86_400e3,
};

/** Milliseconds since the epoch of an instant: ISO 8601 (UTC where it does not say), or before now. */
export function readTime(text: string, nowMs: number): number | undefined {
  if (text === "now") return nowMs;
  const relative = /^-(\d{1,5})([smhd])$/.exec(text);
  if (relative !== null) {
    return nowMs - Number(relative[1]) * (UNIT_MS[relative[2] ?? ""] ?? 0);
  }
  const iso =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:\d{2})?)?$/
      .exec(text);
  if (iso === null) return undefined;
  const ms = Date.parse(`${iso[1]}T${iso[2] ?? "00:00"}${iso[3] ?? "Z"}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** First and last address of a network or of one address. */
export interface Network {
  readonly first: string;
  readonly last: string;
}

/** Reads an address or a network; bits behind its prefix do not count. */
export function readNetwork(text: string): Network | undefined {
  const [address = "", length, ...more] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || more.length > 0) return undefined;
  if (length === undefined) return { first: ip, last: ip };
  const v4 = !ip.includes(":");
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : 999;
  if (bits > (v4 ? 32 : 128)) return undefined;
  return edges(ip, v4 ? bits + 96 : bits);
}

/** `bits` of the 128, the rest zero and one. */
function edges(ip: string, bits: number): Network {
  const words = wordsOf(ip);
  const at = (fill: 0 | 1): string => {
    const hex = words.map((word, index) => {
      const kept = Math.max(0, Math.min(16, bits - index * 16));
      const mask = (0xffff << (16 - kept)) & 0xffff;
      return ((word & mask) | (fill === 1 ? ~mask & 0xffff : 0)).toString(16);
    }).join(":");
    return parseIp(hex) ?? hex;
  };
  return { first: at(0), last: at(1) };
}

/** The eight words of an address, IPv4 as ::ffff:a.b.c.d. */
export function wordsOf(ip: string): number[] {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  if (v4 !== null) {
    const [, a, b, c, d] = v4.map(Number);
    return [
      0,
      0,
      0,
      0,
      0,
      0xffff,
      (a ?? 0) * 256 + (b ?? 0),
      (c ?? 0) * 256 + (d ?? 0),
    ];
  }
  const [head = "", tail] = ip.split("::");
  const read = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => parseInt(word, 16));
  if (tail === undefined) return read(head);
  const [left, right] = [read(head), read(tail)];
  const gap = Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...gap, ...right];
}
