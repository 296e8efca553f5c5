/** A small DNS server over UDP for tests (RFC 1035): what its zone says, NXDOMAIN for the rest. @module */

/** Records by name; `fails` answers SERVFAIL. */
export type DnsZone = Readonly<
  Record<
    string,
    | "fails"
    | {
      readonly A?: readonly string[];
      readonly AAAA?: readonly string[];
      readonly PTR?: readonly string[];
    }
  >
>;

const TYPES: Readonly<Record<number, "A" | "AAAA" | "PTR">> = {
  1: "A",
  12: "PTR",
  28: "AAAA",
};

/** Serves on a free port of 127.0.0.1 until disposed. */
export function serveDns(
  zone: DnsZone,
): { port: number } & AsyncDisposable {
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const done = (async () => {
    for await (const [query, from] of socket) {
      await socket.send(answer(query, zone), from);
    }
  })();
  return {
    port: (socket.addr as Deno.NetAddr).port,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await done;
    },
  };
}

function answer(query: Uint8Array, zone: DnsZone): Uint8Array {
  const labels: string[] = [];
  let at = 12;
  while ((query[at] ?? 0) > 0) {
    const length = query[at] as number;
    labels.push(
      new TextDecoder().decode(query.subarray(at + 1, at + 1 + length)),
    );
    at += 1 + length;
  }
  const type =
    TYPES[((query[at + 1] as number) << 8) | (query[at + 2] as number)];
  const question = query.subarray(12, at + 5);
  const entry = zone[labels.join(".").toLowerCase()];
  const failed = entry === "fails";
  const values = failed || entry === undefined || type === undefined
    ? []
    : entry[type] ?? [];
  const code = failed ? 2 : entry === undefined ? 3 : 0;
  const records = values.flatMap((value) => {
    const data = type === "PTR"
      ? nameBytes(value)
      : type === "A"
      ? value.split(".").map(Number)
      : v6Bytes(value);
    const number = type === "A" ? 1 : type === "PTR" ? 12 : 28;
    // A pointer to the question's name, type, class IN, 60 s to live, length, data.
    return [0xc0, 12, 0, number, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
  });
  return Uint8Array.of(
    query[0] as number,
    query[1] as number,
    0x85,
    0x80 | code,
    0,
    1,
    0,
    values.length,
    0,
    0,
    0,
    0,
    ...question,
    ...records,
  );
}

function nameBytes(name: string): number[] {
  return [
    ...name.split(".").flatMap((label) => [
      label.length,
      ...new TextEncoder().encode(label),
    ]),
    0,
  ];
}

function v6Bytes(address: string): number[] {
  const [head = "", tail = ""] = address.split("::");
  const words = (text: string) =>
    text === "" ? [] : text.split(":").map((word) => parseInt(word, 16));
  const left = words(head);
  const right = words(tail);
  return [...left, ...Array(8 - left.length - right.length).fill(0), ...right]
    .flatMap((word: number) => [word >> 8, word & 255]);
}
