import assert from "node:assert/strict";
import { Progress, type Terminal } from "./progress.ts";

interface Recorded extends Terminal {
  text: string;
}

function terminal(live: boolean): Recorded {
  return {
    live,
    text: "",
    write(text: string): void {
      this.text += text;
    },
    columns: () => 40,
  };
}

const LIVE = true;
const PLAIN = false;

Deno.test("Progress.step() prints name and seconds once where nothing can be rewritten", async () => {
  const plain = terminal(PLAIN);
  using progress = new Progress(plain);
  assert.equal(await progress.step("Database", () => Promise.resolve(7)), 7);
  assert.match(plain.text, /^ {2}✓ Database +0\.\d s\n$/);
});

Deno.test("Progress.step() marks what failed and passes the error on", async () => {
  const plain = terminal(PLAIN);
  using progress = new Progress(plain);
  const failure = new Error("no");
  await assert.rejects(
    progress.step("Database", () => Promise.reject(failure)),
    failure,
  );
  assert.match(plain.text, /^ {2}✗ Database/);
});

Deno.test("Progress keeps the live line below what is printed, and within the width", () => {
  const live = terminal(LIVE);
  {
    using progress = new Progress(live);
    progress.pulse(() => "x".repeat(100));
    progress.line("above");
    progress.line("more");
  }
  const width = 39;
  const clear = "\r\x1b[2K";
  const drawn = "x".repeat(width);
  assert.equal(live.text, `above\n${drawn}${clear}more\n${drawn}${clear}`);
});
