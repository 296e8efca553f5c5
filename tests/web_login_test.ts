/** Ways in and out of the dashboard, and what becomes of sessions, on a real store. */
import assert from "node:assert/strict";
import { createOneTimeLogin } from "../lib/accounts.ts";
import { parseIp } from "../lib/ip.ts";
import { sql } from "../lib/sql.ts";
import { FirstAdmin } from "../web/auth/first_admin.ts";
import { SessionStore } from "../web/auth/session_store.ts";
import { ABSOLUTE_S, IDLE_S, Sessions } from "../web/auth/sessions.ts";
import { startStore } from "./support/store.ts";
import { PASSWORD, startWeb, type Web } from "./support/web.ts";

/** The Cookie header of what a response has set; empty if the cookie was taken. */
function cookieOf(response: Response): string {
  const [cookie = ""] = response.headers.getSetCookie();
  return cookie.includes("Max-Age=0") ? "" : cookie.split(";")[0] ?? "";
}

async function whoIs(web: Web, cookie: string): Promise<string> {
  const response = await web.fetch("/api/v1/me", { headers: { cookie } });
  const { login } = await response.json();
  return response.status === 200 ? login : "";
}

/** Median milliseconds of seven runs. */
async function medianMs(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const startMs = performance.now();
    await run();
    times.push(performance.now() - startMs);
  }
  return times.toSorted((a, b) => a - b)[3] ?? 0;
}

