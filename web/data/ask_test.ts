import assert from "node:assert/strict";
import { DatabaseError } from "../../lib/clickhouse.ts";
import { attemptAll, STILL_LOADING } from "./ask.ts";

Deno.test("attemptAll() gives each panel its data, its failure, or that it is still being loaded", async () => {
  const slow = Promise.withResolvers<string>();
  const panels = await attemptAll({
    there: Promise.resolve("data"),
    failed: Promise.reject(new DatabaseError("away", undefined, "retry")),
    slow: slow.promise,
  }, 5);
  assert.deepEqual(panels, {
    there: { ok: true, value: "data" },
    failed: { ok: false, message: "The database does not answer." },
    slow: { ok: false, message: STILL_LOADING },
  });
  // What comes late harms nobody.
  slow.reject(new DatabaseError("away", undefined, "retry"));
});

Deno.test("attemptAll() without an end waits for all", async () => {
  const slow = new Promise<string>((resolve) =>
    setTimeout(() => resolve("late"), 5)
  );
  assert.deepEqual(await attemptAll({ slow }), {
    slow: { ok: true, value: "late" },
  });
});
