import assert from "node:assert/strict";
import { byRank, toPattern } from "./paths.ts";

Deno.test.each([
  { id: "/index", want: "/" },
  { id: "/login", want: "/login" },
  { id: "/ip/index", want: "/ip" },
  { id: "/ip/[ip]", want: "/ip/:ip" },
  { id: "/files/[...path]", want: "/files/:path*" },
  { id: "/list/[[page]]", want: "/list{/:page}?" },
  { id: "/(admin)/users", want: "/users" },
  { id: "/api/v1/[name].json", want: "/api/v1/:name.json" },
])("toPattern($id) is $want", ({ id, want }) => {
  assert.equal(toPattern(id), want);
});

Deno.test("byRank() puts shells first, then fixed, parameter, catch-all", () => {
  const ids = ["/[...rest]", "/[id]", "/about", "/_layout", "/_app"];
  assert.deepEqual(
    ids.map((id) => ({ id })).toSorted(byRank).map(({ id }) => id),
    ["/_app", "/_layout", "/about", "/[id]", "/[...rest]"],
  );
});
