import assert from "node:assert/strict";
import { nextPage } from "./next_page.ts";

Deno.test.each([
  {
    text: "/detections?view=inbox&q=a%26b",
    want: "/detections?view=inbox&q=a%26b",
  },
  { text: "/", want: "/" },
  { text: "/a/../ip/::1", want: "/ip/::1" },
  { text: null, want: "/" },
  { text: "", want: "/" },
  { text: "detections", want: "/" },
  { text: "//evil.example", want: "/" },
  { text: "/\\evil.example", want: "/" },
  { text: "/\t/evil.example", want: "/" },
  { text: "/a/..//evil.example", want: "/" },
  { text: "https://evil.example", want: "/" },
  { text: "javascript:alert(1)", want: "/" },
  { text: "/x\\..\\\\evil.example", want: "/" },
])("nextPage($text) is $want", ({ text, want }) => {
  assert.equal(nextPage(text), want);
});