Deno.test("logging in", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store);

  await t.step(
    "by password gives a session, and goes where one wanted to",
    async () => {
      const response = await web.post("/login", {
        login: "analyst",
        password: PASSWORD,
        next: "/detections?view=inbox",
      });
      assert.equal(response.status, 303);
      assert.equal(response.headers.get("location"), "/detections?view=inbox");
      assert.match(
        response.headers.get("set-cookie") ?? "",
        /^s=[\w-]{43}; Path=\/; SameSite=Lax; HttpOnly; Max-Age=86400$/,
      );
      assert.equal(await whoIs(web, cookieOf(response)), "analyst");
    },
  );

  await t.step("never leads off the site", async () => {
    for (const next of ["//evil.test", "https://evil.test", "/\\evil.test"]) {
      const response = await web.post("/login", {
        login: "analyst",
        password: PASSWORD,
        next,
      });
      assert.equal(response.headers.get("location"), "/", next);
    }
  });

  await t.step(
    "says the same of a wrong password and of a login that is not there",
    async () => {
      const texts: string[] = [];
      for (const login of ["viewer", "nobody.here", "<b>&\u202e", ""]) {
        const response = await web.post("/login", { login, password: "wrong" });
        assert.equal(response.status, 403);
        assert.equal(response.headers.get("set-cookie"), null);
        const html = await response.text();
        assert.ok(!html.includes("<b>"), "the login is text, not markup");
        texts.push(/role="alert">([^<]*)/.exec(html)?.[1] ?? "");
      }
      assert.deepEqual(
        new Set(texts),
        new Set(["Login or password is wrong."]),
      );
    },
  );

  await t.step("takes as long for a login that is not there", async () => {
    let count = 0;
    const attempt = (login: string) => () =>
      web.services.accounts.check(`${login}`, `wrong ${count++}`);
    const [known, unknown] = [
      await medianMs(attempt("viewer")),
      await medianMs(attempt("nobody.here")),
    ];
    const ratio = known / unknown;
    assert.ok(ratio > 0.5 && ratio < 2, `${known} ms against ${unknown} ms`);
  });

  await t.step(
    "is slowed after five failures, for this login alone",
    async () => {
      const statuses: number[] = [];
      let last = new Response();
      for (let i = 0; i < 6; i++) {
        last = await web.post("/login", { login: "admin", password: "wrong" });
        statuses.push(last.status);
        if (i < 5) await last.body?.cancel();
      }
      assert.deepEqual(statuses, [403, 403, 403, 403, 403, 429]);
      assert.equal(last.headers.get("retry-after"), "1");
      assert.match(await last.text(), /Try again in 1 seconds/);
      const right = await web.post("/login", {
        login: "admin",
        password: PASSWORD,
      });
      assert.equal(
        right.status,
        429,
        "the right password is not looked at either",
      );
      await right.body?.cancel();
      const other = await web.post("/login", {
        login: "viewer",
        password: PASSWORD,
      });
      assert.equal(other.status, 303);
    },
  );

  await t.step(
    "ends the session that the browser came with, and takes no token from it",
    async () => {
      const planted = "A".repeat(43);
      const first = await web.post("/login", {
        login: "viewer",
        password: PASSWORD,
      }, {
        cookie: `s=${planted}`,
      });
      assert.notEqual(cookieOf(first), `s=${planted}`);
      assert.equal(await whoIs(web, `s=${planted}`), "");
      const old = cookieOf(first);
      const second = await web.post("/login", {
        login: "analyst",
        password: PASSWORD,
      }, {
        cookie: old,
      });
      assert.equal(await whoIs(web, old), "");
      assert.equal(await whoIs(web, cookieOf(second)), "analyst");
    },
  );

  await t.step(
    "by a one-time link works once, by its button and not by its address",
    async () => {
      const token = await createOneTimeLogin(web.app, {
        login: "demo",
        display_name: "Demo",
        role: "analyst",
        expires_s: 600,
      });
      for (let i = 0; i < 2; i++) {
        const page = await web.fetch(`/login?token=${token}`);
        assert.match(await page.text(), /This link logs you in once/);
        assert.equal(
          page.headers.get("set-cookie"),
          null,
          "a link checker spends nothing",
        );
      }
      const response = await web.post("/login", { token });
      assert.equal(response.status, 303);
      assert.equal(await whoIs(web, cookieOf(response)), "demo");
      const again = await web.post("/login", { token });
      assert.equal(again.status, 403);
      assert.match(await again.text(), /used already or has expired/);
      const wrong = await web.post("/login", { token: "x" });
      assert.equal(wrong.status, 403);
      await wrong.body?.cancel();
    },
  );

  await t.step("by a one-time link that has expired does not", async () => {
    const token = await createOneTimeLogin(web.app, {
      login: "demo",
      display_name: "Demo",
      role: "admin",
      expires_s: -1,
    });
    const response = await web.post("/login", { token });
    assert.equal(response.status, 403);
    await response.body?.cancel();
    assert.equal((await web.services.accounts.user("demo"))?.role, "analyst");
  });

  await t.step("ends by logging out, for good", async () => {
    const cookie = await web.signIn("viewer");
    assert.equal(await whoIs(web, cookie), "viewer");
    const response = await web.post("/logout", {}, { cookie });
    assert.equal(response.status, 303);
    assert.equal(cookieOf(response), "");
    assert.equal(await whoIs(web, cookie), "");
    const rows = await web.app.query(
      sql`SELECT 1 FROM app_sessions FINAL WHERE user_agent = 'test' AND login = 'viewer'`,
    );
    assert.equal(rows.length, 0);
  });

  await t.step("stores neither passwords nor tokens", async () => {
    const cookie = await web.signIn("viewer");
    const token = cookie.slice(2);
    const [row] = await web.app.query<{ found: number }>(sql`
      SELECT toUInt32(countIf(position(toString(tuple(*)), ${token}) > 0)) AS found
      FROM app_sessions`);
    assert.equal(row?.found, 0);
  });

  await t.step("is written to the audit log, failures too", async () => {
    const rows = await web.db.query<Record<string, unknown>>(sql`
      SELECT actor, action, object, ok, toString(src_ip) AS src_ip,
        JSONExtractString(detail, 'by') AS by, detail
      FROM audit_log`);
    const has = (wanted: Record<string, unknown>): boolean =>
      rows.some((row) =>
        Object.entries(wanted).every(([key, value]) => row[key] === value)
      );
    assert.ok(
      has({ actor: "analyst", action: "login", by: "password", ok: true }),
    );
    assert.ok(has({ actor: "", action: "login", object: "admin", ok: false }));
    assert.ok(has({ actor: "demo", action: "login", by: "link", ok: true }));
    assert.ok(has({ actor: "viewer", action: "logout", ok: true }));
    assert.equal(parseIp(String(rows[0]?.["src_ip"])), "127.0.0.1");
    assert.ok(!JSON.stringify(rows).includes(PASSWORD));
  });

  await t.step("of a disabled account ends within seconds", async () => {
    let nowMs = Date.now();
    const sessions = new Sessions(new SessionStore(web.app), () => nowMs);
    const token = await sessions.open(
      { login: "viewer", display_name: "", role: "viewer" },
      { src_ip: "127.0.0.1", user_agent: "" },
    );
    assert.ok((await sessions.find(token)).found);
    await web.app.insertRows("app_users", [{
      login: "viewer",
      display_name: "",
      role: "viewer",
      password_hash: "",
      disabled: true,
      rev: Date.now() * 1000 + 1_000_000,
    }]);
    nowMs += 6000;
    assert.equal((await sessions.find(token)).found, undefined);
    assert.equal(
      await web.services.accounts.check("viewer", PASSWORD),
      undefined,
    );
  });
});

