import assert from "node:assert/strict";
import fc from "fast-check";
import { FatalError } from "../lib/errors.ts";
import { temporaryFolder } from "../lib/testing.ts";
import {
  type Batch,
  openSpool,
  type Spool,
  type SpoolOptions,
} from "./spool.ts";
import { encodeFrame, scanFrames } from "./spool_format.ts";

const NEVER = new AbortController().signal;

function open(dir: string, changes: Partial<SpoolOptions> = {}): Spool {
  return openSpool({
    dir,
    segmentBytes: 4096,
    bytesMax: 2 ** 20,
    whenFull: "drop_oldest",
    memoryBytesMax: 2 ** 20,
    nowS: 1000,
    ...changes,
  });
}

/** Writes batches of so many rows; a row's text is `epoch/sequence`. */
function write(spool: Spool, batches: readonly number[]): string[] {
  const lines: string[] = [];
  for (const rows of batches) {
    for (let row = 0; row < rows; row++) {
      const line = `"${spool.epoch}/${spool.nextSeq}"`;
      spool.append(line);
      lines.push(line);
      if (row % 3 === 2) spool.flush();
    }
    spool.flush();
    spool.seal();
  }
  return lines;
}

function linesOf({ payload }: Batch): string[] {
  return new TextDecoder().decode(payload).split("\n").filter(Boolean);
}

/** Delivers everything that is sealed. */
async function drain(
  spool: Spool,
): Promise<{ lines: string[]; tokens: string[] }> {
  const lines: string[] = [];
  const tokens: string[] = [];
  while (spool.hasBatch) {
    const batch = await spool.next(NEVER);
    assert.ok(batch);
    assert.equal(linesOf(batch).length, batch.rows);
    lines.push(...linesOf(batch));
    tokens.push(batch.token);
    spool.acknowledge(batch);
  }
  return { lines, tokens };
}

/** Leaves without the goodbye of a dispose, as a killed process does: the lock goes with the file. */
function crash(dir: string, spool: Spool): void {
  const kept = new Map<string, Uint8Array>();
  for (const { name } of Deno.readDirSync(dir)) {
    kept.set(name, Deno.readFileSync(`${dir}/${name}`));
  }
  spool[Symbol.dispose]();
  for (const { name } of Deno.readDirSync(dir)) {
    Deno.removeSync(`${dir}/${name}`);
  }
  for (const [name, bytes] of kept) Deno.writeFileSync(`${dir}/${name}`, bytes);
}

Deno.test("Spool delivers rows in order, in the batches that were sealed", async () => {
  await using folder = await temporaryFolder();
  using spool = open(folder.path);
  const lines = write(spool, [5, 1, 9]);
  assert.equal(spool.rowsHeld, 15);
  const drained = await drain(spool);
  assert.deepEqual(drained.lines, lines);
  assert.equal(new Set(drained.tokens).size, 3);
  assert.equal(spool.rowsHeld, 0);
  assert.equal(spool.counts.delivered, 15);
});

Deno.test("Spool.next() waits for a batch, and ends with its signal", async () => {
  await using folder = await temporaryFolder();
  using spool = open(folder.path);
  const waiting = spool.next(NEVER);
  write(spool, [2]);
  const first = await waiting;
  assert.equal(first?.rows, 2);
  const controller = new AbortController();
  spool.acknowledge(first);
  const aborted = spool.next(controller.signal);
  controller.abort();
  assert.equal(await aborted, undefined);
});

Deno.test("a killed process leaves the same batches under the same tokens", async () => {
  await using folder = await temporaryFolder();
  const first = open(folder.path);
  const lines = write(first, [4, 4, 400, 4]);
  const batch = await first.next(NEVER);
  assert.ok(batch);
  first.acknowledge(batch);
  const [, ...undelivered] = [batch, await first.next(NEVER)];
  first.append('"not flushed"');
  crash(folder.path, first);
  using second = open(folder.path);
  assert.equal(second.counts.recovered, 408);
  assert.ok(second.epoch > first.epoch, "no event identifier comes twice");
  const again = await second.next(NEVER);
  assert.equal(again?.token, undelivered[0]?.token);
  assert.ok(again?.recovered);
  second.acknowledge(again);
  const more = write(second, [3]);
  const drained = await drain(second);
  assert.deepEqual(drained.lines, [...lines.slice(8), ...more]);
});

