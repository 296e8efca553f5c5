import assert from "node:assert/strict";
import type { LiveBatch, LiveRow } from "./live.ts";
import { LiveBuffer, ROWS_MAX } from "./live_buffer.ts";
import { LiveHub } from "./live_hub.ts";
import { BATCH_MAX, RING_MAX, TailRing } from "./live_tail.ts";
import { parseQuery } from "./query/parse.ts";
import { glob, liveFault, matches } from "./query/match.ts";

function row(n: number): LiveRow {
  return {
    event_id: String(n),
    ts: n * 2000,
    src_ip: `192.0.2.${n % 256}`,
    ja4: "t13d1516h2_8daaf6152771_b186095e22b6",
    ja4_client: n % 2 === 0 ? "chrome" : "python",
    match: "conn",
    http_method: "GET",
    http_host: "www.example.com",
    url_path: `/page/${n}`,
    url_query: "",
    status_code: n % 10 === 0 ? 404 : 200,
    user_agent: "Mozilla/5.0 HeadlessChrome/140",
    asn: 64501,
    country: "DE",
    response_bytes: 1000 * n,
    duration_us: 1500,
    http_version: "2",
  };
}

function rows(from: number, count: number): LiveRow[] {
  return Array.from({ length: count }, (_, index) => row(from + index));
}

Deno.test("TailRing gives each row once, and counts what a slow reader lacks", () => {
  const ring = new TailRing(1000);
  assert.equal(ring.since(1000, 0), undefined);
  ring.push({ rows: rows(0, 300), missed: 0 });
  const first = ring.since(1000, 0);
  assert.equal(first?.rows.length, 300);
  assert.equal(first?.lost, 0);
  ring.push({ rows: rows(300, BATCH_MAX + 50), missed: 7 });
  const second = ring.since(first?.next ?? 0, 0);
  assert.equal(second?.rows.length, BATCH_MAX);
  assert.equal(second?.lost, 50 + 7);
  assert.equal(second?.rows.at(-1)?.event_id, String(300 + BATCH_MAX + 49));
  ring.push({ rows: rows(0, RING_MAX * 2), missed: 0 });
  const third = ring.since(second?.next ?? 0, 7);
  assert.equal((third?.rows.length ?? 0) + (third?.lost ?? 0), RING_MAX * 2);
});

Deno.test("LiveBuffer counts everything once and holds the newest", () => {
  const buffer = new LiveBuffer();
  const even = (one: LiveRow): boolean => one.ja4_client === "chrome";
  buffer.take({ next: 0, lost: 3, rows: rows(0, 500) }, even, 1000);
  assert.equal(buffer.rows.length, ROWS_MAX);
  assert.equal(buffer.rows[0]?.event_id, "498");
  buffer.pause();
  buffer.take({ next: 0, lost: 0, rows: rows(500, 1000) }, even, 2000);
  assert.equal(buffer.rows[0]?.event_id, "498", "it stands still");
  assert.equal(buffer.counts.waiting, 500);
  buffer.resume();
  assert.equal(buffer.rows[0]?.event_id, "1498");
  assert.deepEqual(buffer.counts, {
    received: 1500,
    matched: 750,
    filtered: 750,
    lost: 3,
    waiting: 0,
  });
  assert.ok(Math.abs(buffer.rate(3000) - 500) < 1);
});

Deno.test.each([
  { text: "", want: true },
  { text: "status:4xx", want: true },
  { text: "status:200..403", want: false },
  { text: "ip:192.0.2.0/24", want: true },
  { text: "ip:2001:db8::/32", want: false },
  { text: "ip:192.0.2.5..192.0.2.20", want: true },
  { text: "path:/page/*", want: true },
  { text: "path:/page", want: false },
  { text: "ua:*headless*", want: true },
  { text: "-ua:*bot* asn:AS64501", want: true },
  { text: "ja4.b:8daaf6152771", want: true },
  { text: "bytes>=10k dur<2ms", want: true },
  { text: "has:ja4 is:uncorrelated", want: false },
  { text: "method:(POST or GET)", want: true },
  { text: "page", want: true },
  { text: "curl or python", want: false },
])(
  "matches() of $text is $want, as the database would say",
  ({ text, want }) => {
    const parsed = parseQuery(text);
    assert.ok(parsed.ok);
    assert.equal(liveFault(parsed.query), undefined);
    assert.equal(matches(parsed.query, row(10)), want);
  },
);

