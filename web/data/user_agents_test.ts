import assert from "node:assert/strict";
import { claimOf, groupClaims } from "./user_agents.ts";

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

Deno.test.each([
  { text: CHROME, product: "Chrome 150", system: "Windows" },
  { text: `${CHROME} Edg/150.0.0.0`, product: "Edge 150", system: "Windows" },
  {
    text:
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    product: "Mobile Safari 18",
    system: "iOS",
  },
  { text: "curl/8.9.1", product: "curl 8.9.1", system: "" },
  {
    text:
      "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    product: "Googlebot 2.1",
    system: "",
  },
  { text: "", product: "(none)", system: "" },
  { text: "<img src=x>", product: "<img", system: "" },
])("claimOf() of $product", ({ text, product, system }) => {
  const claim = claimOf(text);
  assert.deepEqual([claim.product, claim.system], [product, system]);
});

Deno.test("groupClaims() keeps those that lie apart from those that do not", () => {
  assert.deepEqual(
    groupClaims([
      { user_agent: CHROME, client: "chrome", requests: 90 },
      { user_agent: CHROME, client: "python", requests: 10 },
      { user_agent: "curl/8.9.1", client: "", requests: 5 },
    ]).map((
      { claim, handshake, share, agrees },
    ) => [claim, handshake, share, agrees]),
    [
      ["Chrome 150 / Windows", "chrome", 0.9, true],
      ["Chrome 150 / Windows", "python", 0.1, false],
      ["curl 8.9.1", "", 1, undefined],
    ],
  );
});
