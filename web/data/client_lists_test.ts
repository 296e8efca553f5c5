import assert from "node:assert/strict";
import type { UnixMicros } from "../../lib/events.ts";
import { listFormPath, parseEntryForm, subjectOf } from "./client_lists.ts";

const NOW = 1_700_000_000_000_000 as UnixMicros;
const JA4 = "t13d1516h2_8daaf6152771_b186095e22b6";

Deno.test.each(
  [
    ["203.0.113.7", { kind: "ip", value: "203.0.113.7" }],
    ["::ffff:203.0.113.7", { kind: "ip", value: "203.0.113.7" }],
    ["2001:DB8::1", { kind: "ip", value: "2001:db8::1" }],
    ["203.0.113.7/24", { kind: "network", value: "203.0.113.0/24" }],
    ["2001:db8::1/32", { kind: "network", value: "2001:db8::/32" }],
    [JA4, { kind: "ja4", value: JA4 }],
    ["shop.example.com:8443", {
      kind: "http_host",
      value: "shop.example.com:8443",
    }],
    ["", undefined],
    ["203.0.113.0/33", undefined],
    ['"><svg onload=x>', undefined],
    ["two words", undefined],
    ["\u202egnp.example.com", undefined],
  ] as const,
)("subjectOf() of %s", (text, want) => {
  assert.deepEqual(subjectOf(text), want);
});

Deno.test.each(
  [
    ["ip", "203.0.113.7", "/lists?value=203.0.113.7"],
    ["net", "203.0.113.0/24", "/lists?value=203.0.113.0%2F24"],
    ["ja4", JA4, `/lists?value=${JA4}`],
    ["host", "shop.example.com", "/lists?value=shop.example.com"],
    // A host that looks like an address would be taken for one.
    ["host", "203.0.113.7", undefined],
    ["path", "/login", undefined],
    ["asn", "64501", undefined],
  ] as const,
)("listFormPath() of %s %s", (field, value, want) => {
  assert.equal(listFormPath(field, value), want);
});

function form(change: Record<string, string>): URLSearchParams {
  return new URLSearchParams({
    list: "deny",
    value: "203.0.113.0/24",
    reason: "scraper",
    days: "7",
    ...change,
  });
}

Deno.test("parseEntryForm() gives an entry and its end", () => {
  assert.deepEqual(parseEntryForm(form({}), NOW), {
    ok: true,
    entry: {
      list: "deny",
      kind: "network",
      value: "203.0.113.0/24",
      reason: "scraper",
      expiresMs: 1_700_000_000_000 + 7 * 86_400_000,
    },
  });
  const forever = parseEntryForm(form({ days: "0" }), NOW);
  assert(forever.ok);
  assert.equal(forever.entry.expiresMs, undefined);
});

Deno.test.each(
  [
    [{ list: "block" }, /deny, watch or allow/],
    [{ value: "two words" }, /no address/],
    [{ value: "0.0.0.0/0" }, /at most a \/8/],
    [{ value: "2001::/16" }, /at most a \/19/],
    [{ reason: " " }, /needs a reason/],
    [{ reason: "x".repeat(401) }, /at most 400/],
    [{ days: "8" }, /7, 30 or 90/],
  ] as const,
)("parseEntryForm() refuses %o", (change, want) => {
  const parsed = parseEntryForm(form(change), NOW);
  assert(!parsed.ok);
  assert.match(parsed.message, want);
});
