import assert from "node:assert/strict";
import { Counter, createRegistry } from "../lib/metrics.ts";
import { mergeFamilies, textOf } from "./gather.ts";
import { parseMetrics, sumOf } from "./samples.ts";

Deno.test("mergeFamilies() names each metric once and each sample's component", async () => {
  const answers = await Promise.all(
    ["capture", "web"].map(async (part) => {
      const registry = createRegistry(part);
      new Counter({
        name: `${part}_things_total`,
        help: `Things of ${part}`,
        labelNames: ["kind"],
        registers: [registry],
      }).inc({ kind: 'a "b"\\\n' }, 3);
      return { part, families: parseMetrics(await registry.metrics()) };
    }),
  );
  const text = textOf(
    mergeFamilies([...answers, { part: "detect", families: undefined }]),
  );
  assert.equal(text.match(/^# TYPE ja4_build_info gauge$/gm)?.length, 1);
  assert.match(text, /^ja4_up\{component="detect"\} 0$/m);
  assert.match(
    text,
    /^capture_things_total\{component="capture",kind="a \\"b\\"\\\\\\n"\} 3$/m,
  );
  assert.match(
    text,
    /^process_resident_memory_bytes\{component="web"\} \d+$/m,
  );
  // What was written is read again as it was.
  const again = parseMetrics(text);
  assert.equal(sumOf(again, "ja4_up"), 2);
  assert.equal(sumOf(again, "web_things_total", { kind: 'a "b"\\\n' }), 3);
  assert.equal(textOf(again), text);
});
