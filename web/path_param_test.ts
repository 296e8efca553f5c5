import assert from "node:assert/strict";
import { pathParam } from "./path_param.ts";

Deno.test.each([
  { route: "/hosts/:host", path: "/hosts/a%2Fb%3A80", want: "a/b:80" },
  { route: "/hosts/:host", path: "/hosts/a%252Fb", want: "a%2Fb" },
  { route: "/hosts/:host", path: "/hosts/%ff", want: "%ff" },
  { route: "/ja4/:host/similar", path: "/ja4/x_y_z/similar", want: "x_y_z" },
  { route: "/net/:host*", path: "/net/2001:db8::/32", want: "2001:db8::/32" },
  { route: "/net/:host*", path: "/net/10.0.0.0%2F8", want: "10.0.0.0/8" },
])("pathParam() of $path is $want", ({ route, path, want }) => {
  const url = new URL(path, "http://dashboard.test");
  assert.equal(pathParam({ route, url }, "host"), want);
});
