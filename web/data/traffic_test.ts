import assert from "node:assert/strict";
import { pastShifts } from "./traffic.ts";

const DAY = 86_400;

Deno.test("pastShifts() compares the last 24 hours with the day before, wherever the first column begins", () => {
  for (const before of [0, 1, 899]) {
    assert.equal(pastShifts(DAY + before, 900).at(-1), DAY);
  }
  assert.equal(pastShifts(2 * DAY, 1800).at(-1), 28 * DAY);
});
