import assert from "node:assert/strict";
import { temporaryFolder } from "../lib/testing.ts";
import {
  ProducerRecord,
  readRecord,
  type Recorded,
} from "./producer_record.ts";

Deno.test("ProducerRecord is read as it was written last, however long it was before", async () => {
  await using folder = await temporaryFolder();
  assert.equal(readRecord(folder.path), undefined);
  let state: Recorded = { held: 0, requests: [], handshakes: [] };
  {
    using record = new ProducerRecord(folder.path, () => state);
    for (const producers of [3, 40, 1, 0]) {
      state = {
        held: producers,
        requests: Array.from({ length: producers }, (_, n) => ({
          ...{ name: n, highest: n * 1000, ts: n },
        })),
        handshakes: [{ name: "1790000000 edge1", highest: 5, ts: 9 }],
      };
      record.write();
      assert.deepEqual(readRecord(folder.path), state);
    }
  }
  using again = new ProducerRecord(folder.path, () => state);
  again.write();
  assert.deepEqual(readRecord(folder.path), state);
});

Deno.test("a damaged record is ignored", async () => {
  await using folder = await temporaryFolder();
  const state = { held: 3, requests: [], handshakes: [] };
  using record = new ProducerRecord(folder.path, () => state);
  record.write();
  const path = `${folder.path}/producers`;
  const bytes = await Deno.readFile(path);
  for (let at = 0; at < bytes.length - 1; at++) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await Deno.writeFile(path, damaged);
    // The spaces between the three parts mean nothing.
    const wanted = at === 8 || at === 17 ? state : undefined;
    assert.deepEqual(readRecord(folder.path), wanted, `byte ${at}`);
  }
});
