import assert from "node:assert/strict";
import { FEED_FORMATS, type FeedFormat, readFeed } from "./feeds.ts";
import {
  CREDENTIALS,
  HEADER_VALUES,
  SECRET_PARAMETERS,
} from "./feeds_request.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { DeadLetters } from "./dead_letter.ts";
import { LineSplitter } from "./lines.ts";
import { checkHttpEvent } from "./parse.ts";
import { Pipeline } from "./pipeline.ts";
import { Privacy } from "./privacy.ts";
import { START_US, testOptions } from "./testing.ts";

/** A line of each format as the real server wrote it (tests/apache_feeders_test.ts). */
const LINES: Readonly<Record<FeedFormat, string>> = {
  reqin:
    `{"src_ip":"192.0.2.1","src_port":40000,"dest_ip":"192.0.2.2","dest_port":443,"conn":7,"conn_ts":1700000000000000,"event_type":"request","ts":1700000000000100,"req_idx":0,"pid":1,"seq":1,"events_dropped":0,"url_scheme":"https","http_version":"1.1","status_code":200,"http_method":"GET","http_host":"a","url_path":"/","header_names":["Host"],"headers":{"cookie":{"len":3}},"cookie_count":1}`,
  nginx:
    `<190>Nov 23 10:31:00 ja4: {"remote_addr":"192.0.2.1","remote_port":"40000","client_addr":"203.0.113.9","proxy_protocol_addr":"","server_addr":"192.0.2.2","server_port":"443","connection":"5","connection_time":"0.002","connection_requests":"1","msec":"1700000000.500","request_time":"0.001","scheme":"https","server_protocol":"HTTP/2.0","request_method":"GET","host":"A:443","request_uri":"/a?token=x","status":"200","body_bytes_sent":"5","content_length":"","ssl_protocol":"TLSv1.3","ssl_cipher":"TLS_AES_256_GCM_SHA384","ssl_session_reused":"r","ssl_server_name":"a","user-agent":"curl","referer":"","accept":"*/*","cookies":"2","headers":"{\\"names\\":[\\"Host\\"],\\"lengths\\":{\\"cookie\\":15},\\"cookies\\":3,\\"dropped\\":1}"}`,
  haproxy:
    `{"src_ip":"192.0.2.1","src_port":40000,"client_ip":"203.0.113.9","proxied":"0","dest_ip":"192.0.2.2","dest_port":443,"url_scheme":"https","tls_version":"TLSv1.3","tls_cipher":"TLS_AES_256_GCM_SHA384","tls_resumed":"1","tls_sni":"a","ciphers":"3A3A1301C02B","extensions":"0000AAAA002B","accepted_ms":1700000000500,"handshake_ms":2,"idle_ms":-1,"active_ms":1,"status_code":200,"response_bytes":5,"request":"{\\"url_query\\":\\"token=x\\",\\"http_version\\":\\"HTTP/2.0\\",\\"http_method\\":\\"GET\\",\\"http_host\\":\\"A:443\\",\\"url_path\\":\\"/a\\",\\"header_names\\":[\\"host\\"],\\"headers\\":{\\"user-agent\\":\\"curl\\",\\"cookie\\":{\\"len\\":15}},\\"cookie_count\\":3}"}\n`,
  caddy:
    `{"level":"info","ts":1700000000.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"192.0.2.1","remote_port":"40000","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"GET","host":"A:443","uri":"/a?token=x","headers":{"User-Agent":["curl"],"Cookie":[],"Accept":["*/*","b"]},"tls":{"resumed":true,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"a"}},"user_id":"","duration":0.001,"size":5,"status":200,"resp_headers":{}}\n`,
};

const FACTS = {
  event_type: "request",
  src_ip: "192.0.2.1",
  src_port: 40_000,
  dest_ip: "192.0.2.2",
  dest_port: 443,
  url_scheme: "https",
  http_version: "2",
  status_code: 200,
  response_bytes: 5,
  duration_us: 1000,
  client_ip: "203.0.113.9",
  client_ip_source: "x_forwarded_for",
  tls_version: "1.3",
  tls_resumed: true,
  tls_sni: "a",
  http_method: "GET",
  http_host: "a",
  url_path: "/a",
  url_query: "token=*",
};

Deno.test.each([
  {
    format: "nginx" as const,
    want: {
      ...FACTS,
      conn: 5 * 65_536 + 40_000,
      conn_ts: 1_700_000_000_498_000,
      ts: 1_700_000_000_499_000,
      req_idx: 0,
      cookie_count: 3,
      header_names: ["Host"],
      headers_dropped: 1,
      tls_cipher: "TLS_AES_256_GCM_SHA384",
      headers: { "user-agent": "curl", accept: "*/*", cookie: { len: 15 } },
    },
  },
  {
    format: "haproxy" as const,
    want: {
      ...FACTS,
      ts: 1_700_000_000_502_000,
      cookie_count: 3,
      header_names: ["host"],
      tls_cipher: "TLS_AES_256_GCM_SHA384",
      tls_cipher_suites: [0x1301, 0xc02b],
      tls_extensions: [0, 0x2b],
      headers: { "user-agent": "curl", cookie: { len: 15 } },
    },
  },
  {
    format: "caddy" as const,
    want: {
      ...FACTS,
      dest_ip: "::",
      ts: 1_700_000_000_499_000,
      cookie_count: 1,
      header_names: [],
      headers_dropped: 3,
      tls_cipher: "TLS_AES_128_GCM_SHA256",
      headers: { "user-agent": "curl", accept: "*/*, b", cookie: { len: 0 } },
    },
  },
])("readFeed() makes an event of a line of $format", ({ format, want }) => {
  const event = readFeed(format, LINES[format]);
  assert.deepEqual({ ...(event as object) }, want);
  assert(checkHttpEvent(event).ok);
});

