import assert from "node:assert/strict";
import { eventually } from "../lib/testing.ts";
import type { LiveSnapshot } from "./live.ts";
import { LiveHub, STREAMS_MAX } from "./live_hub.ts";
import type { LiveNumbers } from "./live_query.ts";

const NUMBERS: LiveNumbers = {
  requests_1m: 7,
  handshakes_1m: 3,
  correlated: 1,
  open_detections: 2,
  requests: [],
  pipeline_events: [],
};

/** A hub that reads every 5 ms, and counts how often. */
function startHub(ask: (count: number) => LiveNumbers = () => NUMBERS): {
  hub: LiveHub;
  asked: () => number;
  counts: number[];
} {
  let asked = 0;
  const counts: number[] = [];
  const hub = new LiveHub({
    ask: () => Promise.resolve().then(() => ask(++asked)),
    nowMs: Date.now,
    onFailure: () => {},
    onStreams: (count) => counts.push(count),
    intervalMs: 5,
  });
  return { hub, asked: () => asked, counts };
}

function subscribe(hub: LiveHub, lastId = 0): AsyncGenerator<LiveSnapshot> {
  const stream = hub.subscribe({ snapshot: lastId });
  assert.ok(stream !== undefined);
  return snapshots(stream);
}

/** The snapshots of a stream; ends it when the reader stops. */
async function* snapshots(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<LiveSnapshot> {
  let text = "";
  for await (
    const chunk of stream.pipeThrough(new TextDecoderStream() as never)
  ) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data === undefined) continue;
      const snapshot: LiveSnapshot = JSON.parse(data);
      assert.equal(/^id: (\d+)$/m.exec(event)?.[1], String(snapshot.seq));
      yield snapshot;
    }
  }
}

Deno.test("LiveHub reads once for all streams, and not at all without one", async () => {
  const { hub, asked } = startHub();
  using _ = hub;
  assert.equal(asked(), 0);
  const streams = Array.from({ length: 5 }, () => subscribe(hub));
  const first = await Promise.all(streams.map((stream) => stream.next()));
  assert.deepEqual(first.map(({ value }) => value?.requests_1m), [
    7,
    7,
    7,
    7,
    7,
  ]);
  assert.equal(asked(), 1);
  await Promise.all(streams.map((stream) => stream.return(undefined)));
  assert.equal(hub.streams, 0);
  const before = asked();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(asked() <= before + 1, "a reading under way may end");
});

Deno.test("LiveHub sends numbers that rise, and goes on for a browser that comes back", async () => {
  const { hub } = startHub((count) => ({ ...NUMBERS, requests_1m: count }));
  using _ = hub;
  const stream = subscribe(hub);
  const one = (await stream.next()).value;
  const two = (await stream.next()).value;
  assert.ok(one !== undefined && two !== undefined);
  assert.ok(two.seq > one.seq && two.requests_1m > one.requests_1m);
  await stream.return(undefined);
  const again = subscribe(hub, two.seq);
  const three = (await again.next()).value;
  assert.ok(three !== undefined && three.seq > two.seq);
  await again.return(undefined);
});

Deno.test("LiveHub says that the database is down, and keeps the numbers", async () => {
  let down = false;
  const { hub } = startHub(() => {
    if (down) throw new Error("away");
    return NUMBERS;
  });
  using _ = hub;
  const stream = subscribe(hub);
  assert.equal((await stream.next()).value?.database, "up");
  down = true;
  const last = await eventually("a snapshot that says so", async () => {
    const { value } = await stream.next();
    return value?.database === "down" && value;
  });
  assert.equal(last.requests_1m, 7);
  await stream.return(undefined);
});

Deno.test("LiveHub refuses more streams than it has room for", async () => {
  const { hub, counts } = startHub();
  using _ = hub;
  const streams = Array.from(
    { length: STREAMS_MAX },
    () => hub.subscribe({ snapshot: 0 }),
  );
  assert.equal(hub.subscribe({ snapshot: 0 }), undefined);
  await streams[0]?.cancel();
  assert.equal(counts.at(-1), STREAMS_MAX - 1);
  assert.ok(hub.subscribe({ snapshot: 0 }) !== undefined);
});

Deno.test("LiveHub says no more than that it is alive while nothing changes", async () => {
  let nowMs = 0;
  let asked = 0;
  using hub = new LiveHub({
    ask: () => {
      asked++;
      nowMs += 1000;
      return Promise.resolve(NUMBERS);
    },
    nowMs: () => nowMs,
    onFailure: () => {},
    onStreams: () => {},
    intervalMs: 0,
  });
  const stream = hub.subscribe({ snapshot: 0 });
  assert.ok(stream !== undefined);
  const reader = stream.pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  const texts: string[] = [];
  while (asked < 40) texts.push((await reader.read()).value ?? "");
  assert.equal(texts.filter((text) => text.includes("data: ")).length, 1);
  const signs =
    texts.filter((text) => text === "event: alive\ndata\n\n").length;
  assert.ok(signs >= 13 && signs <= 20, `${signs} signs of life in 40 s`);
  await reader.cancel();
});

Deno.test("LiveHub ends a stream after five minutes, so that its session is looked at again", async () => {
  let nowMs = 0;
  using hub = new LiveHub({
    ask: () => {
      nowMs += 30_000;
      return Promise.resolve({ ...NUMBERS, requests_1m: nowMs });
    },
    nowMs: () => nowMs,
    onFailure: () => {},
    onStreams: () => {},
    intervalMs: 0,
  });
  const stream = subscribe(hub);
  let count = 0;
  while (!(await stream.next()).done) count++;
  assert.ok(count >= 9 && count <= 11, `${count} snapshots, 30 s apart`);
  assert.equal(hub.streams, 0);
});

Deno.test("LiveHub passes over a stream that does not read", async () => {
  const { hub, asked } = startHub((count) => ({
    ...NUMBERS,
    requests_1m: count,
  }));
  using _ = hub;
  const idle = hub.subscribe({ snapshot: 0 });
  const reader = subscribe(hub);
  await eventually("twenty readings", async () => {
    await reader.next();
    return asked() > 20;
  });
  await reader.return(undefined);
  hub[Symbol.dispose]();
  let held = 0;
  for await (const _chunk of idle ?? []) held++;
  assert.ok(held < 8, `held ${held} chunks for a browser that reads none`);
});

Deno.test("LiveHub ends its streams when it is disposed", async () => {
  const { hub } = startHub();
  const stream = subscribe(hub);
  await stream.next();
  hub[Symbol.dispose]();
  while (!(await stream.next()).done);
  assert.equal(hub.streams, 0);
  assert.equal(hub.subscribe({ snapshot: 0 }), undefined);
});

Deno.test("numbers() reads once for pages that ask together, and no more while streams are served", async () => {
  const { hub, asked } = startHub();
  const [first, second] = await Promise.all([hub.numbers(), hub.numbers()]);
  assert.equal(first, second);
  assert.equal(asked(), 1);
  assert.deepEqual(await hub.numbers(), NUMBERS);
  assert.equal(asked(), 1);
  hub[Symbol.dispose]();
});

Deno.test("numbers() fails as the database does, and asks anew", async () => {
  const { hub } = startHub((count) => {
    if (count === 1) throw new Error("away");
    return NUMBERS;
  });
  await assert.rejects(hub.numbers(), /away/);
  assert.deepEqual(await hub.numbers(), NUMBERS);
  hub[Symbol.dispose]();
});