Deno.test("a spool that is empty after a restart never repeats a token", async () => {
  await using folder = await temporaryFolder();
  const tokens: string[] = [];
  for (let start = 0; start < 3; start++) {
    using spool = open(folder.path);
    write(spool, [2, 2]);
    tokens.push(...(await drain(spool)).tokens);
  }
  assert.equal(new Set(tokens).size, 6);
});

Deno.test("an emptied folder has another identifier in its tokens", async () => {
  const tokens = new Set<string | undefined>();
  for (let start = 0; start < 2; start++) {
    await using folder = await temporaryFolder();
    using spool = open(folder.path);
    write(spool, [1]);
    tokens.add((await spool.next(NEVER))?.token);
  }
  assert.equal(tokens.size, 2);
});

Deno.test("a second instance refuses to start", async () => {
  await using folder = await temporaryFolder();
  using _spool = open(folder.path);
  assert.throws(
    () => open(folder.path),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "unavailable" &&
      /another process has it locked/.test(thrown.message),
  );
});

Deno.test("a folder that cannot be used is one clear message", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  assert.throws(
    () => open(`${folder.path}/file/spool`),
    (thrown) => thrown instanceof FatalError && thrown.exit === "noInput",
  );
});

/** Names of the segments, oldest first. */
function segmentNames(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name)
    .filter((name) => name.endsWith(".wal")).sort();
}

/** Starts over with these bytes as the only segment. */
function reset(dir: string, files: Record<string, Uint8Array>): void {
  for (const { name } of Deno.readDirSync(dir)) {
    if (name.includes(".wal")) Deno.removeSync(`${dir}/${name}`);
  }
  for (const [path, bytes] of Object.entries(files)) {
    Deno.writeFileSync(path, bytes);
  }
}

/** Path and bytes of the only segment. */
function segmentOf(dir: string): { path: string; bytes: Uint8Array } {
  const names = segmentNames(dir);
  assert.equal(names.length, 1);
  const path = `${dir}/${names[0]}`;
  return { path, bytes: Deno.readFileSync(path) };
}

Deno.test("a segment cut at any byte gives the rows before the cut, in order", async () => {
  await using folder = await temporaryFolder();
  const first = open(folder.path, { segmentBytes: 2 ** 20 });
  const lines = write(first, [4, 2, 5]);
  first[Symbol.dispose]();
  const { path, bytes } = segmentOf(folder.path);
  const state = await Deno.readFile(`${folder.path}/state`);
  let most = 0;
  for (let length = 0; length <= bytes.length; length++) {
    reset(folder.path, {
      [path]: bytes.subarray(0, length),
      [`${folder.path}/state`]: state,
    });
    using spool = open(folder.path);
    const drained = await drain(spool);
    assert.deepEqual(drained.lines, lines.slice(0, drained.lines.length));
    assert.ok(
      drained.lines.length >= most,
      "a longer file never gives fewer rows",
    );
    most = drained.lines.length;
  }
  assert.equal(most, lines.length);
});

Deno.test("one damaged byte costs its frame's rows at most, and they are counted", async () => {
  await using folder = await temporaryFolder();
  const first = open(folder.path, { segmentBytes: 2 ** 20 });
  const lines = write(first, [9, 9, 9]);
  first[Symbol.dispose]();
  const { path, bytes } = segmentOf(folder.path);
  const state = await Deno.readFile(`${folder.path}/state`);
  const last = lines.at(-1);
  for (let at = 40; at < bytes.length; at++) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 0x20;
    reset(folder.path, { [path]: damaged, [`${folder.path}/state`]: state });
    using spool = open(folder.path);
    const drained = await drain(spool);
    assert.ok(drained.lines.length >= lines.length - 3, `byte ${at}`);
    assert.ok(
      drained.lines.every((line) => lines.includes(line)),
      "no wrong row",
    );
    assert.equal(new Set(drained.lines).size, drained.lines.length);
    // A gap at the very end has nothing behind it that would show its size.
    const counted = drained.lines.at(-1) === last
      ? spool.counts.dropped.damaged
      : undefined;
    assert.equal(
      counted ?? lines.length - drained.lines.length,
      lines.length - drained.lines.length,
    );
    assert.ok(
      drained.lines.length === lines.length || spool.counts.damagedBytes > 0,
    );
  }
});

Deno.test("a segment with a damaged header is set aside, not read", async () => {
  await using folder = await temporaryFolder();
  const first = open(folder.path);
  write(first, [1]);
  first[Symbol.dispose]();
  const { path, bytes } = segmentOf(folder.path);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await Deno.writeFile(path, bytes);
  using spool = open(folder.path);
  assert.ok(!spool.hasBatch);
  assert.equal(spool.counts.damagedBytes, bytes.length);
  assert.ok((await Deno.stat(`${path}.damaged`)).isFile);
});