Deno.test("readFeed() tells apart what is no JSON and what is another kind of line", () => {
  for (const format of FEED_FORMATS) {
    for (const text of ["", "x", "{", "null", "7", '"a"', "<190>x: {", "\0"]) {
      assert.deepEqual(
        checkHttpEvent(readFeed(format, text)),
        { ok: false, reason: "not_json" },
      );
    }
    assert.deepEqual(
      checkHttpEvent(readFeed(format, '{"level":"info","msg":"serving"}')),
      { ok: false, reason: "unknown_type" },
    );
  }
});

/** mulberry32: the same lines in every run. */
function randomSource(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

const deep = "[".repeat(20_000) + "]".repeat(20_000);
// deno-fmt-ignore
const ODD = ["null", "true", "-1", "1e308", "0.5", '""', '"x"', '"-"', "{}", "[]", '["a",null]', '{"len":-1}',
  '"9".repeat', '"\\u0000\\ud800"', `"${"z".repeat(9000)}"`, '"{\\"names\\":7}"', '{"toString":1}', '{"__proto__":[]}', deep];

Deno.test("readFeed() never throws, and what it lets through is an event", () => {
  const random = randomSource(1);
  const outcome = { ok: 0, refused: 0 };
  const check = (format: FeedFormat, text: string) => {
    const parsed = checkHttpEvent(readFeed(format, text));
    outcome[parsed.ok ? "ok" : "refused"]++;
    if (!parsed.ok) return;
    const again: unknown = JSON.parse(JSON.stringify(parsed.event));
    assert(checkHttpEvent(again).ok);
  };
  for (const format of FEED_FORMATS) {
    const line = LINES[format];
    // Every value in turn is something odd.
    for (const match of line.matchAll(/:("(?:[^"\\]|\\.)*"|[\d.-]+|\[|\{)/g)) {
      for (const odd of ODD) {
        const at = match.index + 1;
        check(
          format,
          line.slice(0, at) + odd + line.slice(at + (match[1]?.length ?? 0)),
        );
      }
    }
    for (let i = 0; i < 5000; i++) {
      const bytes = new TextEncoder().encode(line);
      for (let n = random(5); n >= 0; n--) {
        bytes[random(bytes.length)] = random(256);
      }
      const cut = random(4) === 0
        ? bytes.slice(0, random(bytes.length))
        : bytes;
      check(format, new TextDecoder().decode(cut));
    }
  }
  assert(outcome.ok > 2000 && outcome.refused > 3000, JSON.stringify(outcome));
});

Deno.test("readFeed() counts and limits what is odd in the texts", () => {
  const value = `"${"\\u0001".repeat(3)}\\u007f\\t${"x".repeat(2000)}\ufffd"`;
  const event = readFeed(
    "caddy",
    LINES.caddy.replace('["curl"]', `[${value}]`),
  ) as Record<string, unknown>;
  const headers = event["headers"] as Record<string, string>;
  assert.equal(headers["user-agent"]?.length, 1024);
  assert.deepEqual(
    [event["truncated"], event["bad_utf8"], event["control_bytes"]],
    [true, 1, 4],
  );
});

Deno.test("the pipeline makes rows of each format, and counts and keeps what is none", async () => {
  await using folder = await temporaryFolder();
  const rows: string[] = [];
  const pipeline = new Pipeline({
    join: testOptions(),
    privacy: new Privacy({ addresses: "full", query: "keep", queryNames: [] }),
    sinks: [{ append: (line) => rows.push(line) }],
    deadLetters: new DeadLetters(folder.path, {
      bytesMax: 1 << 20,
      now: () => START_US,
    }),
    ...{ origin: 1, epoch: 2 },
  });
  pipeline.join.advance(0, START_US);
  const bad = ["garbage", '{"msg":"started"}'];
  for (const format of FEED_FORMATS) {
    const faulty = LINES[format].replace(
      /"status_?(code)?":"?200"?/,
      '"status":{}',
    )
      .replace("status_code", "status").replace(
        /"src_port":40000/,
        '"src_port":-1',
      );
    const splitter = new LineSplitter(65_536);
    const lines = [LINES[format].trim(), ...bad, faulty.trim()];
    splitter.push(
      new TextEncoder().encode(lines.join("\n") + "\n"),
      (messages) => pipeline.takeHttp(messages, format),
    );
  }
  pipeline.join.finish();
  assert.deepEqual(
    rows.map((row) => JSON.parse(row)["http_method"]),
    FEED_FORMATS.map(() => "GET"),
  );
  assert.equal(pipeline.http.received, 4 * FEED_FORMATS.length);
  const each = FEED_FORMATS.length;
  assert.deepEqual(
    pipeline.http.invalid,
    { not_json: each, unknown_type: each, bad_field: each },
  );
  const kept = await Deno.readTextFile(`${folder.path}/dead-letter.ndjson`);
  assert.equal(kept.trim().split("\n").length, 3 * each);
});

Deno.test("what is read and what is hidden is the same as in the Apache module", async () => {
  const source = await Deno.readTextFile(
    new URL("../apache/settings.c", import.meta.url),
  );
  const list = (name: string): string[] => {
    const [, body = ""] =
      new RegExp(`\\b${name}\\[\\] = \\{(.*?)\\};`, "s").exec(source) ?? [];
    return [...body.matchAll(/"([^"]+)"/g)].map(([, word = ""]) => word).sort();
  };
  assert.deepEqual(list("default_headers"), [...HEADER_VALUES].sort());
  assert.deepEqual(list("credentials"), [...CREDENTIALS].sort());
  assert.deepEqual(list("secret_parameters"), [...SECRET_PARAMETERS].sort());
});