Deno.test("sessions", async (t) => {
  await using store = await startStore();
  await using app = await store.database("app");
  const accounts = new SessionStore(app);
  const user = {
    login: "anne",
    display_name: "Anne",
    role: "analyst" as const,
  };
  await accounts.putAccount({ ...user, password_hash: "" });
  const from = { src_ip: "2001:db8::1", user_agent: "test" };

  /** A browser's session under a clock that the test moves. */
  async function open(): Promise<{
    find: () => Promise<boolean>;
    passS: (seconds: number) => void;
  }> {
    let nowMs = Date.now();
    const sessions = new Sessions(accounts, () => nowMs);
    const token = await sessions.open(user, from);
    return {
      find: async () => (await sessions.find(token)).found !== undefined,
      passS: (seconds) => nowMs += seconds * 1000,
    };
  }

  await t.step("end after eight hours without use", async () => {
    const session = await open();
    session.passS(IDLE_S - 60);
    assert.ok(await session.find());
    session.passS(IDLE_S - 60);
    assert.ok(await session.find(), "the use in between counted");
    session.passS(IDLE_S + 60);
    assert.ok(!await session.find());
  });

  await t.step("end after a day in any case", async () => {
    const session = await open();
    for (let hours = 0; hours < 23; hours += 1) {
      session.passS(3600);
      assert.ok(await session.find(), `after ${hours + 1} hours`);
    }
    session.passS(ABSOLUTE_S - 23 * 3600);
    assert.ok(!await session.find());
  });

  await t.step(
    "live on in memory while the database is away, for a while",
    async () => {
      let nowMs = Date.now();
      const sessions = new Sessions(accounts, () => nowMs);
      const token = await sessions.open(user, from);
      await store.kill();
      nowMs += 60_000;
      const lookup = await sessions.find(token);
      assert.ok(lookup.stale && lookup.found?.user.login === "anne");
      assert.deepEqual(await sessions.find("unknown"), {
        found: undefined,
        stale: true,
      });
      nowMs += 15 * 60_000;
      assert.equal((await sessions.find(token)).found, undefined);
      await store.restart();
      assert.ok(!(await sessions.find(token)).stale);
    },
  );
});

Deno.test("the first account", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store, {}, { accounts: false });
  const { firstAdmin } = web.services;
  const token = await firstAdmin.offer() ?? "";

  await t.step("is offered under one token while there is none", async () => {
    assert.match(token, /^[\w-]{43}$/);
    assert.equal(await firstAdmin.offer(), token);
    const other = new FirstAdmin(new SessionStore(web.app));
    assert.notEqual(await other.offer(), token);
  });
  await t.step("is not made without it", async () => {
    for (const wrong of ["", "x", token.toLowerCase(), `${token}x`]) {
      const page = await web.fetch(`/setup?token=${wrong}`);
      assert.equal(page.status, 403);
      await page.body?.cancel();
    }
  });
  await t.step("needs a good password, twice", async () => {
    for (
      const [password, repeated, fault] of [
        ["short", "short", "at least 12"],
        [PASSWORD, PASSWORD + "x", "differ"],
      ] as const
    ) {
      const response = await web.post("/setup", {
        token,
        login: "root",
        password,
        repeated,
      });
      assert.equal(response.status, 422);
      assert.ok((await response.text()).includes(fault));
    }
  });
  await t.step(
    "is an administrator, logged in at once, and the only one made so",
    async () => {
      const fields = {
        token,
        login: "root",
        password: PASSWORD,
        repeated: PASSWORD,
      };
      const response = await web.post("/setup", fields);
      assert.equal(response.status, 303);
      const me = await web.fetch("/api/v1/me", {
        headers: { cookie: cookieOf(response) },
      });
      assert.deepEqual(await me.json(), {
        login: "root",
        display_name: "root",
        role: "admin",
      });
      const second = await web.post("/setup", { ...fields, login: "second" });
      assert.equal(second.status, 403);
      await second.body?.cancel();
      assert.equal(await firstAdmin.offer(), undefined);
    },
  );
});

Deno.test("the dashboard without its database", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store);
  const cookie = await web.signIn("analyst");
  await store.kill();

  await t.step("says so to whoever wants to log in", async () => {
    const response = await web.post("/login", {
      login: "viewer",
      password: PASSWORD,
    });
    assert.equal(response.status, 503);
    assert.match(await response.text(), /The database does not answer/);
  });
  await t.step("still knows who was there a moment ago", async () => {
    const response = await web.fetch("/nowhere", { headers: { cookie } });
    assert.equal(response.status, 404);
    assert.match(await response.text(), /Not Found/);
  });
  await t.step("is alive, but not ready", async () => {
    const [alive, ready] = [
      await web.fetch("/healthz"),
      await web.fetch("/readyz"),
    ];
    assert.deepEqual([alive.status, ready.status], [200, 503]);
    await Promise.all([alive.body?.cancel(), ready.body?.cancel()]);
  });
  await t.step(
    "shows no page with a stack or an address of the server",
    async () => {
      for (const path of ["/", "/detections", "/health", "/ip/192.0.2.1"]) {
        const response = await web.fetch(path, { headers: { cookie } });
        const html = await response.text();
        assert.ok(
          [200, 503].includes(response.status),
          `${path}: ${response.status}`,
        );
        assert.ok(!/at file:|:\d+:\d+\)|DatabaseError/.test(html), path);
        assert.ok(!html.includes(store.url), path);
      }
    },
  );
  await t.step("does not pretend to log out", async () => {
    const response = await web.post("/logout", {}, { cookie });
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("set-cookie"), null);
    await response.body?.cancel();
  });
  await t.step("works again when the database is back", async () => {
    await store.restart();
    const response = await web.post("/login", {
      login: "viewer",
      password: PASSWORD,
    });
    assert.equal(response.status, 303);
  });
});
