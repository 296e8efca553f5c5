import assert from "node:assert/strict";
import { FatalError } from "./errors.ts";
import { askHealth, Counter, createRegistry, serveHealth } from "./metrics.ts";
import { exists, temporaryFolder } from "./testing.ts";

Deno.test("serveHealth() answers for the process, its readiness and its metrics", async () => {
  const stop = new AbortController();
  const registry = createRegistry("part");
  const events = new Counter({
    name: "part_events_total",
    help: "Events",
    registers: [registry],
  });
  events.inc(3);
  let reasons: string[] = ["ClickHouse does not answer"];
  const { port, finished } = serveHealth({
    listen: "127.0.0.1:0",
    registry,
    notReady: () => reasons,
    signal: stop.signal,
  });
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  try {
    assert.deepEqual(await get("/healthz"), [200, "ok\n"]);
    assert.deepEqual(await get("/readyz"), [
      503,
      "ClickHouse does not answer\n",
    ]);
    reasons = [];
    assert.deepEqual(await get("/readyz"), [200, "ready\n"]);
    assert.match((await get("/metrics"))[1], /^part_events_total 3$/m);
    assert.equal((await get("/else"))[0], 404);
  } finally {
    stop.abort();
    await finished;
  }
});

Deno.test("serveHealth() names a busy address", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assert.throws(
    () =>
      serveHealth({
        listen: `127.0.0.1:${port}`,
        registry: createRegistry("part"),
        notReady: () => [],
        signal: AbortSignal.abort(),
      }),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "unavailable" &&
      thrown.message.startsWith(`Cannot listen on 127.0.0.1:${port}: `),
  );
});

Deno.test("serveHealth() takes a socket that a killed run has left, and removes its own", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/health.socket`;
  await Deno.writeTextFile(path, "");
  const stop = new AbortController();
  const { finished } = serveHealth({
    listen: `unix:${path}`,
    registry: createRegistry("part"),
    notReady: () => ["No interface"],
    signal: stop.signal,
  });
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o660);
  assert.deepEqual(await askHealth(`unix:${path}`, "/readyz"), {
    ok: false,
    text: "No interface\n",
  });
  stop.abort();
  await finished;
  assert.ok(!exists(path));
});
