import assert from "node:assert/strict";
import { temporaryFolder } from "../lib/testing.ts";
import { Join } from "./join.ts";
import type { Joined, JoinOptions } from "./join_options.ts";
import {
  readSnapshot,
  removeSnapshot,
  writeSnapshot,
} from "./join_snapshot.ts";
import {
  at,
  connectionEnd,
  handshake,
  request,
  START_US,
  testOptions,
} from "./testing.ts";

/** A join whose rows are kept, told the time. */
function joinAt(
  nowMs: number,
  options: Partial<JoinOptions> = {},
): { join: Join; rows: Joined[] } {
  const rows: Joined[] = [];
  const join = new Join(testOptions(options), (row) => rows.push(row));
  join.advance(nowMs, START_US + nowMs * 1000);
  return { join, rows };
}

function hello(port: number, ms: number): ReturnType<typeof handshake> {
  return handshake({
    ...{ src_port: port, ts: at(ms), seq: port * 10_000 + ms },
    client_random_hash: `${port}/${ms}`,
  });
}

/** A request on the connection that was accepted at `ms`. */
function get(
  port: number,
  { conn, ms, now = ms }: { conn: number; ms: number; now?: number },
): ReturnType<typeof request> {
  return request({ src_port: port, conn, conn_ts: at(ms), ts: at(now) });
}

Deno.test("what a join saved, another one matches by", () => {
  const old = joinAt(0);
  // A port that was used twice, both connections open to late requests; one not used yet; one ended.
  old.join.handshake(hello(1, 0), 500);
  old.join.request(get(1, { conn: 11, ms: 0 }));
  old.join.handshake(hello(1, 50), 500);
  old.join.request(get(1, { conn: 12, ms: 50 }));
  old.join.handshake(hello(2, 60), 500);
  old.join.handshake(hello(3, 70), 500);
  old.join.request(get(3, { conn: 13, ms: 70 }));
  old.join.connectionEnd(connectionEnd({ src_port: 3, conn: 13, ts: at(80) }));
  old.join.advance(100, START_US + 100_000);
  old.join.finish("shutdown");
  const saved = [...old.join.save()];
  assert.equal(saved.length, 4);

  // Its clock begins anew.
  const { join, rows } = joinAt(5);
  assert.equal(join.restore(JSON.parse(JSON.stringify(saved)), 1000), 4);
  assert.equal(join.handshakesHeld, 4);
  assert.equal(join.bytesHeld, 2000);
  join.request(get(1, { conn: 11, ms: 0, now: 1200 }));
  join.request(get(1, { conn: 12, ms: 50, now: 1200 }));
  join.request(get(2, { conn: 14, ms: 60, now: 1200 }));
  join.request(get(3, { conn: 13, ms: 70, now: 75 }));
  assert.deepEqual(
    rows.map((row) =>
      row.match === "conn" && [row.request.conn, row.handshake.ts]
    ),
    [[11, at(0)], [12, at(50)], [14, at(60)], [13, at(70)]],
  );
  // The ended connection goes when its time is up, which began before the restart.
  join.advance(800, START_US + 1_900_000);
  assert.equal(join.handshakesHeld, 4);
  join.advance(1200, START_US + 2_300_000);
  assert.equal(join.handshakesHeld, 3);
  assert.equal(rows.length, 4, "nothing is written twice");
});

Deno.test("a join with less room takes what fits", () => {
  const old = joinAt(0);
  for (let n = 0; n < 40; n++) old.join.handshake(hello(n, n), 100);
  const saved = [...old.join.save()];
  const { join } = joinAt(0, { maxTls: 16 });
  assert.equal(join.restore(saved, 0), 16);
  assert.equal(join.handshakesHeld, 16);
  join.handshake(hello(99, 100), 100);
  assert.equal(join.handshakesHeld, 16);
});

Deno.test("a snapshot is read as it was written, unless it is old or damaged", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/join.snapshot`;
  const now = { nowMs: 5000, ageMsMax: 1000 };
  assert.deepEqual(readSnapshot(path, now), { found: "nothing" });
  const { join } = joinAt(0);
  // More than a chunk.
  for (let n = 0; n < 1000; n++) join.handshake(hello(n, n), 100);
  const saved = [...join.save()];
  assert.equal(writeSnapshot(path, saved, 4200), 1000);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const loaded = readSnapshot(path, now);
  assert.ok(loaded.found === "handshakes");
  assert.equal(loaded.ageMs, 800);
  assert.deepEqual(loaded.handshakes, JSON.parse(JSON.stringify(saved)));

  const reasonFor = (bytes: Uint8Array, nowMs = 5000): string => {
    Deno.writeFileSync(path, bytes);
    const read = readSnapshot(path, { ...now, nowMs });
    assert.ok(read.found === "unusable", read.found);
    return read.reason;
  };
  const whole = await Deno.readFile(path);
  assert.equal(reasonFor(whole, 5300), "it is too old");
  const digit = whole.findIndex((byte, i) => i > 1000 && byte === 0x31);
  assert.equal(reasonFor(whole.with(digit, 0x32)), "it is damaged");
  for (const length of [0, 5, 9, 40, whole.length >> 1, whole.length - 1]) {
    assert.ok(reasonFor(whole.subarray(0, length)).length > 0, `${length}`);
  }
  removeSnapshot(path);
  removeSnapshot(path);
  assert.deepEqual(readSnapshot(path, now), { found: "nothing" });
});
