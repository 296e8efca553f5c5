import assert from "node:assert/strict";
import { startLog } from "./log.ts";

Deno.test("startLog() writes hostile text visibly, one JSON line an event", async () => {
  const write = Deno.stderr.writeSync;
  let written = "";
  const log = await startLog("part", "info");
  Deno.stderr.writeSync = (bytes) => {
    written += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    log.debug("Not written");
    log.warn("Discarded an event", {
      reason: "malformed",
      user_agent: "a\n<3>forged\u202e",
      nested: { list: ["\x1b[2J"], error: new Error("bad\rthing") },
    });
  } finally {
    Deno.stderr.writeSync = write;
  }
  const lines = written.trimEnd().split("\n");
  assert.equal(lines.length, 1);
  const { ts, ...rest } = JSON.parse(lines[0] ?? "");
  assert(!Number.isNaN(Date.parse(ts)));
  assert.deepEqual(rest, {
    level: "warning",
    component: "part",
    message: "Discarded an event",
    reason: "malformed",
    user_agent: "a\\u{0a}<3>forged\\u{202e}",
    nested: { list: ["\\u{1b}[2J"], error: "Error: bad\\u{0d}thing" },
  });
});
