/**
 * JA4 of a ClientHello, written from the text of its specification and sharing no code with the
 * parser: what the tests compare real clients' fingerprints with.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** What is compared. */
export interface HelloFacts {
  readonly ja4: string;
  readonly sni: string | undefined;
  readonly alpns: readonly string[];
  readonly keyShareGroups: readonly number[];
  /** Length of the message with its header. */
  readonly bytes: number;
}

/** The facts of a ClientHello in the records that a client sent first. */
export function helloFacts(records: Uint8Array): HelloFacts {
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 5 <= records.length && records[at] === 22;) {
    const length = (records[at + 3] ?? 0) << 8 | (records[at + 4] ?? 0);
    parts.push(records.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const message = new Uint8Array(parts.flatMap((part) => [...part]));
  const view = new DataView(message.buffer);
  const u16s = (from: number, bytes: number): number[] =>
    Array.from({ length: bytes >> 1 }, (_, i) => view.getUint16(from + 2 * i));
  const legacy = view.getUint16(4);
  let at = 4 + 2 + 32;
  at += 1 + view.getUint8(at);
  const ciphers = u16s(at + 2, view.getUint16(at)).filter(isNoGrease);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  const end = at + 2 + view.getUint16(at);
  at += 2;
  const extensions: number[] = [];
  let versions: number[] = [];
  let algorithms: number[] = [];
  let alpns: string[] = [];
  const keyShareGroups: number[] = [];
  let sni: string | undefined;
  while (at < end) {
    const [type, length] = [view.getUint16(at), view.getUint16(at + 2)];
    const body = at + 4;
    at = body + length;
    if (!isNoGrease(type)) continue;
    extensions.push(type);
    if (type === 0) {
      const name = message.subarray(body + 5, body + length);
      sni = new TextDecoder().decode(name);
    } else if (type === 13) {
      algorithms = u16s(body + 2, view.getUint16(body)).filter(isNoGrease);
    } else if (type === 43) {
      versions = u16s(body + 1, view.getUint8(body)).filter(isNoGrease);
    } else if (type === 16) {
      alpns = [];
      for (let name = body + 2; name < at; name += 1 + view.getUint8(name)) {
        const text = message.subarray(name + 1, name + 1 + view.getUint8(name));
        alpns.push(new TextDecoder("latin1").decode(text));
      }
    } else if (type === 51) {
      for (let share = body + 2; share < at;) {
        keyShareGroups.push(view.getUint16(share));
        share += 4 + view.getUint16(share + 2);
      }
    }
  }
  const version = { 0x304: "13", 0x303: "12", 0x302: "11", 0x301: "10" }[
    versions.length > 0 ? Math.max(...versions) : legacy
  ] ?? "00";
  const hex = (list: readonly number[]): string[] =>
    list.map((value) => value.toString(16).padStart(4, "0"));
  const short = (text: string): string =>
    text === ""
      ? "000000000000"
      : createHash("sha256").update(text).digest("hex").slice(0, 12);
  const count = (list: readonly number[]): string =>
    String(Math.min(99, list.length)).padStart(2, "0");
  const listed = hex(extensions).filter((type) =>
    type !== "0000" && type !== "0010"
  ).sort().join(",");
  const signed = algorithms.length > 0 ? `_${hex(algorithms).join(",")}` : "";
  const alpn = alpns.find((name) => !isGreaseName(name)) ?? "";
  return {
    ja4: [
      `t${version}${sni === undefined ? "i" : "d"}${count(ciphers)}${
        count(extensions)
      }${alpn === "" ? "00" : `${alpn.at(0)}${alpn.at(-1)}`}`,
      short(hex(ciphers).sort().join(",")),
      listed === "" ? "000000000000" : short(`${listed}${signed}`),
    ].join("_"),
    sni,
    alpns: alpns.filter((name) => !isGreaseName(name)),
    keyShareGroups: keyShareGroups.filter(isNoGrease),
    bytes: message.length,
  };
}

/** RFC 8701: 0a0a, 1a1a, ... fafa are GREASE. */
function isNoGrease(value: number): boolean {
  return (value & 0x0f0f) !== 0x0a0a || value >> 8 !== (value & 255);
}

function isGreaseName(name: string): boolean {
  return name.length === 2 &&
    !isNoGrease(name.charCodeAt(0) << 8 | name.charCodeAt(1));
}
