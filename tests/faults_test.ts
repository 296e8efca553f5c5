/**
 * kill -9 of every process of the running pipeline, one after another: the others go on, it comes
 * back, requests are joined again, and the dashboard says what happened.
 */
import assert from "node:assert/strict";
import type { Database } from "../lib/clickhouse.ts";
import { sql } from "../lib/sql.ts";
import { eventually, needs } from "../lib/testing.ts";
import { SITE_HOST } from "../tools/demo/httpd.ts";
import {
  descendants,
  PROCESSES,
  type ProcessName,
  RunningDemo,
  untilGone,
} from "./support/demo.ts";

/** From the kill to the next request that is stored with its handshake. */
const RECOVERY_MS = 30_000;

Deno.test({
  name:
    "kill -9 of any process: the others go on, it is restarted, and it is told",
  ...needs(Deno.uid() === 0, "needs root: live capture"),
  fn: async (t) => {
    await using demo = await RunningDemo.start(["--no-replay"]);
    await using database = await demo.database();
    await seeRequest(demo, database, "before");
    for (const name of Object.keys(PROCESSES) as ProcessName[]) {
      await t.step(name, () => killAndRecover(demo, database, name));
    }
    await t.step("the health page tells all of it", () => readHealth(demo));
    await t.step(
      "kill -9 of the demonstration itself leaves no process",
      async () => {
        const all = await descendants(demo.pid);
        Deno.kill(demo.pid, "SIGKILL");
        await untilGone(all);
      },
    );
  },
});

async function pids(
  demo: RunningDemo,
): Promise<Map<ProcessName, number | undefined>> {
  const found = new Map<ProcessName, number | undefined>();
  for (const name of Object.keys(PROCESSES) as ProcessName[]) {
    found.set(name, await demo.pidOf(name));
  }
  return found;
}

async function killAndRecover(
  demo: RunningDemo,
  database: Database,
  name: ProcessName,
): Promise<void> {
  const before = await pids(demo);
  const victim = before.get(name);
  assert(victim !== undefined, `${name} runs`);
  Deno.kill(victim, "SIGKILL");
  await eventually(`a new ${name}`, async () => {
    const pid = await demo.pidOf(name);
    return pid !== undefined && pid !== victim;
  }, RECOVERY_MS);
  await seeRequest(demo, database, `after-${name}`);
  for (const [other, pid] of await pids(demo)) {
    if (other !== name) {
      assert.equal(pid, before.get(other), `${other} went on`);
    }
  }
  await eventually(`the entries of ${name}`, async () => {
    const rows = await database.query<{ event: string }>(sql`
      SELECT event FROM pipeline_events
      WHERE component = ${name} AND event IN ('killed', 'restarted') ORDER BY ts`);
    return rows.map(({ event }) => event).join() === "killed,restarted";
  }, RECOVERY_MS);
}

/** Sends requests until one of them is stored with its handshake. */
async function seeRequest(
  demo: RunningDemo,
  database: Database,
  marker: string,
): Promise<void> {
  await eventually(`a joined request ${marker}`, async () => {
    await new Deno.Command("curl", {
      args: [
        "--silent",
        "--insecure",
        "--max-time",
        "2",
        "--user-agent",
        marker,
        "--resolve",
        `${SITE_HOST}:${demo.httpsPort}:127.0.0.1`,
        `https://${SITE_HOST}:${demo.httpsPort}/robots.txt`,
      ],
      stdout: "null",
    }).output();
    try {
      const [row] = await database.query<{ joined: number }>(sql`
        SELECT toUInt32(count()) AS joined FROM http_events
        WHERE user_agent = ${marker} AND match = 'conn' AND ja4 != ''`);
      return (row?.joined ?? 0) > 0;
    } catch {
      return false; // The store is being restarted.
    }
  }, RECOVERY_MS);
}

async function readHealth(demo: RunningDemo): Promise<void> {
  const link = new URL(demo.loginUrl ?? "");
  const token = link.searchParams.get("token") ?? "";
  const entered = await fetch(`${demo.base}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: demo.base, "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ token }),
  });
  await entered.body?.cancel();
  assert.equal(entered.status, 303);
  const cookie = entered.headers.getSetCookie()
    .map((line) => line.split(";")[0]).join("; ");
  const page = await fetch(`${demo.base}/health`, { headers: { cookie } });
  const html = await page.text();
  assert.equal(page.status, 200, html);
  for (const name of Object.keys(PROCESSES)) {
    assert.match(html, new RegExp(`${name}[\\s\\S]*killed`, "i"));
  }
  assert.match(html, /SIGKILL/);
}
