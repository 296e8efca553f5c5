/**
 * What a hostile client sends cannot make an event invalid: random bytes through a real httpd whose
 * module has AddressSanitizer and UndefinedBehaviorSanitizer, and random requests through the event
 * writer under libFuzzer.
 *
 * JA4_TEST_FUZZ_REQUESTS=1000000 sends so many in all instead of a few thousand (`deno task test:module`).
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, exists, needs, temporaryFolder } from "../lib/testing.ts";
import { curl, sendRaw } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import { buildSanitizedModule, findHttpd } from "./support/httpd.ts";
import { ONE_CHILD, startSite } from "./support/site.ts";

const APACHE = new URL("../apache/", import.meta.url).pathname;
/** The ends of the directives that bound an event, the usual values between them, and what an event reaches. */
const BOUNDS = [
  { size: 2048, value: 16, headers: 1, reaches: 1024 },
  { size: 2048, value: 8192, headers: 512, reaches: 1800 },
  { size: 16_384, value: 1024, headers: 64, reaches: 4096 },
  { size: 65_536, value: 8192, headers: 512, reaches: 16_384 },
] as const;
/** Through httpd, at each of them. */
const REQUESTS = Number(Deno.env.get("JA4_TEST_FUZZ_REQUESTS") ?? 8000) /
  BOUNDS.length;
const LONG = Deno.env.has("JA4_TEST_FUZZ_REQUESTS");
/** Seconds of libFuzzer. */
const FUZZ_S = 60;
/** Requests between two counts. */
const ROUND = 3000;
const CLIENTS = 4;

