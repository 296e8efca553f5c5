import assert from "node:assert/strict";
import { TLS, type TlsStack } from "./tls_stacks.ts";

/** JA4 of running clients and of curl-impersonate's signatures, by tools other than this one. */
const KNOWN = [
  ["chromium156", "t13d1517h2_8daaf6152771_cb7bf5808d99"],
  ["chromium156", "t13d1518h2_8daaf6152771_e2d80978ab2e", "resumed"],
  ["chrome131", "t13d1516h2_8daaf6152771_02713d6af862"],
  ["chrome131", "t13d1517h2_8daaf6152771_b0da82dd1658", "resumed"],
  ["firefox142", "t13d1717h2_5b57614c22b0_3cbfd9057e0d"],
  ["firefoxEsr", "t13d1715h2_5b57614c22b0_7121afd63204", "resumed"],
  ["safari15", "t13d2014h2_a09f3c656075_14788d8d241b"],
  ["safari26ios", "t13d2015h2_a09f3c656075_c258b721e490"],
  ["go124", "t13d1312h2_f57a46bbacb6_ab7e3b40a677"],
  ["goNoSni", "t13i190800_9dc949149365_97f8aa674fd9"],
  ["requests", "t13d4312h1_c7886603b240_b26ce05bbdd6"],
  ["curl", "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"],
  ["node", "t13d5911h1_a33745022dd6_1f22a2ca17c4"],
  ["java17", "t13d3713h2_db35923f8641_7c76daad20ec"],
  ["wget", "t13d291300_723694b0fccc_899037bd0b8c"],
] as const;

Deno.test("the JA4 that follows from a client's lists is the one known", () => {
  for (const [name, want, kind] of KNOWN) {
    const stack: TlsStack = TLS[name];
    assert.equal(
      (kind === "resumed" ? stack.resumed : stack.hello)?.ja4,
      want,
      name,
    );
  }
});
