/** `deno task evaluate` on files as others write them. */
import assert from "node:assert/strict";
import { temporaryFolder } from "../lib/testing.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const HOUR_MS = 3600e3;
const DAY = Date.UTC(2026, 9, 5);

/** What a run said and wrote. */
interface Ran {
  readonly code: number;
  readonly stderr: string;
}

async function evaluate(cwd: string, ...args: readonly string[]): Promise<Ran> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "-A",
      "--config",
      `${ROOT}deno.json`,
      `${ROOT}detect/evaluate.ts`,
      ...args,
    ],
    cwd,
    env: { NO_COLOR: "1" },
    stderr: "piped",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

async function filesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name)
    .sort();
}

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

/** Requests of three days, hours in any order, each event with as little as its recorder knew. */
function sparse(): object[] {
  const events: object[] = [];
  for (const hour of [50, 3, 27, 4, 26]) {
    for (let n = 0; n < 12; n++) {
      const ts = (DAY + hour * HOUR_MS + n * 90e3) * 1000;
      events.push(
        { ts, src_ip: `192.0.2.${n}`, http_host: "a.example", url_path: "/" },
        {
          ts: ts + 17,
          src_ip: `2001:DB8::A${n}`,
          http_host: "a.example",
          ja4: "t13d1517h2_8daaf6152771_cb7bf5808d99",
          match: "conn",
          headers: { "User-Agent": CHROME },
          colour: { of: "unknown" },
        },
      );
    }
  }
  const twice = { ts: (DAY + HOUR_MS) * 1000, src_ip: "198.51.100.1" };
  events.push(
    { ...twice, event_id: "one" },
    { ...twice, event_id: "one" },
    { ...twice, match: "tls_only", src_ip: "198.51.100.2", ja4: "t13" },
  );
  return events;
}

Deno.test("evaluate scores every window of sparse events once, from anywhere", async () => {
  await using folder = await temporaryFolder();
  const lines = sparse().map((event) => JSON.stringify(event));
  // As a Windows tool might: a byte order mark, CR LF, an empty line, no end of line.
  await Deno.writeTextFile(
    `${folder.path}/events.ndjson`,
    "\ufeff" + lines.join("\r\n\r\n"),
  );
  const ran = await evaluate(
    folder.path,
    "events.ndjson",
    "--scores",
    "scores.ndjson",
  );
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /^ja4-evaluate: Left out 1 events [^\n]+\n$/);
  const rows = (await Deno.readTextFile(`${folder.path}/scores.ndjson`))
    .trimEnd().split("\n").map((line) =>
      JSON.parse(line) as Record<string, unknown>
    );
  const keys = rows.map((row) =>
    `${row["window_start"]} ${row["src_ip"]} ${row["ja4"]} ${row["host"]}`
  );
  const expected = new Set(
    sparse().map((event) => event as Record<string, string>)
      .filter(({ match }) => match !== "tls_only")
      .map(({ ts, src_ip, ja4 = "", http_host = "" }) =>
        `${
          new Date(Math.floor(Number(ts) / 3600e6) * HOUR_MS).toISOString()
        } ${src_ip?.toLowerCase()} ${ja4} ${http_host}`
      ),
  );
  assert.deepEqual(new Set(keys), expected);
  assert.equal(keys.length, expected.size, "no window twice");
  for (const { score, p_value } of rows) {
    assert.ok(Number(score) >= 0 && Number(score) <= 1);
    assert.ok(Number(p_value) > 0 && Number(p_value) <= 1);
  }
  assert.deepEqual(await filesIn(folder.path), [
    "events.ndjson",
    "scores.ndjson",
  ]);
});

Deno.test("evaluate names the broken line and leaves the old scores", async () => {
  await using folder = await temporaryFolder();
  const events = `${folder.path}/events.ndjson`;
  const [first, second] = sparse().map((event) => JSON.stringify(event));
  await Deno.writeTextFile(events, `${first}\n${second}\n{"ts":17`);
  await Deno.writeTextFile(`${folder.path}/scores`, "old\n");
  const ran = await evaluate(
    ROOT,
    events,
    "--scores",
    `${folder.path}/scores`,
  );
  assert.equal(ran.code, 65);
  assert.equal(
    ran.stderr,
    `ja4-evaluate: Cannot use "${events}", line 3: it is not JSON\n`,
  );
  assert.equal(await Deno.readTextFile(`${folder.path}/scores`), "old\n");
  assert.deepEqual(await filesIn(folder.path), ["events.ndjson", "scores"]);
});

Deno.test("evaluate says at once that it cannot write, or not read", async () => {
  await using folder = await temporaryFolder();
  const events = `${folder.path}/events.ndjson`;
  await Deno.writeTextFile(events, "");
  const unwritable = await evaluate(
    ROOT,
    events,
    "--scores",
    `${folder.path}/no/such/folder/scores`,
  );
  assert.equal(unwritable.code, 77);
  assert.match(unwritable.stderr, /^ja4-evaluate: Cannot write "[^\n]+\n$/);
  const folderAsInput = await evaluate(
    ROOT,
    folder.path,
    "--scores",
    `${folder.path}/scores`,
  );
  assert.equal(folderAsInput.code, 66);
  assert.match(folderAsInput.stderr, /^ja4-evaluate: Cannot read "[^\n]+\n$/);
  assert.deepEqual(await filesIn(folder.path), ["events.ndjson"]);
});
