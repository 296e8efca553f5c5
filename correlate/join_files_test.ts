import assert from "node:assert/strict";
import type { CorrelatedEvent } from "../lib/events.ts";
import { FatalError } from "../lib/errors.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { joinFiles } from "./join_files.ts";
import { at, handshake, request, testOptions } from "./testing.ts";

const DEFAULTS = testOptions({ captureTimeoutMs: Infinity });

function ndjson(events: readonly unknown[]): string {
  return events.map((event) => JSON.stringify(event) + "\n").join("");
}

/** Joins two texts through files. */
async function join(handshakes: string, requests: string): Promise<
  { events: CorrelatedEvent[]; text: string; refused: number }
> {
  await using folder = await temporaryFolder();
  const paths = {
    handshakes: `${folder.path}/handshakes.ndjson`,
    requests: `${folder.path}/requests.ndjson`,
  };
  await Deno.writeTextFile(paths.handshakes, handshakes);
  await Deno.writeTextFile(paths.requests, requests);
  let text = "";
  const refused = await joinFiles({
    ...paths,
    options: DEFAULTS,
    write: (part) => {
      text += part;
      return Promise.resolve();
    },
  });
  const events = text.split("\n").filter(Boolean).map((line) =>
    JSON.parse(line)
  );
  return { events, text, refused };
}

const HANDSHAKES = ndjson([
  handshake({ ts: at(0), seq: 1 }),
  handshake({ ts: at(20_000), seq: 2, src_port: 40_001 }),
  handshake({ ts: at(40_000), seq: 3, src_port: 40_002 }),
]);
const REQUESTS = ndjson([
  request({ ts: at(3), conn: 1, conn_ts: at(0), url_path: "/a" }),
  request({
    ts: at(15_000),
    conn: 9,
    conn_ts: at(14_999),
    src_port: 50_000,
    url_path: "/b",
  }),
  request({
    ts: at(40_001),
    conn: 3,
    conn_ts: at(40_000),
    src_port: 40_002,
    url_path: "/c",
  }),
]);

Deno.test("joinFiles() joins by the events' own time, and twice to the same bytes", async () => {
  const first = await join(HANDSHAKES, REQUESTS);
  assert.equal(first.refused, 0);
  assert.deepEqual(
    first.events.map(({ match, ts, event_id }) => [match, ts, event_id]),
    [
      ["conn", at(3), "00000000-0000-0000-0000-000000000001"],
      ["none", at(15_000), "00000000-0000-0000-0000-000000000002"],
      ["tls_only", at(20_000), "00000000-0000-0000-0000-000000000003"],
      ["conn", at(40_001), "00000000-0000-0000-0000-000000000004"],
    ],
  );
  const [matched, orphan] = first.events;
  assert.ok(matched?.match === "conn");
  assert.equal(matched.match_age_us, 3000);
  assert.equal(matched.ja4, handshake().ja4);
  assert.equal(matched.url_path, "/a");
  assert.ok(orphan?.match === "none");
  assert.equal(orphan.orphan_reason, "no_hello");
  assert.ok(!("ja4" in orphan), "no fingerprint without a match");
  assert.equal((await join(HANDSHAKES, REQUESTS)).text, first.text);
});

Deno.test("joinFiles() counts lines that are no events and joins the rest", async () => {
  const { events, refused } = await join(
    `${HANDSHAKES}{"cut":\n\n`,
    `not json\n${REQUESTS}${"x".repeat(70_000)}`,
  );
  assert.equal(refused, 3);
  assert.equal(events.length, 4);
});

Deno.test("joinFiles() of empty files gives nothing", async () => {
  assert.deepEqual(await join("", ""), { events: [], text: "", refused: 0 });
});

Deno.test("joinFiles() says which file cannot be read", async () => {
  await assert.rejects(
    joinFiles({
      options: DEFAULTS,
      handshakes: "/nonexistent/handshakes",
      requests: "/dev/null",
      write: () => Promise.resolve(),
    }),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "noInput" &&
      thrown.message.startsWith('Cannot read "/nonexistent/handshakes": '),
  );
});

Deno.test("an unknown key of an input never reaches the output", async () => {
  const { text } = await join(
    ndjson([handshake({ evil: "yes" } as Record<string, unknown>)]),
    ndjson([
      request(
        { ts: at(1), event_id: "mine", evil: "yes" } as Record<string, unknown>,
      ),
    ]),
  );
  assert.ok(text.includes('"match":"window"'));
  assert.ok(!text.includes("evil") && !text.includes("mine"));
});
