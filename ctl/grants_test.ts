import assert from "node:assert/strict";
import { flagsFile, missingGrants, unitFile } from "./grants.ts";

const FLAGS = `# detect
--allow-env=JA4_*
--allow-net=127.0.0.1:8080,127.0.0.1:8123
--allow-read=/etc/ja4-platform
`;

Deno.test("a configuration within the package's permissions needs no grants", () => {
  const missing = missingGrants(FLAGS, {
    clickhouse: {
      url: "http://127.0.0.1:8123",
      password_file: "/etc/ja4-platform/secrets/ja4.password",
    },
  });
  assert.deepEqual(missing, {});
  assert.equal(flagsFile("detect", missing), undefined);
  assert.equal(unitFile("detect", missing), undefined);
});

Deno.test("another database and its certificate are allowed, by name and nothing else", () => {
  const missing = missingGrants(FLAGS, {
    clickhouse: {
      url: "https://db.example.org:8443",
      ca_file: "/srv/ca.pem",
    },
    file: { path: "/data/out,1.ndjson" },
  });
  assert.deepEqual(missing, {
    net: ["db.example.org:8443"],
    read: ["/data/out,1.ndjson", "/srv/ca.pem"],
    write: ["/data/out,1.ndjson"],
  });
  assert.equal(
    flagsFile("detect", missing),
    '# Written by "ja4ctl grants" from detect.toml.\n' +
      "--allow-net=db.example.org:8443\n" +
      "--allow-read=/data/out,,1.ndjson,/srv/ca.pem\n" +
      "--allow-write=/data/out,,1.ndjson\n",
  );
  assert.equal(
    unitFile("detect", missing),
    '# Written by "ja4ctl grants" from detect.toml.\n[Service]\n' +
      "IPAddressAllow=any\nReadWritePaths=-/data\n",
  );
});

Deno.test("what was granted is not asked for again", () => {
  const config = { file: { path: "/data/out,1.ndjson" } };
  const added = flagsFile("detect", missingGrants(FLAGS, config)) ?? "";
  assert.deepEqual(missingGrants(FLAGS + added, config), {});
});

Deno.test("a folder that only begins alike is not allowed with another", () => {
  const flags = "--allow-read=/run/ja4\n--allow-write=/run/ja4\n";
  assert.deepEqual(
    missingGrants(flags, { socket: { path: "/run/ja4-other/x.socket" } }),
    {
      net: ["unix:/run/ja4-other/x.socket"],
      read: ["/run/ja4-other/x.socket"],
      write: ["/run/ja4-other/x.socket"],
    },
  );
});

Deno.test("a reader that calls the C library is allowed to, and no other library", () => {
  const { ffi = [], ...rest } = missingGrants(FLAGS, {
    http: { reader: "ffi" },
  });
  assert.deepEqual(rest, {});
  assert.ok(ffi.length > 0);
  for (const path of ffi) assert.match(path, /^\/usr\/lib.*\/libc\.so\.6$/);
  assert.deepEqual(missingGrants(FLAGS, { http: { reader: "builtin" } }), {});
});

Deno.test("a part that may do everything lacks nothing", () => {
  assert.deepEqual(
    missingGrants("--allow-all\n", { clickhouse: { url: "http://db:8123" } }),
    {},
  );
});
