import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { temporaryFolder } from "../lib/testing.ts";
import { alertOutputs } from "./alert_outputs.ts";
import type { AlertMessage } from "./alert_store.ts";
import type { UnixMicros } from "../lib/events.ts";
import { cefOf, syslog, syslogMessage } from "./syslog.ts";
import { isPrivateAddress, webhook } from "./webhook.ts";

const MESSAGE: AlertMessage = {
  id: "A-12345678-1-1",
  occasion: "opened",
  alert: {
    id: "A-12345678",
    subject: "203.0.113.5",
    http_host: "www.example.com",
    kind: "probing",
    state: "open",
    severity: "high",
    title: "Probing | by \u001b[31mcurl",
    summary: "a=b\nand \\ more",
    detections: ["D-1"],
    opened_at: 1_700_000_000_000_000 as UnixMicros,
    last_seen: 1_700_000_060_000_000 as UnixMicros,
    notified_at: 1_700_000_061_000_000 as UnixMicros,
    notified: 1,
    recurrence: 1,
  },
};
const SECRET = "sixteen characters";
const NEVER = new AbortController().signal;

/** A real receiver; `answer` gives the status of each request. */
async function receiver(
  answer: (request: Request, body: string) => number,
  use: (url: URL) => Promise<void>,
): Promise<void> {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) =>
      new Response(null, { status: answer(request, await request.text()) }),
  );
  await use(new URL(`http://127.0.0.1:${server.addr.port}/hook?team=a`));
}

Deno.test("webhook() sends a signed message that its receiver can check", async () => {
  let seen: { signature: string; body: string; delivery: string } | undefined;
  await receiver((request, body) => {
    seen = {
      signature: request.headers.get("x-ja4-signature") ?? "",
      delivery: request.headers.get("x-ja4-delivery") ?? "",
      body,
    };
    return new URL(request.url).search === "?team=a" ? 202 : 400;
  }, async (url) => {
    const send = webhook({ url, secret: SECRET, allowPrivate: true });
    await send(MESSAGE, NEVER);
  });
  const [, at, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(
    seen?.signature ?? "",
  ) ?? [];
  assert.equal(
    hex,
    createHmac("sha256", SECRET).update(`${at}.${seen?.body}`).digest("hex"),
  );
  assert.deepEqual(JSON.parse(seen?.body ?? ""), MESSAGE);
  assert.equal(seen?.delivery, MESSAGE.id);
});

Deno.test("webhook() refuses private targets by the address that it reached, and sends nothing", async () => {
  let asked = 0;
  await receiver(() => {
    asked++;
    return 200;
  }, async (url) => {
    for (const hostname of ["127.0.0.1", "localhost"]) {
      // A name that a resolver led elsewhere a moment ago is no different: the peer is looked at.
      const target = new URL(url);
      target.hostname = hostname;
      await assert.rejects(
        webhook({ url: target, secret: SECRET, allowPrivate: false })(
          MESSAGE,
          NEVER,
        ),
        /leads to the private address 127\.0\.0\.1/,
      );
    }
  });
  assert.equal(asked, 0);
});

Deno.test("webhook() fails on any answer but 2xx and follows no redirect", async () => {
  for (const status of [301, 404, 500]) {
    await receiver(() => status, async (url) => {
      await assert.rejects(
        webhook({ url, secret: SECRET, allowPrivate: true })(MESSAGE, NEVER),
        new RegExp(`answered ${status}`),
      );
    });
  }
});

Deno.test("isPrivateAddress() knows what is nobody's", () => {
  for (
    const address of [
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "169.254.169.254",
      "172.31.0.1",
      "192.168.1.1",
      "0.0.0.0",
      "::1",
      "fe80::1",
      "fd00::1",
      "::ffff:10.0.0.1",
      "64:ff9b::a00:1",
    ]
  ) assert.ok(isPrivateAddress(address), address);
  for (const address of ["8.8.8.8", "2606:4700::1111", "172.32.0.1"]) {
    assert.ok(!isPrivateAddress(address), address);
  }
});

Deno.test("syslog() over UDP and, counted in octets, over TCP", async () => {
  const udp = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const options = {
    hostname: "127.0.0.1",
    format: "cef",
    sender: "web1",
  } as const;
  const wanted = syslogMessage(MESSAGE, options);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  await syslog({
    ...options,
    transport: "udp",
    port: (udp.addr as Deno.NetAddr).port,
  })(
    MESSAGE,
    NEVER,
  );
  const [bytes] = await udp.receive();
  udp.close();
  assert.equal(text(bytes), wanted);

  using tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = tcp.accept();
  await syslog({ ...options, transport: "tcp", port: tcp.addr.port })(
    MESSAGE,
    NEVER,
  );
  using connection = await accepted;
  const frame = text(
    new Uint8Array(await new Response(connection.readable).arrayBuffer()),
  );
  assert.equal(frame, `${new TextEncoder().encode(wanted).length} ${wanted}`);
});

Deno.test("syslog messages are RFC 5424 with CEF, hostile text made visible", () => {
  const line = syslogMessage(MESSAGE, { format: "cef", sender: "web1" });
  assert.match(
    line,
    /^<131>1 2023-11-14T22:14:20\.000Z web1 ja4-detect - A-12345678 - CEF:0\|ja4-platform\|detect\|/,
  );
  const cef = cefOf(MESSAGE);
  assert.match(cef, /\|probing\|Probing \\\| by \\\\u\{1b\}\[31mcurl\|8\|/);
  assert.match(cef, / src=203\.0\.113\.5 dhost=www\.example\.com /);
  assert.match(cef, / msg=a\\=b\\\\u\{0a\}and \\\\ more$/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(line, /[\u0000-\u001f]/);
});

Deno.test("alertOutputs(): the file gets a line a message, also after it was moved away", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/alerts.ndjson`;
  const outputs = await alertOutputs({
    webhook: { url: "", secret_file: "", allow_private: false, ca_file: "" },
    syslog: { url: "", format: "cef" },
    alert_file: { path },
  }, "web1");
  const send = outputs.get("file");
  await send?.(MESSAGE, NEVER);
  await Deno.rename(path, `${path}.1`);
  await send?.(MESSAGE, NEVER);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), MESSAGE);
});

Deno.test("alertOutputs() wants a secret for a webhook", async () => {
  const make = (secret_file: string) =>
    alertOutputs({
      webhook: {
        url: "https://hooks.example.com/",
        secret_file,
        allow_private: false,
        ca_file: "",
      },
      syslog: { url: "", format: "cef" },
      alert_file: { path: "" },
    }, "");
  await assert.rejects(make(""), /secret_file is missing/);
  await assert.rejects(make("/nowhere/secret"), /Cannot read "\/nowhere/);
});
