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
  { text: "Login.Example.com", want: "/hosts/login.example.com" },
  { text: "192.0.2.77/24", want: "/net/192.0.2.0/24" },
  { text: "2001:db8::1/32", want: "/net/2001:db8::/32" },
  { text: "AS64501", want: "/asn/64501" },
  { text: "as 64501", want: "/asn/64501" },
  { text: "t13d1516h2", want: "/explore?q=ja4%3At13d1516h2*" },
  { text: "t13d1516h2_8daaf6", want: "/explore?q=ja4%3At13d1516h2_8daaf6*" },
  {
    text: "8DAAF6152771",
    want: "/explore?q=ja4.b%3A8daaf6152771%20or%20ja4.c%3A8daaf6152771",
  },
  { text: "curl/8.5.0", want: "/ua/07d1d539047ef019" },
  {
    text: "status:401 -ua:*bot*",
    want: "/explore?q=status%3A401%20-ua%3A*bot*",
  },
  { text: "satus:401", want: "/explore?q=satus%3A401" },
  { text: "localhost", want: "/explore?q=localhost" },
  { text: "/wp-login.php", want: "/explore?q=%2Fwp-login.php" },
  { text: "//evil.example/", want: "/explore?q=%2F%2Fevil.example%2F" },
  { text: "<script>", want: "/explore?q=%22%3Cscript%3E%22" },
  { text: "  ", want: undefined },
])("destinationOf() of $text", ({ text, want }) => {
  assert.equal(destinationOf(text), want);
});
