/**
 * Asks one name server over UDP (RFC 1035). Deno.resolveDns answers "no records" for a server that
 * failed as for a name that does not exist; here the one throws and the other is an empty list.
 *
 * @module
 */
import { ipFromBytes } from "../lib/ip.ts";

/** Types of record that are asked for. */
const TYPES = { A: 1, PTR: 12, AAAA: 28 } as const;
export type RecordType = keyof typeof TYPES;

const NO_ERROR = 0;
const NO_SUCH_NAME = 3;
/** Names followed by pointers at most: a loop of them ends. */
const POINTERS_MAX = 32;

/**
 * The records of a name; empty if it has none or does not exist.
 *
 * @throws {Error} if there is no answer in time, or one that says nothing.
 */
export async function askDns(
  name: string,
  type: RecordType,
  options: { hostname: string; port: number; timeoutMs: number },
): Promise<string[]> {
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: options.hostname.includes(":") ? "::" : "0.0.0.0",
    port: 0,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.close();
  }, options.timeoutMs);
  try {
    const [id] = crypto.getRandomValues(new Uint16Array(1)) as unknown as [
      number,
    ];
    const query = encode(id, name, TYPES[type]);
    await socket.send(query, { transport: "udp", ...options });
    for await (const [answer] of socket) {
      const records = decode(answer, query, TYPES[type]);
      // Another datagram than the answer: somebody guesses.
      if (records !== undefined) return records;
    }
    throw new Error(`No answer for "${name}"`);
  } finally {
    clearTimeout(timer);
    if (!late) socket.close();
  }
}

function encode(id: number, name: string, type: number): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "").map((label) =>
    new TextEncoder().encode(label.slice(0, 63))
  );
  return Uint8Array.of(
    id >> 8,
    id & 255,
    // Recursion desired, one question.
    ...[1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    ...labels.flatMap((label) => [label.length, ...label]),
    0,
    ...[0, type, 0, 1],
  );
}

/** Undefined where the datagram is no answer to the query. */
function decode(
  answer: Uint8Array,
  query: Uint8Array,
  type: number,
): string[] | undefined {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  const question = query.subarray(12);
  if (
    answer.length < query.length ||
    view.getUint16(0) !== (query[0] as number) * 256 + (query[1] as number) ||
    (view.getUint8(2) & 0x80) === 0 ||
    !question.every((byte, i) => lower(byte) === lower(answer[12 + i] ?? -1))
  ) return undefined;
  const code = view.getUint8(3) & 15;
  if (code === NO_SUCH_NAME) return [];
  const truncated = (view.getUint8(2) & 2) !== 0;
  if (code !== NO_ERROR || truncated) {
    throw new Error(`The name server answered with code ${code}`);
  }
  const records: string[] = [];
  let at = query.length;
  for (let left = view.getUint16(6); left > 0; left--) {
    at = readName(view, at).end;
    const found = view.getUint16(at);
    const length = view.getUint16(at + 8);
    const data = at + 10;
    if (found === type) {
      records.push(
        type === TYPES.PTR
          ? readName(view, data).name
          : type === TYPES.A
          ? [...answer.subarray(data, data + 4)].join(".")
          : ipFromBytes(answer, data),
      );
    }
    at = data + length;
  }
  return records;
}

/** A name, which may end in a pointer to an earlier one (section 4.1.4). Out of bounds it throws. */
function readName(
  view: DataView,
  start: number,
): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  for (let jumps = 0; jumps <= POINTERS_MAX;) {
    const length = view.getUint8(at);
    if (length >= 0xc0) {
      if (end < 0) end = at + 2;
      at = view.getUint16(at) & 0x3fff;
      jumps++;
      continue;
    }
    if (length === 0) {
      return { name: labels.join("."), end: end < 0 ? at + 1 : end };
    }
    let label = "";
    for (let i = 1; i <= length; i++) {
      label += String.fromCharCode(view.getUint8(at + i));
    }
    labels.push(label);
    at += 1 + length;
  }
  throw new Error("The answer's names go in circles");
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
