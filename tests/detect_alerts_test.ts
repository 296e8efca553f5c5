/** Alerts on their way: one cycle on demand of the real daemon, and a receiver over TLS that is away at first. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { alertOutputs } from "../detect/alert_outputs.ts";
import { type AlertMessage, deliver } from "../detect/alert_store.ts";
import { schema } from "../detect/config.ts";
import { signature } from "../detect/webhook.ts";
import type { Database } from "../lib/clickhouse.ts";
import type { CorrelatedEvent, UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { sql } from "../lib/sql.ts";
import { eventually, freePort, temporaryFolder } from "../lib/testing.ts";
import { makeSignedCertificate } from "./support/certificate.ts";
import { startStore } from "./support/store.ts";

const ROOT = new URL("../", import.meta.url);
const SECRET = "a secret of more than sixteen characters";

/** Requests for what no visitor asks for, a minute ago. */
function probes(count: number): CorrelatedEvent[] {
  const ts = Date.now() * 1000 - 60e6;
  return ["/.env", "/.git/config", "/wp-login.php", "/.aws/credentials"]
    .slice(0, count).map((url_path, i) =>
      ({
        event_type: "correlated",
        event_id: `00000005-0000-4000-8000-${String(i).padStart(12, "0")}`,
        match: "conn",
        ts: ts + i * 1e6,
        src_ip: "203.0.113.77",
        src_port: 40_000,
        dest_ip: "192.0.2.10",
        dest_port: 443,
        sensor: "test",
        transport: "tcp",
        ja4: "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
        sni: "www.example.com",
        url_scheme: "https",
        http_method: "GET",
        http_host: "www.example.com",
        url_path,
        http_version: "2",
        status_code: 404,
        header_names: ["user-agent", "accept"],
        headers: { "user-agent": "curl/8.5.0" },
      }) as unknown as CorrelatedEvent
    );
}

Deno.test("POST /cycle runs one cycle; its alert reaches a receiver over TLS, signed, with one id until it is accepted", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  await using db = await store.database("ja4");
  const { key, cert, authority } = await makeSignedCertificate(folder.path);
  const asked: { id: string; signature: string; body: string }[] = [];
  await using receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, key, cert, onListen: () => {} },
    async (request) => {
      asked.push({
        id: request.headers.get("x-ja4-delivery") ?? "",
        signature: request.headers.get("x-ja4-signature") ?? "",
        body: await request.text(),
      });
      return new Response(null, { status: asked.length === 1 ? 503 : 204 });
    },
  );
  const url = `https://localhost:${receiver.addr.port}/hook`;
  await Deno.writeTextFile(`${folder.path}/secret`, SECRET);
  const config = (ca_file: string) => ({
    url,
    secret_file: `${folder.path}/secret`,
    allow_private: true,
    ca_file,
  });

  const report = await cycleOnDemand(store.url, db, {
    folder: folder.path,
    passwordFile: store.passwordFile("ja4"),
    // Where nothing listens: what is to be told waits.
    webhook: config("").url.replace(/:\d+/, `:${freePort()}`),
  });
  assert.equal(report.windows, 1);
  assert.equal(report.notifications, 1);

  const signal = new AbortController().signal;
  const end = Date.now();
  const sendBy = async (ca_file: string, seconds: number) =>
    await deliver(
      db,
      await alertOutputs({
        ...v.parse(schema, {}),
        webhook: config(ca_file),
      }, "web1"),
      { now: (end + seconds * 1000) * 1000 as UnixMicros, signal },
    );
  // Each attempt that fails puts the next one off: 10 s, 60 s, 300 s.
  assert.deepEqual(await sendBy("", 20), { delivered: 0, failed: 1 });
  assert.equal(asked.length, 0, "nothing is said to who has no certificate");
  assert.deepEqual(await sendBy(authority, 25), { delivered: 0, failed: 0 });
  assert.deepEqual(await sendBy(authority, 200), { delivered: 0, failed: 1 });
  assert.deepEqual(await sendBy(authority, 600), { delivered: 1, failed: 0 });
  assert.deepEqual(await sendBy(authority, 9999), { delivered: 0, failed: 0 });
  assert.equal(asked.length, 2);
  assert.equal(asked[0]?.id, asked[1]?.id);
  for (const { id, body, signature: sent } of asked) {
    const message = JSON.parse(body) as AlertMessage;
    assert.equal(message.id, id);
    assert.equal(message.occasion, "opened");
    assert.equal(message.alert.kind, "probing");
    assert.equal(message.alert.subject, "203.0.113.77");
    const nowS = Number(/^t=(\d+),/.exec(sent)?.[1]);
    assert.equal(sent, signature(body, { secret: SECRET, nowS }));
  }
  const [kept] = await db.query<{ state: string; attempts: number }>(
    sql`SELECT toString(state) AS state, toUInt32(attempts) AS attempts FROM alert_deliveries FINAL`,
  );
  assert.equal(kept?.state, "delivered");
  assert.ok((kept?.attempts ?? 0) >= 3);
});

/** Starts the daemon on an empty store, stores probes, and asks it for a cycle. */
async function cycleOnDemand(
  url: string,
  db: Database,
  { folder, passwordFile, webhook }: {
    folder: string;
    passwordFile: string;
    webhook: string;
  },
): Promise<{ windows: number; notifications: number }> {
  const listen = `127.0.0.1:${freePort()}`;
  await Deno.writeTextFile(
    `${folder}/detect.toml`,
    `[detect]
cycle_s = 3600
[clickhouse]
url = "${url}"
password_file = "${passwordFile}"
[health]
listen = "${listen}"
[webhook]
url = "${webhook}"
secret_file = "${folder}/secret"
allow_private = true
`,
  );
  const daemon = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "-A", "detect/main.ts"],
      ...["--config", `${folder}/detect.toml`],
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await eventually("the first cycle", async () => {
      try {
        const response = await fetch(`http://${listen}/ready`);
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    }, 60_000);
    const events = probes(4);
    await db.insert("http_events", httpEventColumns(events), events.length);
    const get = await fetch(`http://${listen}/cycle`);
    await get.body?.cancel();
    assert.equal(get.status, 405, "reading it does nothing");
    const response = await fetch(`http://${listen}/cycle`, { method: "POST" });
    assert.equal(response.status, 200);
    return await response.json() as { windows: number; notifications: number };
  } finally {
    daemon.kill("SIGTERM");
    await daemon.status;
  }
}
