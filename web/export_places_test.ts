import assert from "node:assert/strict";
import { ExportPlaces } from "./export_places.ts";

Deno.test("ExportPlaces gives two to each and four to all, and takes them back", () => {
  const places = new ExportPlaces();
  const first = places.take("anne");
  assert.ok(first !== undefined && places.take("anne") !== undefined);
  assert.equal(places.take("anne"), undefined);
  assert.ok(places.take("bea") !== undefined);
  assert.ok(places.take("cleo") !== undefined);
  assert.equal(places.take("dora"), undefined, "four are running");
  first.keep()();
  assert.ok(places.take("anne") !== undefined);
  assert.equal(places.take("anne"), undefined);
});
