import assert from "node:assert/strict";
import { FatalError } from "../lib/errors.ts";
import {
  configGrants,
  permissionFlags,
  permissionSets,
} from "./permissions.ts";

Deno.test("permissionSets() reads JSON with comments and trailing commas", () => {
  const text = `{
    // a comment with "quotes"
    "permissions": { /* why */ "web": { "net": ["http://x//y"], }, },
  }`;
  assert.deepEqual(permissionSets(text, ["web"]).get("web"), {
    net: ["http://x//y"],
  });
});

Deno.test("permissionSets() names the set that is missing", () => {
  assert.throws(
    () => permissionSets("{}", ["web"]),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "config" &&
      thrown.message.includes('"web"'),
  );
});

Deno.test.each([
  { name: "nothing", set: {}, grants: {}, want: [] },
  {
    name: "a whole kind",
    set: { sys: true },
    grants: { sys: ["hostname"] },
    want: ["--allow-sys"],
  },
  { name: "a denied kind", set: { env: false }, grants: {}, want: [] },
  {
    name: "relative paths",
    set: { read: ["web/static"] },
    grants: {},
    want: ["--allow-read=/root/web/static"],
  },
  {
    name: "grants beside the set",
    set: { net: ["127.0.0.1:1"] },
    grants: { net: ["127.0.0.1:2", "127.0.0.1:1"], read: ["/a,b"] },
    want: ["--allow-net=127.0.0.1:1,127.0.0.1:2", "--allow-read=/a,,b"],
  },
  {
    name: "allow and deny",
    set: { write: { allow: ["data"], deny: ["data/secret"] } },
    grants: {},
    want: ["--allow-write=/root/data", "--deny-write=/root/data/secret"],
  },
  {
    name: "a program by name",
    set: { run: ["ip"] },
    grants: {},
    want: ["--allow-run=ip"],
  },
])("permissionFlags() with $name", ({ set, grants, want }) => {
  assert.deepEqual(permissionFlags(set, grants, "/root"), [
    "--no-prompt",
    ...want,
  ]);
});

Deno.test("configGrants() allows what the configuration names and nothing else", () => {
  assert.deepEqual(
    configGrants({
      network: { path: "/run/ja4/network.socket" },
      clickhouse: {
        url: "https://db.example",
        username: "ja4",
        password_file: "/secret/ja4.password",
      },
      spool: { dir: "/spool" },
      health: { listen: "127.0.0.1:9464" },
    }),
    {
      net: ["unix:/run/ja4/network.socket", "db.example:443", "127.0.0.1:9464"],
      read: ["/run/ja4/network.socket", "/secret/ja4.password", "/spool"],
      write: ["/run/ja4/network.socket", "/spool"],
      ffi: [],
    },
  );
});
