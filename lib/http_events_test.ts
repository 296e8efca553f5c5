import assert from "node:assert/strict";
import type { CorrelatedEvent, IpAddress, Ja4, UnixMicros } from "./events.ts";
import { httpEventColumns, ja4CatalogColumns } from "./http_events.ts";
import { encodeNative } from "./native_format.ts";

const MATCHED = {
  event_type: "correlated",
  ts: 1_790_000_000_000_123 as UnixMicros,
  event_id: "0a1b2c3d-0000-0007-0000-0000000000ff",
  match: "conn",
  hello_ts: 1_790_000_000_000_000 as UnixMicros,
  match_age_us: -51,
  src_ip: "192.0.2.1" as IpAddress,
  src_port: 40_000,
  dest_ip: "2001:db8::1" as IpAddress,
  dest_port: 443,
  transport: "tcp",
  sensor: "edge1",
  community_id: "1:abc",
  status: "complete",
  hello: 0,
  tunnel: ["vxlan", "gre"],
  client_alpns: ["h2", "http/1.1"],
  ja4: "t13d1516h2_8daaf6152771_b186095e22b6" as Ja4,
  cipher_suites: [4865, 4866],
  tcp_window: 70_000,
  url_scheme: "https",
  http_method: "GET",
  http_host: "www.example.com",
  url_path: "/\ud800",
  http_version: "2",
  status_code: 200,
  header_names: ["Host", "User-Agent"],
  headers_dropped: 3,
  headers: { "user-agent": "curl/8", "accept": { len: 9 } },
  request_bytes: Number.NaN,
  response_bytes: -1,
} satisfies CorrelatedEvent;

function valueOf(name: string, event: CorrelatedEvent): unknown {
  const column = httpEventColumns([event]).find((column) =>
    column.name === name
  );
  assert.ok(column, `there is a column ${name}`);
  const data = column.data;
  return "length" in data && data.length === 1 ? data[0] : data;
}

Deno.test.each<{ name: string; want: unknown }>([
  { name: "ts", want: 1_790_000_000_000_123 },
  { name: "match", want: 1 },
  { name: "match_age_us", want: -51 },
  { name: "orphan_reason", want: "" },
  { name: "tunnel", want: "vxlan/gre" },
  { name: "client_alpns", want: "h2,http/1.1" },
  { name: "header_order", want: "host,user-agent" },
  { name: "header_count", want: 5 },
  { name: "user_agent", want: "curl/8" },
  { name: "accept", want: "" }, // redacted by the module
  { name: "referrer", want: "" },
  { name: "tcp_window", want: 65_535 }, // beyond the column
  { name: "response_bytes", want: 0 },
  { name: "request_bytes", want: 0 },
  {
    name: "src_ip",
    want: Uint8Array.from([
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      255,
      255,
      192,
      0,
      2,
      1,
    ]),
  },
  {
    name: "client_ip", // no proxy spoke: the peer
    want: Uint8Array.from([
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      255,
      255,
      192,
      0,
      2,
      1,
    ]),
  },
  {
    name: "event_id",
    want: Uint8Array.from([
      10,
      27,
      44,
      61,
      0,
      0,
      0,
      7,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      255,
    ]),
  },
])("httpEventColumns() fills $name", ({ name, want }) => {
  assert.deepEqual(valueOf(name, MATCHED), want);
});

Deno.test("httpEventColumns() of a handshake alone fills what the request would", () => {
  const { ts, event_id, src_ip, src_port, dest_ip, dest_port, hello_ts } =
    MATCHED;
  const { transport, sensor, community_id, status, hello, ja4 } = MATCHED;
  const event: CorrelatedEvent = {
    ...{ event_type: "correlated", match: "tls_only", ts, event_id, hello_ts },
    ...{ src_ip, src_port, dest_ip, dest_port },
    ...{ transport, sensor, community_id, status, hello, ja4 },
  };
  assert.equal(valueOf("match", event), 4);
  assert.equal(valueOf("status_code", event), 0);
  assert.equal(valueOf("http_host", event), "");
  assert.equal(valueOf("header_count", event), 0);
  // A block of both shapes encodes: every column has a value a row.
  assert.ok(encodeNative(httpEventColumns([MATCHED, event]), 2).length > 500);
});

Deno.test("a header named like a property of every object is not that property", () => {
  const columns = httpEventColumns([
    {
      ...MATCHED,
      headers: JSON.parse('{"__proto__":{"len":1},"user-agent":"x"}'),
    },
  ]);
  assert.deepEqual(columns.find(({ name }) => name === "user_agent")?.data, [
    "x",
  ]);
});

/** Columns of one CREATE TABLE that an insert has to give: neither MATERIALIZED nor with a DEFAULT. */
async function columnsOf(table: string): Promise<Map<string, string>> {
  const sql = await Deno.readTextFile(
    new URL("../migrations/0002_http_events/up.sql", import.meta.url),
  );
  // A table of which each shard has its own part is {{local:NAME}}.
  const [, body = ""] = new RegExp(
    `TABLE IF NOT EXISTS {{db}}\\.(?:{{local:)?${table}(?:}})? [^]*?\\((\n[^]*?)ENGINE =`,
  ).exec(sql) ?? [];
  const columns = new Map<string, string>();
  for (const line of body.split("\n")) {
    if (/\b(MATERIALIZED|DEFAULT)\b/.test(line)) continue;
    const match =
      /^ {4}([a-z][a-z0-9_]*) +([A-Z]\w+(?:\((?:[^()]|\([^()]*\))*\))?)/.exec(
        line,
      );
    if (match?.[1] && match[2]) columns.set(match[1], match[2]);
  }
  return columns;
}

Deno.test.each([
  { table: "http_events", columns: httpEventColumns([MATCHED]) },
  { table: "ja4_catalog", columns: ja4CatalogColumns([MATCHED]) },
])(
  "the columns of $table are those of the migration",
  async ({ table, columns }) => {
    assert.deepEqual(
      new Map(columns.map(({ name, type }) => [name, type])),
      await columnsOf(table),
    );
  },
);
