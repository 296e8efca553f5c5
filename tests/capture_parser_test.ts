/** What must hold of the parser for every input, not only for those with a name. @module */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import * as limits from "../lib/limits.ts";
import { PARSER_LIMITS } from "../wasm/mod.ts";
import {
  cryptoFrame,
  Datagrams,
  dtlsRecord,
  initial,
  ipFragments,
  withCookie,
} from "./support/datagrams.ts";
import { eventsOf, newParser } from "./support/fingerprint.ts";
import {
  ACK,
  bytes,
  CIPHERS,
  clientHello,
  Connection,
  EXT,
  FIN,
  ordinaryExtensions,
  type Packet,
  pcapFile,
  records,
  START_US,
} from "./support/packets.ts";

const hello = clientHello();
const stream = records(hello);

Deno.test("a ClientHello cut at any byte gives one event that says so", () => {
  const parser = newParser();
  for (let length = 1; length < stream.length; length++) {
    const { packets } = new Connection().open()
      .client(0, stream.slice(0, length)).client(length, [], FIN | ACK);
    const events = eventsOf(packets, parser);
    deepStrictEqual(
      events.map(({ status, status_reason }) => [status, status_reason]),
      [["truncated", "connection_closed"]],
      `${length} bytes`,
    );
  }
});

Deno.test("a ClientHello cut at any byte within whole records is malformed", () => {
  const parser = newParser();
  const message = clientHello();
  for (let length = 4; length < message.length; length++) {
    const part = message.slice(0, length);
    part.set([0, (length - 4) >> 8, (length - 4) & 255], 1);
    const { packets } = new Connection().open().client(0, records(part));
    const [event, ...more] = eventsOf(packets, parser);
    deepStrictEqual(more, []);
    // The list of extensions may be left out altogether (RFC 5246, section 7.4.1.2).
    const complete = length === 4 + 2 + 32 + 33 + 2 + 2 * CIPHERS.length + 2;
    strictEqual(event?.status, complete ? "complete" : "malformed");
  }
});

Deno.test("a packet cut by the snap length at any byte never yields a fingerprint", () => {
  const parser = newParser();
  const { packets } = new Connection().open().client(0, stream);
  const last = packets.at(-1) as Packet;
  for (let length = 0; length < last.frame.length; length++) {
    const short = {
      ts: last.ts,
      frame: last.frame.subarray(0, length),
      wire: last.frame.length,
    };
    const events = eventsOf([...packets.slice(0, -1), short], parser);
    const wanted = length > 54 ? ["truncated snap_length"] : [];
    deepStrictEqual(
      events.map((event) => `${event.status} ${event.status_reason}`),
      wanted,
      `${length} bytes`,
    );
  }
});

Deno.test.each([
  {
    name: "TCP segments",
    packets: new Connection().open().send(stream, 100).packets,
  },
  {
    name: "IP fragments",
    packets: new Connection({ source: "2001:db8::1", destination: "::1" })
      .client(0, stream).packets.flatMap((one) => ipFragments(one, 96)),
  },
  {
    name: "QUIC datagrams",
    packets: new Datagrams()
      .client(initial([cryptoFrame(100, hello.slice(100))], { number: 1 }))
      .client(initial([[1], cryptoFrame(0, hello.slice(0, 120))])).packets,
  },
  {
    name: "DTLS datagrams",
    packets: new Datagrams()
      .client(dtlsRecord(withCookie(hello), {}, 0, 100))
      .client(dtlsRecord(withCookie(hello), {}, 100)).packets,
  },
])("no flipped byte in $name crashes the parser or yields what is not JSON", ({
  packets,
}) => {
  const parser = newParser();
  strictEqual(eventsOf(packets, parser)[0]?.status, "complete");
  for (const [index, packet] of packets.entries()) {
    for (let at = 0; at < packet.frame.length; at++) {
      for (const bits of [0x01, 0x80, 0xff]) {
        const frame = packet.frame.slice();
        frame[at] = (frame[at] ?? 0) ^ bits;
        const changed = packets.with(index, { ts: packet.ts, frame });
        for (const event of eventsOf(changed, parser)) {
          strictEqual(event.event_type, "handshake");
          strictEqual(event.ja4 === undefined, event.status !== "complete");
        }
      }
    }
  }
});

Deno.test("a datagram cut by the snap length at any byte never yields a fingerprint", () => {
  const parser = newParser();
  // Ethernet, IP, UDP; of DTLS its record and message header too.
  const headers = 14 + 20 + 8;
  const dtls = new Datagrams().client(dtlsRecord(withCookie(hello))).packets;
  const quic = new Datagrams().client(initial([cryptoFrame(0, hello)])).packets;
  for (const [packets, silent] of [[dtls, headers + 25], [quic, Infinity]]) {
    const [{ ts, frame }] = packets as [Packet];
    for (let length = 0; length < frame.length; length++) {
      const short = { ts, frame: frame.slice(0, length), wire: frame.length };
      deepStrictEqual(
        eventsOf([short], parser).map((event) => event.status_reason),
        length < (silent as number) ? [] : ["snap_length"],
        `${length} bytes`,
      );
    }
  }
});

