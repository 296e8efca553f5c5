/** The dashboard as it runs: built, with the permissions of its set and no more, over a port. */
import assert from "node:assert/strict";
import { createOneTimeLogin } from "../lib/accounts.ts";
import { eventually, freePort } from "../lib/testing.ts";
import type { LiveSnapshot } from "../web/live.ts";
import { checkDaemon } from "./support/daemon.ts";
import { startStore, type Store } from "./support/store.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Builds the pages as `deno task build` does. */
async function build(): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-P=build", "web/dev.ts", "build"],
    cwd: ROOT,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

interface Running extends AsyncDisposable {
  readonly base: string;
  /** Everything written to stderr so far. */
  log(): string;
  /** Asks it to end; the exit code and the milliseconds it took. */
  stop(): Promise<{ code: number; ms: number }>;
}

/** Starts `deno task web` without the build. */
function start(store: Store, port: number): Running {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "-P=web",
      `--allow-net=127.0.0.1:${port},127.0.0.1:${store.port}`,
      `--allow-read=${ROOT},${store.dir},/etc/ja4-platform`,
      "web/main.ts",
    ],
    cwd: ROOT,
    env: {
      JA4_WEB__LISTEN: `127.0.0.1:${port}`,
      JA4_CLICKHOUSE__URL: store.url,
      JA4_CLICKHOUSE__PASSWORD_FILE: store.passwordFile("web"),
      JA4_APP__URL: store.url,
      JA4_APP__PASSWORD_FILE: store.passwordFile("app"),
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (
      const chunk of child.stderr.pipeThrough(new TextDecoderStream())
    ) {
      text += chunk;
    }
  })();
  const running: Running = {
    base: `http://127.0.0.1:${port}`,
    log: () => text,
    async stop() {
      const startMs = performance.now();
      child.kill("SIGTERM");
      const { code } = await child.status;
      await reading;
      return { code, ms: performance.now() - startMs };
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
      await reading;
    },
  };
  return running;
}

/** Logs in by a one-time link; gives the Cookie header. */
async function enter(store: Store, base: string): Promise<string> {
  await using app = await store.database("app");
  const token = await createOneTimeLogin(app, {
    login: "anne",
    display_name: "Anne",
    role: "analyst",
    expires_s: 60,
  });
  const response = await fetch(`${base}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: base },
    body: new URLSearchParams({ token }),
  });
  await response.body?.cancel();
  assert.equal(response.status, 303);
  return response.headers.get("set-cookie")?.split(";")[0] ?? "";
}

/** Live snapshots of a running dashboard. */
async function* follow(
  base: string,
  cookie: string,
): AsyncGenerator<LiveSnapshot> {
  const response = await fetch(`${base}/api/v1/events`, {
    headers: { cookie },
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  let text = "";
  for await (
    const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []
  ) {
    const events = (text + chunk).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data !== undefined) yield JSON.parse(data);
    }
  }
}

Deno.test("web as a program", async (t) => {
  await build();
  await using store = await startStore();
  await using running = start(store, freePort());
  const { base } = running;
  await eventually("the dashboard to be ready", async () => {
    const response = await fetch(`${base}/readyz`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200;
  });

  await t.step(
    "shows the link for the first account while there is none",
    async () => {
      const url = await eventually(
        "the link",
        () =>
          /"url":"([^"]+\/setup\?token=[\w-]{43})"/.exec(running.log())?.[1],
      );
      const response = await fetch(url);
      assert.equal(response.status, 200);
      assert.match(await response.text(), /Make the first account/);
    },
  );

  await t.step(
    "shows what is stored within two seconds, to all at once",
    async () => {
      const cookie = await enter(store, base);
      await using database = await store.database("ja4");
      const streams = [
        follow(base, cookie),
        follow(base, cookie),
        follow(base, cookie),
      ];
      await Promise.all(streams.map((stream) => stream.next()));
      const tookMs: number[] = [];
      for (let i = 0; i < 3; i++) {
        const event_id = crypto.randomUUID();
        await database.insertRows("http_events", [{
          ts: new Date().toISOString().slice(0, -1).replace("T", " "),
          event_id,
          match: "conn",
          src_ip: "::ffff:192.0.2.77",
          ja4: "t13d1516h2_8daaf6152771_b186095e22b6",
          http_method: "GET",
          http_host: "shop.example",
          url_path: "/\u202etxt.exe",
          status_code: 200,
          user_agent: "<script>alert(1)</script>",
        }]);
        const storedMs = performance.now();
        await Promise.all(streams.map(async (stream) => {
          while (true) {
            const { value } = await stream.next();
            const found = value?.requests.find((one: { event_id: string }) =>
              one.event_id === event_id
            );
            if (found === undefined) continue;
            assert.equal(found.src_ip, "192.0.2.77");
            assert.equal(found.url_path, "/\\u{202e}txt.exe");
            assert.equal(value?.requests_1m, i + 1);
            return;
          }
        }));
        tookMs.push(performance.now() - storedMs);
      }
      assert.ok(Math.max(...tookMs) < 2000, `it took ${tookMs} ms`);
      await Promise.all(streams.map((stream) => stream.return(undefined)));
      await eventually("the streams to be forgotten", async () => {
        const text = await (await fetch(`${base}/metrics`)).text();
        return /^web_event_streams 0$/m.test(text);
      });
    },
  );

  await t.step("refuses a port that is taken, in one line", async () => {
    await using second = start(store, Number(new URL(base).port));
    const line = await eventually(
      "the message",
      () => /^ja4-web: .*\n/m.exec(second.log())?.[0],
    );
    assert.match(
      line,
      /^ja4-web: Cannot listen on 127\.0\.0\.1:\d+: Address already in use/,
    );
    assert.ok(!second.log().includes("    at "), "no stack");
  });

  await t.step("owes its operator what every daemon does", () =>
    checkDaemon({
      name: "web",
      file: "web/main.ts",
      config: (_, listen) =>
        ["clickhouse", "app"].map((section) =>
          `[${section}]\nurl = "http://127.0.0.1:9"\npassword = "x"\n`
        ).join("") + `[web]\nlisten = "${listen}"\n`,
      ready: false,
      socket: false,
      metrics: true,
      networks: "web.trusted_proxies",
    }));

  await t.step("stops within a second though a page looks on", async () => {
    const stream = follow(base, await enter(store, base));
    await stream.next();
    const { code, ms } = await running.stop();
    await stream.return(undefined);
    assert.equal(code, 0);
    assert.ok(ms < 1000, `it took ${ms} ms`);
  });
});