Deno.test("a missing segment and a damaged state are survived", async () => {
  await using folder = await temporaryFolder();
  const first = open(folder.path, { segmentBytes: 1 });
  const lines = write(first, [3, 3, 3]);
  const tokens = [(await first.next(NEVER))?.token];
  crash(folder.path, first);
  await Deno.remove(`${folder.path}/${segmentNames(folder.path)[1]}`);
  await Deno.writeTextFile(`${folder.path}/state`, "garbage\n");
  using second = open(folder.path);
  assert.ok(second.epoch > first.epoch);
  const drained = await drain(second);
  assert.deepEqual(drained.lines, [...lines.slice(0, 3), ...lines.slice(6)]);
  assert.equal(drained.tokens[0], tokens[0], "the segment knows its own token");
});

Deno.test.each<{ whenFull: SpoolOptions["whenFull"] }>([
  { whenFull: "drop_oldest" },
  { whenFull: "drop_newest" },
])(
  "a full spool follows $whenFull and counts; then fills again",
  async ({ whenFull }) => {
    await using folder = await temporaryFolder();
    using spool = open(folder.path, {
      bytesMax: 3000,
      segmentBytes: 500,
      whenFull,
    });
    for (let round = 0; round < 3; round++) {
      const before = { ...spool.counts.dropped };
      const lines = write(spool, Array.from({ length: 40 }, () => 6));
      assert.ok(spool.bytes <= 3000);
      const drained = await drain(spool);
      const { full, refused } = spool.counts.dropped;
      const lost = full - before.full + refused - before.refused;
      assert.ok(lost > 0);
      assert.equal(drained.lines.length + lost, lines.length);
      if (whenFull === "drop_oldest") {
        assert.equal(drained.lines.at(-1), lines.at(-1));
        assert.equal(refused, 0);
      } else {
        assert.deepEqual(drained.lines.slice(0, 9), lines.slice(0, 9));
        assert.equal(full, 0);
      }
    }
  },
);

Deno.test("a full spool that blocks loses nothing, and lets go when there is room again", async () => {
  await using folder = await temporaryFolder();
  using spool = open(folder.path, {
    ...{ bytesMax: 20_000, segmentBytes: 2000, memoryBytesMax: 2000 },
    whenFull: "block",
  });
  const all: string[] = [];
  const seen: string[] = [];
  for (let round = 0; round < 3; round++) {
    let batches = 0;
    // A reader of inputs stops at once when it is told.
    for (; !spool.blocked; batches++) all.push(...write(spool, [6]));
    assert.ok(batches > 20, `${batches} batches before it was full`);
    assert.ok(spool.bytes <= 20_000);
    seen.push(...(await drain(spool)).lines);
    assert.ok(!spool.blocked);
  }
  assert.deepEqual(seen, all);
  assert.deepEqual(spool.counts.dropped, { full: 0, refused: 0, damaged: 0 });
});

Deno.test("two batches may be under way; both come again after a kill", async () => {
  await using folder = await temporaryFolder();
  const first = open(folder.path);
  const lines = write(first, [3, 3, 3]);
  const [one, two] = [await first.next(NEVER), await first.next(NEVER)];
  assert.ok(one && two && one.token !== two.token);
  crash(folder.path, first);
  using second = open(folder.path);
  const drained = await drain(second);
  assert.deepEqual(drained.tokens.slice(0, 2), [one.token, two.token]);
  assert.deepEqual(drained.lines, lines);
});

Deno.test("scanFrames() of any bytes finds only whole frames", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(
      bytes,
      fc.uint8Array({ maxLength: 50 }),
      bytes,
      (before, payload, after) => {
        const frame = encodeFrame(
          { batch: 7, seq: 2 ** 40 + 1, rows: 3 },
          payload,
        );
        const all = Uint8Array.from([...before, ...frame, ...after]);
        const found: unknown[] = [];
        const { damagedBytes } = scanFrames(
          all,
          ({ batch, seq, rows, payload }) => {
            found.push({ batch, seq, rows, payload: [...payload] });
          },
        );
        assert.deepEqual(found, [{
          batch: 7,
          seq: 2 ** 40 + 1,
          rows: 3,
          payload: [...payload],
        }]);
        assert.equal(damagedBytes, before.length + after.length);
      },
    ),
  );
});