Deno.test("a DTLS message cut at any byte is malformed", () => {
  const parser = newParser();
  const message = withCookie(hello);
  for (let length = 4; length < message.length; length++) {
    const part = message.slice(0, length);
    part.set([0, (length - 4) >> 8, (length - 4) & 255], 1);
    const { packets } = new Datagrams().client(dtlsRecord(part));
    const complete =
      length === 4 + 2 + 32 + 33 + 1 + 2 + 2 * CIPHERS.length + 2;
    deepStrictEqual(
      eventsOf(packets, parser).map(({ status }) => status),
      // Without content there is no fragment to keep.
      length === 4 ? ["malformed"] : [complete ? "complete" : "malformed"],
      `${length} bytes`,
    );
  }
});

Deno.test("what comes over UDP in parts is bounded: each unfinished ClientHello is reported", () => {
  const parser = newParser();
  const part = dtlsRecord(withCookie(hello), {}, 0, 50);
  const count = limits.messagesMax + 10;
  const events = eventsOf(
    Array.from(
      { length: count },
      (_, client) =>
        new Datagrams({ sourcePort: 1024 + client, ts: START_US + client })
          .client(part).packets,
    ).flat(),
    parser,
  );
  strictEqual(events.length, count);
  const evicted = events.filter((event) => event.status_reason === "evicted");
  deepStrictEqual(
    evicted.map(({ src_port }) => src_port),
    Array.from({ length: 10 }, (_, client) => 1024 + client),
  );
});

Deno.test("fragments of packets that are never whole give way and are counted", () => {
  const parser = newParser();
  const [first, ...later] = ipFragments(
    new Connection().client(0, stream).packets[0] as Packet,
    104,
  ) as [Packet, ...Packet[]];
  const named = (packet: Packet, name: number): Packet => {
    const frame = packet.frame.slice();
    frame.set([name >> 8, name & 255], 14 + 4);
    return { ...packet, frame };
  };
  const count = limits.fragmentedMax + 5;
  const firsts = Array.from({ length: count }, (_, name) => ({
    ...named(first, name),
    ts: START_US + name,
  }));
  const rest = (name: number) => later.map((packet) => named(packet, name));
  // The oldest gave way; the newest is put together.
  const late = { ...first, ts: START_US + limits.fragmentedAgeUsMax + 2e6 };
  const events = eventsOf([...firsts, ...rest(count - 1), late], parser);
  deepStrictEqual(events.map(({ status }) => status), ["complete"]);
  strictEqual(parser.counters().fragmentsDiscarded, count - 1);
});

Deno.test("QUIC that cannot be read is counted and silent", () => {
  const parser = newParser();
  const damaged = initial([cryptoFrame(0, hello)]);
  damaged[700] = (damaged[700] ?? 0) ^ 1;
  const unknown = initial([cryptoFrame(0, hello)], { version: "unknown" });
  const { packets } = new Datagrams().client(damaged).client(unknown);
  deepStrictEqual(eventsOf(packets, parser), []);
  const { quicNotAuthentic, quicVersionUnknown } = parser.counters();
  deepStrictEqual([quicNotAuthentic, quicVersionUnknown], [1, 1]);
});

Deno.test("no flipped byte inside a QUIC packet crashes the parser", () => {
  const parser = newParser();
  const ack = [2, 5, 0, 1, 0, 0, 0];
  const content = bytes(ack, [1], cryptoFrame(0, hello), [0]);
  for (let at = 0; at < content.length; at++) {
    for (const bits of [0x01, 0x40, 0xff]) {
      const changed = content.slice();
      changed[at] = (changed[at] ?? 0) ^ bits;
      const { packets } = new Datagrams()
        .client(initial([changed])).client(initial([content], { number: 1 }));
      const events = eventsOf(packets, parser);
      ok(events.length <= 2);
      for (const event of events) {
        strictEqual(event.ja4 === undefined, event.status !== "complete");
      }
    }
  }
});

Deno.test("one datagram causes a few events at most, whatever is in it", () => {
  const messages = Array.from({ length: 20 }, (_, index) =>
    clientHello({
      random: new Uint8Array(32).fill(index),
      ciphers: [],
      extensions: [],
    }));
  const quic = new Datagrams().client(
    ...messages.map((message, index) =>
      initial([cryptoFrame(0, message)], {
        id: new Uint8Array(8).fill(index),
        size: 0,
      })
    ),
  );
  const dtls = new Datagrams().client(
    ...messages.map((message, sequence) =>
      dtlsRecord(withCookie(message), { sequence })
    ),
  );
  for (const { packets } of [quic, dtls]) {
    const events = eventsOf(packets);
    deepStrictEqual(
      events.map(({ status }) => status),
      Array(4).fill("complete"),
    );
  }
});

