import assert from "node:assert/strict";
import { destinationOf } from "./search.ts";

Deno.test.each([
  { text: "192.0.2.1", want: "/ip/192.0.2.1" },
  { text: " [2001:DB8:0:0::1] ", want: "/ip/2001:db8::1" },
  { text: "::ffff:192.0.2.1", want: "/ip/192.0.2.1" },
  {
    text: "t13d1516h2_8daaf6152771_b186095e22b6",
    want: "/ja4/t13d1516h2_8daaf6152771_b186095e22b6",
  },
  { text: "d-7f3k2qab", want: "/detections/D-7F3K2QAB" },
  { text: "Login.Example.com", want: "/detections?host=login.example.com" },
  { text: "localhost", want: "/detections?host=localhost" },
  { text: "", want: undefined },
  { text: "status:401 and ja4.b:c7", want: undefined },
  { text: "//evil.example/", want: undefined },
  { text: "<script>", want: undefined },
])("destinationOf() of $text", ({ text, want }) => {
  assert.equal(destinationOf(text), want);
});
