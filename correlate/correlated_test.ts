import assert from "node:assert/strict";
import fc from "fast-check";
import type { CorrelatedEvent } from "../lib/events.ts";
import { toCorrelated } from "./correlated.ts";
import { helloOf } from "./hello.ts";
import type { JoinOptions } from "./join_options.ts";
import { LineSplitter } from "./lines.ts";
import { Pipeline } from "./pipeline.ts";
import { Privacy } from "./privacy.ts";
import { at, handshake, request, START_US, testOptions } from "./testing.ts";

/** Rows of a pipeline that is given these texts. */
function rowsOf(
  network: readonly string[],
  http: readonly string[],
  options: Partial<JoinOptions> = {},
): { rows: string[]; pipeline: Pipeline } {
  const rows: string[] = [];
  const pipeline = new Pipeline({
    join: testOptions(options),
    privacy: new Privacy({ addresses: "full", query: "keep", queryNames: [] }),
    sinks: [{ append: (line) => rows.push(line) }],
    deadLetters: undefined,
    ...{ origin: 1, epoch: 2 },
  });
  pipeline.join.advance(0, START_US);
  const bytes = (lines: readonly string[]): Uint8Array =>
    new TextEncoder().encode(lines.map((line) => line + "\n").join(""));
  const splitter = new LineSplitter(65_536);
  splitter.push(bytes(network), (lines) => pipeline.takeNetwork(lines));
  splitter.push(bytes(http), (lines) => pipeline.takeHttp(lines, "reqin"));
  pipeline.join.finish();
  return { rows, pipeline };
}

const ID = "00000001-0000-0002-0000-000000000001";
const own = { conn: 7, conn_ts: at(0), pid: 3, seq: 9, req_idx: 0 };

Deno.test("a row says the same whether its text is taken over or written anew", () => {
  const text = fc.string({ unit: "binary", maxLength: 30 });
  fc.assert(
    fc.property(text, text, text, (sni, url_path, agent) => {
      const headers = { "user-agent": agent };
      const hello = handshake({ sni });
      const made = request({ ...own, url_path, headers });
      const { rows, pipeline } = rowsOf(
        [JSON.stringify(hello)],
        [JSON.stringify(made)],
      );
      assert.equal(pipeline.rewritten, 0);
      const { rows: anew, pipeline: other } = rowsOf(
        [JSON.stringify({ ...hello, unknown: 1 })],
        [JSON.stringify({ ...made, match: "x" })],
      );
      assert.equal(other.rewritten, 2);
      const [taken = ""] = rows;
      assert.deepEqual(JSON.parse(taken), JSON.parse(anew[0] ?? ""));
      const wanted: CorrelatedEvent = toCorrelated({
        match: "conn",
        request: made,
        handshake: helloOf(hello),
      }, ID);
      assert.deepEqual(JSON.parse(taken), wanted);
    }),
  );
});

/** Texts that a producer of ours would not write. The row must hold what was checked, and no more. */
Deno.test.each<{ name: string; change: (text: string) => string }>([
  {
    name: "an unknown key",
    change: (text) => text.replace(/}$/, ',"match":"tls_only"}'),
  },
  {
    name: "another address at the end",
    change: (text) =>
      text.replace('"src_ip":"192.0.2.1"', '"src_ip":"192.0.2.9"')
        .replace(/}$/, ',"src_ip":"192.0.2.1"}'),
  },
  {
    name: "another order",
    change: (text) =>
      JSON.stringify(
        Object.fromEntries(Object.entries(JSON.parse(text)).toReversed()),
      ),
  },
  { name: "white space", change: (text) => text.replaceAll(',"', ' ,\t"') },
  {
    name: "an address in another spelling",
    change: (text) => text.replace("192.0.2.1", "::ffff:192.0.2.1"),
  },
])("a row is the same for a producer that writes $name", ({ change }) => {
  const texts = [handshake(), request(own)].map((event) =>
    JSON.stringify(event)
  );
  const [hello = "", made = ""] = texts;
  const { rows } = rowsOf([change(hello)], [change(made)]);
  const { rows: wanted } = rowsOf([hello], [made]);
  assert.equal(rows.length, 1);
  assert.deepEqual(JSON.parse(rows[0] ?? ""), JSON.parse(wanted[0] ?? ""));
});

Deno.test("a client address that a trusted proxy claims joins the text of the producer", async () => {
  const { NetworkSet } = await import("../lib/ip_filter.ts");
  const made = request({
    ...own,
    headers: { "x-forwarded-for": "203.0.113.7" },
  });
  const { rows, pipeline } = rowsOf(
    [JSON.stringify(handshake())],
    [JSON.stringify(made)],
    { trustedProxies: new NetworkSet(["192.0.2.0/24"]) },
  );
  assert.equal(pipeline.rewritten, 0);
  const row = JSON.parse(rows[0] ?? "");
  assert.equal(row.client_ip, "203.0.113.7");
  assert.equal(row.client_ip_source, "x_forwarded_for");
});