/** mulberry32: the same requests in every run. */
function randomSource(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

/** Euro, emoji, a surrogate, an overlong form: bytes that are nearly UTF-8. */
// deno-fmt-ignore
const NEARLY_UTF8 = [0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0x80, 0xc0, 0xaf];

function randomRequest(
  i: number,
  random: (limit: number) => number,
): Uint8Array {
  const bytes: number[] = [];
  const text = (s: string) => {
    for (const char of s) bytes.push(char.charCodeAt(0));
  };
  text(["GET", "POST", 'Q"\\', "X".repeat(60)][random(4)] ?? "");
  text(" /");
  for (let n = random(i % 50 === 0 ? 6000 : 60); n > 0; n--) {
    bytes.push(random(3) === 0 ? 63 : 33 + random(222));
  }
  text(` HTTP/1.1\r\nHost: ${"h".repeat(random(i % 30 === 0 ? 400 : 20))}\r\n`);
  for (let n = random(i % 100 === 0 ? 95 : 12); n > 0; n--) {
    const name = [`X-${random(1e6)}`, "User-Agent", "Cookie", "Referer"];
    text(`${name[random(4)]}: `);
    const mode = random(4);
    for (let k = random(i % 40 === 0 ? 3000 : 120); k > 0; k--) {
      const byte = [
        128 + random(128),
        32 + random(95),
        NEARLY_UTF8[k % 12] ?? 0,
        1 + random(255),
      ][mode] ?? 0;
      bytes.push(byte === 10 || byte === 13 ? 9 : byte);
    }
    text("\r\n");
  }
  text("Connection: close\r\n\r\n");
  // Any byte in any position, line ends and the version among them.
  if (random(3) === 0) {
    for (let n = 1 + random(4); n > 0; n--) {
      bytes[random(bytes.length)] = random(256);
    }
  }
  return new Uint8Array(bytes);
}

for (const [seed, { size, value, headers, reaches }] of BOUNDS.entries()) {
  Deno.test(
    `${REQUESTS} random requests give valid events of at most ${size} bytes with ${headers} headers of ${value}`,
    needs(findHttpd() !== undefined, "httpd is not installed"),
    async () => {
      await using site = await startSite({
        ...await buildSanitizedModule(),
        extra: `${ONE_CHILD}JsonSockLogMaxEventSize ${size}
JsonSockLogMaxHeaderValueLen ${value}
JsonSockLogMaxHeaders ${headers}
LimitRequestFieldSize 16000
LimitRequestLine 16000
HttpProtocolOptions Unsafe
`,
      });
      await using receiver = new EventReceiver(site.socketPath);
      const random = randomSource(seed);
      const seen = { events: 0, requests: 0, bad: 0, cut: 0, refused: 0 };

      for (let sent = 0; sent < REQUESTS; sent += ROUND) {
        let next = sent;
        const end = Math.min(sent + ROUND, REQUESTS);
        await Promise.all(Array.from({ length: CLIENTS }, async () => {
          while (next < end) {
            await sendRaw(site.httpd.port, randomRequest(next++, random));
          }
        }));
        // The queue may be full of what came before.
        const last = await eventually("an event after the last", async () => {
          await curl([`${site.http}/last`]);
          receiver.assertNoFaults();
          return receiver.requests.find(({ url_path }) => url_path === "/last");
        });
        // Nothing vanished: what did not arrive was counted, each request and each end of a connection.
        const { seq = 0, events_dropped = 0 } = last;
        const arrived = () =>
          receiver.events.filter((event) => (event.seq ?? 0) <= seq);
        await eventually(
          "the events before the last",
          () => seen.events + arrived().length + events_dropped >= seq,
        );
        equal(seen.events + arrived().length + events_dropped, seq);
        ok(seq >= end * 0.9);
        for (const event of arrived()) {
          seen.events++;
          if (event.event_type !== "request") continue;
          seen.requests++;
          if (event.bad_utf8 !== undefined) seen.bad++;
          if (event.truncated) seen.cut++;
          if (event.status_code === 400) seen.refused++;
        }
        // Nothing waits for these: a long run must not keep them.
        receiver.events.splice(
          0,
          receiver.events.length,
          ...receiver.events.filter((event) => (event.seq ?? 0) > seq),
        );
      }
      ok(seen.requests > REQUESTS / 2);
      ok(seen.bad > 0 && seen.cut > 0 && seen.refused > 0);
      ok(receiver.longest <= size, `${receiver.longest}`);
      ok(receiver.longest >= reaches, `${receiver.longest}`);
      receiver.assertNoFaults();
      const maps = await Deno.readTextFile(`/proc/${site.httpd.pid}/maps`);
      for (const part of ["libasan", "libubsan", "/sanitized/"]) {
        ok(maps.includes(part), part);
      }
      const errors = await site.httpd.errorLog();
      ok(!/exit signal|Sanitizer|runtime error/.test(errors), errors);
      // deno-lint-ignore no-console -- the figures of a long run
      if (LONG) console.info(seen);
    },
  );
}

Deno.test(
  `${FUZZ_S} s of libFuzzer find no fault in the event writer, with the sanitizers of clang`,
  needs(
    exists("/usr/bin/make") &&
      (exists("/usr/bin/clang-19") || exists("/usr/bin/clang")),
    "clang is not installed",
  ),
  async () => {
    const run = async (program: string, args: string[], cwd: string) => {
      const { success, stderr } = await new Deno.Command(program, {
        args,
        cwd,
        stdin: "null",
        stdout: "null",
      }).output();
      const said = new TextDecoder().decode(stderr);
      ok(success, said.slice(-4000));
      return said;
    };
    await run("flock", [APACHE, "make", "-C", APACHE, "fuzz"], APACHE);
    await using temporary = await temporaryFolder();
    const said = await run(`${APACHE}.libs/fuzz_event`, [
      `-max_total_time=${FUZZ_S}`,
      `-dict=${APACHE}fuzz_event.dict`,
      "-max_len=8192",
      "-timeout=10",
      "-rss_limit_mb=1024",
    ], temporary.path);
    const [, runs] = /Done (\d+) runs/.exec(said) ?? [];
    ok(Number(runs) > 1000 * FUZZ_S, said.slice(-400));
  },
);
