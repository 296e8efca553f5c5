import assert from "node:assert/strict";
import type { ListEntry } from "../data/client_lists.ts";
import { answerFeed, feedOf } from "./feed.ts";

function entry(
  kind: ListEntry["kind"],
  value: string,
  list: ListEntry["list"] = "deny",
): ListEntry {
  return {
    kind,
    value,
    list,
    id: `${list} ${value}`,
    reason: "a\nb",
    actor: "x",
    madeMs: 0,
  };
}

const ENTRIES = [
  entry("network", "198.51.100.0/24"),
  entry("ip", "2001:db8::7"),
  entry("ip", "192.0.2.1", "allow"),
  entry("ja4", "t13d1516h2_8daaf6152771_806a8c22fdea"),
  entry("http_host", "www.example.com\n0.0.0.0/0"),
  // Written into the table past the form, which would have refused them.
  entry("ip", "203.0.113.9\n0.0.0.0/0"),
  entry("network", "203.0.113.0/24 # all"),
  entry("ip", "=cmd()"),
];

function get(
  name: string,
  headers: Record<string, string> = {},
): Response {
  const feed = feedOf(name);
  assert.ok(feed !== undefined);
  return answerFeed(new Request("http://host/", { headers }), feed, ENTRIES);
}

Deno.test("deny.txt has an address or network a line, and nothing else", async () => {
  assert.equal(
    await get("deny.txt").text(),
    "198.51.100.0/24\n2001:db8::7\n",
  );
  assert.equal(await get("allow.txt").text(), "192.0.2.1\n");
});

Deno.test("deny.json has all that is known of each entry, as text", async () => {
  const told = await get("deny.json").json();
  assert.equal(told.list, "deny");
  assert.equal(told.data.length, ENTRIES.length - 1);
});

Deno.test("a list that is as it was is not sent again", async () => {
  const { headers } = get("deny.txt");
  const etag = headers.get("etag") ?? "";
  const again = get("deny.txt", { "if-none-match": etag });
  assert.deepEqual([again.status, await again.text()], [304, ""]);
  assert.equal(get("watch.txt", { "if-none-match": etag }).status, 200);
});

Deno.test.each([
  "deny",
  "deny.csv",
  "deny.txt.txt",
  "other.txt",
  "__proto__.txt",
])(
  "feedOf(%s) is no file",
  (name) => assert.equal(feedOf(name), undefined),
);