Deno.test("liveFault() names what only the Explorer can answer", () => {
  for (
    const text of ["path~^/a", "score>0.5", "is:anomalous", "a or list:deny"]
  ) {
    const parsed = parseQuery(text);
    assert.ok(parsed.ok);
    assert.match(liveFault(parsed.query) ?? "", /Explorer/, text);
  }
});

Deno.test.each([
  { pattern: "*", text: "", want: true },
  { pattern: "a*c", text: "abc", want: true },
  { pattern: "a*c", text: "ab", want: false },
  { pattern: "a*b*c", text: "a-b-b-c", want: true },
  { pattern: "*aa", text: "aaa", want: true },
  { pattern: "aa*a", text: "aa", want: false },
  { pattern: "a\\*b*", text: "a*bc", want: true },
  { pattern: "a\\*b*", text: "axbc", want: false },
])("glob() of $pattern on $text is $want", ({ pattern, text, want }) => {
  assert.equal(glob(pattern, text), want);
});

/** Twelve minutes at 500 requests a second; with `JA4_TEST_LIVE=hour` an hour. */
const HOUR_ROWS = (Deno.env.get("JA4_TEST_LIVE") === "hour" ? 3600 : 720) * 500;

Deno.test("500 requests a second, compressed in time, leave memory as it was", async () => {
  let at = 0;
  let nowMs = 0;
  const parsed = parseQuery("-status:404");
  assert.ok(parsed.ok);
  const hub = new LiveHub({
    ask: () =>
      Promise.resolve({
        requests_1m: 30_000,
        handshakes_1m: 1,
        correlated: 1,
        open_detections: 0,
        requests: [],
        pipeline_events: [],
      }),
    askTail: () => {
      // Each reading is half a second of traffic.
      nowMs += 500;
      at += 250;
      return Promise.resolve({ rows: rows(at - 250, 250), missed: 0 });
    },
    nowMs: () => nowMs,
    onFailure: (thrown) => assert.fail(String(thrown)),
    onStreams: () => {},
    intervalMs: 0,
  });
  const buffer = new LiveBuffer();
  const decoder = new TextDecoder();
  const heaps: number[] = [];
  let last = "";
  // A stream ends after some minutes; the browser opens the next from where it was.
  while (buffer.counts.received + buffer.counts.lost < HOUR_ROWS) {
    const [snapshot, next] = last.split(".").map(Number);
    const stream = hub.subscribe({ snapshot: snapshot ?? 0, row: next ?? 0 });
    assert.ok(stream !== undefined);
    let text = "";
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        last = /^id: (.*)$/m.exec(event)?.[1] ?? last;
        if (!event.startsWith("event: requests")) continue;
        const batch: LiveBatch = JSON.parse(
          event.slice(event.indexOf("data: ") + 6),
        );
        buffer.take(batch, (one) => matches(parsed.query, one), nowMs);
      }
      if (buffer.counts.received % 50_000 < 250) {
        heaps.push(Deno.memoryUsage().heapUsed / 1e6);
      }
      if (buffer.counts.received + buffer.counts.lost >= HOUR_ROWS) break;
    }
  }
  hub[Symbol.dispose]();
  const { received, matched, filtered, lost } = buffer.counts;
  assert.equal(received + lost, HOUR_ROWS, "every request is counted once");
  assert.equal(lost, 0);
  assert.equal(matched + filtered, received);
  assert.equal(buffer.rows.length, ROWS_MAX);
  // The lowest of a stretch is what is left behind the collector.
  const floor = (part: number[]): number => Math.min(...part);
  const [early, late] = [
    floor(heaps.slice(3, 13)),
    floor(heaps.slice(-10)),
  ];
  assert.ok(
    late - early < 30,
    `from ${early.toFixed(1)} MB to ${late.toFixed(1)} MB`,
  );
});