Deno.test("a client that uses its ports again has a ClientHello of its own", () => {
  const random = new Uint8Array(32).fill(9);
  const other = clientHello({ random });
  const quic = new Datagrams().client(initial([cryptoFrame(0, hello)]))
    .client(initial([cryptoFrame(0, other)], { id: bytes("another one") }));
  const dtls = new Datagrams().client(dtlsRecord(withCookie(hello)))
    .client(dtlsRecord(withCookie(other)));
  for (const { packets } of [quic, dtls]) {
    const events = eventsOf(packets);
    deepStrictEqual(events.map((event) => event.hello), [0, 0]);
  }
});

Deno.test("random bytes of every link type do no harm", () => {
  const parser = newParser();
  for (const linkType of [0, 1, 9, 12, 51, 104, 108, 113, 228, 276, 9999]) {
    const packets = Array.from({ length: 200 }, (_, seed) => {
      const frame = new Uint8Array(seed);
      crypto.getRandomValues(frame);
      return { ts: START_US + seed, frame };
    });
    deepStrictEqual(eventsOf(packets, parser, linkType), []);
  }
  strictEqual(parser.counters().linkTypeUnknown, 200);
});

Deno.test("many connections at once: the oldest give way, each unfinished one is reported", () => {
  const parser = newParser();
  const part = stream.slice(0, 100);
  const count = limits.streamsMax + 10;
  const packets = Array.from({ length: count }, (_, client) =>
    new Connection({
      sourcePort: 1024 + client,
      ts: START_US + client,
      stepUs: 0,
    }).syn().client(0, part).packets).flat();
  const events = eventsOf(packets, parser);
  strictEqual(events.length, count);
  const evicted = events.filter((event) => event.status_reason === "evicted");
  deepStrictEqual(
    evicted.map(({ src_port }) => src_port),
    Array.from({ length: 10 }, (_, client) => 1024 + client),
  );
  deepStrictEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1));
});

Deno.test("a connection table that is full goes on with newer connections", () => {
  const parser = newParser();
  parser.begin({ linkType: 1, context: {}, sequence: 0 });
  const [syn, data] = new Connection().syn().client(0, stream).packets;
  const feed = (packet: Packet | undefined, client: number): string => {
    const records = pcapFile([packet as Packet]).subarray(24);
    new DataView(records.buffer).setUint32(24 + 16 + 26, 0x0a00_0000 + client);
    parser.batch.set(records);
    let text = "";
    parser.parse(records.length, (lines) => {
      text += new TextDecoder().decode(lines);
    });
    return text;
  };
  const count = Math.round(limits.flowsMax * 1.2);
  for (let client = 0; client < count; client++) feed(syn, client);
  const { flowsHeld, flowsEvicted } = parser.counters();
  ok(flowsHeld <= limits.flowsMax);
  strictEqual(flowsHeld + flowsEvicted, count);
  ok(feed(data, count - 1).includes('"tcp_options"'));
  // Its SYN is forgotten, its ClientHello is read all the same.
  ok(feed(data, count + 1).includes('"ja4"'));
});

Deno.test("a ClientHello with very long lists has a fingerprint and no lists", () => {
  const ciphers = Array.from({ length: 4000 }, (_, index) => index);
  const hello = clientHello({ ciphers, extensions: ordinaryExtensions() });
  const [event] = eventsOf(
    new Connection().open().send(records(hello)).packets,
  );
  strictEqual(event?.status, "complete");
  ok(event?.ja4?.startsWith("t13d9907h2_"));
  strictEqual(event?.ja4_r, undefined);
  strictEqual(event?.cipher_suites, undefined);
});

Deno.test("an event of the greatest size fits a line", () => {
  const hello = clientHello({
    ciphers: Array.from({ length: 900 }, () => 0xffff),
    extensions: [
      EXT.sni("\x01".repeat(3000)),
      EXT.alpn(...Array.from({ length: 100 }, () => "\x01".repeat(200))),
    ],
  });
  const [event] = eventsOf(
    new Connection().open().client(0, records(hello, 16_000)).packets,
  );
  strictEqual(event?.status, "complete");
  ok(JSON.stringify(event).length < limits.handshakeEventBytesMax);
  ok((event?.cipher_suites?.length ?? 0) >= 900);
});

Deno.test("the limits of lib/limits.ts are those of the parser", () => {
  const parser = newParser();
  strictEqual(parser.batch.buffer.byteLength, limits.parserMemoryBytes);
  for (const name of PARSER_LIMITS) {
    strictEqual(parser.limit(name), limits[name], name);
  }
});
