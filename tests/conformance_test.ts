/**
 * Every row of the reference captures: the same ja4, ja4_r, ja4_o and ja3 for every ClientHello,
 * and nothing beyond. The captures of tests/cases/edge are our own and always here.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { HandshakeEvent } from "../lib/events.ts";
import { exists, needs } from "../lib/testing.ts";
import { eventsOfFile, newParser } from "./support/fingerprint.ts";

const CORPORA = {
  foxio: "../../shared/corpus/foxio/",
  edge: "../../shared/corpus/edge/",
  "tests/cases/edge": "cases/edge/",
} as const;

/** Captures whose ClientHello cannot be fingerprinted, and the status that says so. */
const STATUS: Readonly<Record<string, string>> = {
  "odd-cipher-bytes.pcap": "malformed",
  "session-id-33.pcap": "malformed",
  "extension-overrun.pcap": "malformed",
  "block-overrun.pcap": "malformed",
  "tcp-truncated-capture.pcap": "truncated",
  "tcp-missing-segment.pcap": "gap",
  "sslv2-hello.pcap": "sslv2",
  "quic-missing-datagram.pcap": "gap",
};

interface Row {
  readonly pcap: string;
  readonly proto: string;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly hello: number;
  readonly ja4: string | null;
  readonly ja4_r: string;
  readonly ja4_o: string;
  readonly ja3: string;
}

for (const [corpus, path] of Object.entries(CORPORA)) {
  const folder = new URL(path, import.meta.url);
  const options = needs(
    exists(folder),
    `the reference corpus is not here (${corpus})`,
  );
  Deno.test(`conformance with ${corpus}`, options, async (t) => {
    const parser = newParser();
    for (const [pcap, rows] of await readRows(folder)) {
      await t.step(pcap, () => {
        const { events, failure } = eventsOfFile(
          new URL(pcap, folder).pathname,
          parser,
        );
        deepStrictEqual(failure, undefined);
        const found = events.filter(({ status }) => status === "complete")
          .map((event) =>
            [
              event.transport,
              event.src_ip,
              event.src_port,
              event.dest_ip,
              event.dest_port,
              event.ja4,
              event.ja4_r,
              event.ja4_o,
              event.ja3,
            ].join(" ")
          );
        const wanted = rows.filter(({ ja4 }) => ja4 !== null).map((row) =>
          [
            row.proto,
            row.src,
            row.sport,
            row.dst,
            row.dport,
            row.ja4,
            row.ja4_r,
            row.ja4_o,
            row.ja3,
          ].join(" ")
        );
        deepStrictEqual(found.toSorted(), wanted.toSorted());
        const others = events.filter(({ status }) => status !== "complete")
          .map(({ status }) => status);
        const status = STATUS[pcap];
        deepStrictEqual(others, status === undefined ? [] : [status]);
        // `hello` of the reference counts all ClientHellos with the same ends: over TCP, where ports
        // are used again, only the first of them can be compared.
        const seen = events.map(helloOf);
        for (const row of rows.filter(({ ja4 }) => ja4 !== null)) {
          if (row.proto === "tcp" && row.hello > 0) continue;
          const found = seen.some((hello) =>
            isDeepStrictEqual(hello, {
              proto: row.proto,
              src: row.src,
              sport: row.sport,
              ja4: row.ja4,
              hello: row.hello,
            })
          );
          ok(found, `no ${row.proto} hello ${row.hello} of ${row.src}`);
        }
      });
    }
  });
}

/** What the reference says of an event's place in its connection. */
function helloOf(event: HandshakeEvent): Record<string, unknown> {
  return {
    proto: event.transport,
    src: event.src_ip,
    sport: event.src_port,
    ja4: event.ja4,
    hello: event.hello,
  };
}

async function readRows(folder: URL): Promise<Map<string, Row[]>> {
  const text = await Deno.readTextFile(new URL("expected.jsonl", folder));
  const rows = text.trimEnd().split("\n").map((line) =>
    JSON.parse(line) as Row
  );
  return Map.groupBy(rows, ({ pcap }) => pcap);
}
