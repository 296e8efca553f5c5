import assert from "node:assert/strict";
import { COLUMN, type FeatureName, FEATURES } from "../lib/features.ts";
import { phraseOf } from "./phrases.ts";
import { CHROME, windowFacts } from "./testing.ts";
import type { WindowFacts } from "./windows.ts";

/** The phrase of `feature` where it has `value`, and 0 is usual if nothing else is said. */
function said(
  feature: FeatureName,
  value: number,
  facts: Partial<WindowFacts> = {},
  median = 0,
): ReturnType<typeof phraseOf> {
  const features = new Float32Array(FEATURES.length);
  features[COLUMN[feature]] = value;
  return phraseOf(feature, { facts: windowFacts(facts), features, median });
}

Deno.test("phraseOf() tells counts and not products", () => {
  const log = Math.log2(102);
  const facts = { requests: 101, later_without_cookie: 98 };
  assert.deepEqual(said("cookie_missing", 0.98 * log, facts, 0.1 * log), {
    here: "98 of 100",
    usual: "10 of 100",
    clause: "no cookie in 98 of 100 requests after the first",
  });
  assert.equal(
    said("order_monotony", log, { requests: 101, orders: 1 }, 2).usual,
    "3 orders",
  );
});

Deno.test("phraseOf() tells times as a person would", () => {
  const facts = { pause_count: 20, pause_cv: 0.04, pause_ms: 500 };
  const { here, usual, clause } = said(
    "pause_regularity",
    1 / 0.14,
    facts,
    1 / 0.9,
  );
  assert.equal(here, "every 0.5 s ± 4 %");
  assert.equal(usual, "± 80 %");
  assert.equal(clause, "a page every 0.5 s (variation 4 %)");
  assert.equal(said("pause_regularity", 0, {}, 1).here, "too few pages");
});

Deno.test("phraseOf() names the client whose handshake it is", () => {
  const facts = { ja4_label: "curl 7.88 with OpenSSL 3.0" };
  assert.equal(
    said("ja4_ua_bits", 9, facts).clause,
    "its TLS handshake is that of curl 7.88 with OpenSSL 3.0, not of Chrome 150",
  );
  assert.equal(
    said("ja4_ua_bits", 9, { ja4_label: "" }).clause,
    "Chrome 150 has its TLS handshake in 0.10 % of networks",
  );
});

Deno.test("phraseOf() compares what a client sends with what it claims", () => {
  const of = (changed: Partial<typeof CHROME>) => ({
    signatures: [[{ ...CHROME, ...changed }, 40]],
  } as const);
  assert.equal(
    said("encoding_bits", 9, of({ accept_encoding: "gzip" })).clause,
    'Accept-Encoding "gzip", which Chrome 150 does not send',
  );
  assert.equal(
    said("tcp_os_bits", 9, of({ tcp_signature: "64|2-4-8-1-3|7" })).clause,
    "its TCP SYN is that of Linux or Android, not of Windows",
  );
});

Deno.test("phraseOf() has words for every feature, without a value that is none", () => {
  for (const { name } of FEATURES) {
    for (const [value, median] of [[0, 0], [1, 0.5], [12, 3]] as const) {
      for (const requests of [1, 40]) {
        const phrase = said(name, value, { requests }, median);
        const text = Object.values(phrase).join("|");
        assert.doesNotMatch(text, /NaN|undefined|Infinity|-\d/, name);
        assert.ok(phrase.here !== "" && phrase.usual !== "", name);
        assert.ok(phrase.here.length < 30, `${name}: ${phrase.here}`);
      }
    }
  }
});
