import assert from "node:assert/strict";
import { FatalError } from "../../lib/errors.ts";
import { freePort } from "../../lib/testing.ts";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() gives every part a port of its own", () => {
  const options = {
    port: String(freePort()),
    "https-port": String(freePort()),
  };
  const { ports } = parseOptions(options);
  const all = Object.values(ports);
  assert.equal(new Set(all).size, all.length);
  assert.equal(String(ports.web), options.port);
});

Deno.test("parseOptions() names the port that is taken and the option to choose another", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assert.throws(
    () =>
      parseOptions({ port: String(freePort()), "https-port": String(port) }),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "unavailable" &&
      thrown.message.includes(`port ${port}`) &&
      thrown.message.includes("--https-port"),
  );
});

Deno.test.each([
  { port: "0" },
  { port: "65536" },
  { port: "web" },
  { for: "1.5" },
])("parseOptions() refuses %o", (options) => {
  assert.throws(
    () => parseOptions(options),
    (thrown) => thrown instanceof FatalError && thrown.exit === "usage",
  );
});
