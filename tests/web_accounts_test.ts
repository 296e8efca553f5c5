/** Second factor, provider, proxy, tokens, users and their traces, on a real store. */
import assert from "node:assert/strict";
import { sql } from "../lib/sql.ts";
import { NetworkSet } from "../lib/ip_filter.ts";
import { parseIp } from "../lib/ip.ts";
import { codeOf } from "../web/auth/totp.ts";
import { oidcOptions, startProvider } from "./support/openid.ts";
import { startStore } from "./support/store.ts";
import { ORIGIN, PASSWORD, startWeb, type Web } from "./support/web.ts";

const GROUPS = {
  groups: { viewer: ["staff"], analyst: ["soc"], admin: ["soc-leads"] },
  fallback: undefined,
};

/** The session's cookie of a response; empty if it has none. */
function cookieOf(response: Response): string {
  return response.headers.getSetCookie().map((one) => one.split(";")[0] ?? "")
    .find((one) => one.startsWith("s=") && one.length > 2) ?? "";
}

async function whoIs(
  web: Web,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const response = await web.fetch("/api/v1/me", { headers });
  const { login = "", role = "" } = await response.json();
  return response.status === 200 ? `${login} ${role}` : String(response.status);
}

/** A hidden field's value. */
function hidden(html: string, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? "";
}

async function traces(web: Web, action: string) {
  return await web.db.query<Record<string, unknown>>(sql`
    SELECT actor, object, detail, ok FROM audit_log WHERE action = ${action} ORDER BY ts`);
}

Deno.test("the second factor", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store);
  const cookie = await web.signIn("analyst");
  let secret = "";
  let recovery: string[] = [];
  const nowStep = (): number => Math.floor(Date.now() / 30_000);

  await t.step(
    "is set up by its first code, and shows recovery codes",
    async () => {
      const begun = await web.post("/settings", { do: "factor_begin" }, {
        cookie,
      });
      const html = await begun.text();
      assert.match(html, /<path class="qr-dark"/);
      secret = (/class="mono wrap">([A-Z2-7 ]+)</.exec(html)?.[1] ?? "")
        .replaceAll(" ", "");
      assert.equal(secret.length, 32);
      const wrong = await web.post(
        "/settings",
        { do: "factor_confirm", code: "000000" },
        { cookie },
      );
      assert.equal(wrong.status, 422);
      await wrong.body?.cancel();
      const done = await web.post(
        "/settings",
        { do: "factor_confirm", code: await codeOf(secret, nowStep()) },
        { cookie },
      );
      assert.equal(done.status, 200);
      recovery = (await done.text()).match(/[a-z2-7]{4}(?:-[a-z2-7]{4}){3}/g) ??
        [];
      assert.ok(new Set(recovery).size === 10);
    },
  );

  async function halfLogin(): Promise<string> {
    const response = await web.post("/login", {
      login: "analyst",
      password: PASSWORD,
      next: "/health",
    });
    assert.equal(response.headers.get("set-cookie"), null, "not logged in yet");
    return hidden(await response.text(), "half");
  }

  await t.step(
    "is asked for after the password, and no code counts twice",
    async () => {
      const half = await halfLogin();
      assert.match(half, /^[\w-]{43}$/);
      const used = await web.post("/login", {
        half,
        code: await codeOf(secret, nowStep()),
      });
      assert.equal(used.status, 403, "the code of the set-up is spent");
      await used.body?.cancel();
      const next = await web.post("/login", {
        half,
        code: await codeOf(secret, nowStep() + 1),
      });
      assert.equal(next.status, 303);
      assert.equal(next.headers.get("location"), "/health");
      assert.equal(
        await whoIs(web, { cookie: cookieOf(next) }),
        "analyst analyst",
      );
      const again = await web.post("/login", { half, code: "123456" });
      assert.equal(again.status, 403, "a login is finished once");
      await again.body?.cancel();
    },
  );

  await t.step("takes a recovery code once", async () => {
    const [code = ""] = recovery;
    for (const want of [303, 403]) {
      const response = await web.post("/login", {
        half: await halfLogin(),
        code: code.toUpperCase(),
      });
      await response.body?.cancel();
      assert.equal(response.status, want);
    }
  });

  await t.step("gives up after five wrong codes", async () => {
    const half = await halfLogin();
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) {
      const response = await web.post("/login", { half, code: "999999" });
      await response.body?.cancel();
      statuses.push(response.status);
    }
    assert.ok(
      statuses.slice(-1).every((status) => status === 403 || status === 429),
    );
    const right = await web.post("/login", {
      half,
      code: recovery[1] ?? "",
    });
    await right.body?.cancel();
    assert.notEqual(right.status, 303, "the half login is gone or slowed");
  });

  await t.step(
    "is turned off by an administrator, who leaves a trace",
    async () => {
      const admin = await web.signIn("admin");
      const response = await web.post(
        "/users/analyst",
        { do: "factor_off" },
        { cookie: admin },
      );
      assert.match(await response.text(), /second factor is off/);
      const [trace] = await traces(web, "factor_off");
      assert.equal(trace?.["actor"], "admin");
      assert.equal(trace?.["object"], "analyst");
      assert.equal((await traces(web, "second_factor_on")).length, 1);
    },
  );
});

Deno.test("an OpenID provider", async (t) => {
  await using store = await startStore();
  await using provider = await startProvider();
  await using web = await startWeb(store, {
    oidcOptions: oidcOptions(provider),
    groupRoles: GROUPS,
  });

  /** Begins a login; returns the address to visit and the browser's cookie. */
  async function begin(next = "/"): Promise<{ url: string; cookie: string }> {
    const response = await web.fetch(
      `/auth/oidc/start?next=${encodeURIComponent(next)}`,
    );
    assert.equal(response.status, 303);
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    assert.match(
      response.headers.getSetCookie()[0] ?? "",
      /HttpOnly; Max-Age=600$/,
    );
    return { url: response.headers.get("location") ?? "", cookie };
  }

  /** A whole login with the provider's answer as it is. */
  async function login(next = "/"): Promise<Response> {
    const { url, cookie } = await begin(next);
    const back = await provider.visit(url);
    return await web.fetch(back.pathname + back.search, {
      headers: { cookie },
    });
  }

  const anne = {
    preferred_username: "anne",
    name: "Anne Moreau",
    groups: ["soc"],
  };

  await t.step("is offered on the page of logins", async () => {
    const html = await (await web.fetch("/login?next=/health")).text();
    assert.match(
      html,
      /href="\/auth\/oidc\/start\?next=%2Fhealth">Log in by Test provider/,
    );
  });

  await t.step(
    "lets somebody in by code and PKCE, in the role of their groups",
    async () => {
      provider.answer = { claims: anne };
      const response = await login("/health?from=-1h");
      assert.equal(response.status, 303);
      assert.equal(response.headers.get("location"), "/health?from=-1h");
      assert.equal(
        await whoIs(web, { cookie: cookieOf(response) }),
        "anne analyst",
      );
    },
  );

  await t.step("changes the role as the groups change", async () => {
    provider.answer = { claims: { ...anne, groups: ["staff", "soc-leads"] } };
    const response = await login();
    assert.equal(
      await whoIs(web, { cookie: cookieOf(response) }),
      "anne admin",
    );
  });

  await t.step(
    "may tell the groups at its end of user information",
    async () => {
      const { groups, ...rest } = anne;
      provider.answer = { claims: rest, userInfo: { sub: "u-1", groups } };
      assert.equal(
        await whoIs(web, { cookie: cookieOf(await login()) }),
        "anne analyst",
      );
      provider.answer = { claims: rest, userInfo: { sub: "u-2", groups } };
      assert.equal((await login()).status, 403, "of somebody else");
    },
  );

  await t.step("is not believed when it could be anybody", async (step) => {
    const now = Math.floor(Date.now() / 1000);
    for (
      const [name, answer] of Object.entries({
        "another issuer": { claims: { ...anne, iss: "https://evil.test" } },
        "another audience": { claims: { ...anne, aud: "other" } },
        "many audiences": { claims: { ...anne, aud: ["dashboard", "other"] } },
        "another party": { claims: { ...anne, azp: "other" } },
        "expired": { claims: { ...anne, exp: now - 120 } },
        "without an end": { claims: { ...anne, exp: undefined } },
        "of the future": { claims: { ...anne, iat: now + 600 } },
        "not yet": { claims: { ...anne, nbf: now + 600 } },
        "another nonce": { claims: { ...anne, nonce: "x" } },
        "nobody": { claims: { ...anne, sub: "" } },
        "another key": { claims: anne, foreignKey: true },
        "unknown key name": { claims: anne, header: { kid: "k9" } },
        "alg none": { claims: anne, header: { alg: "none" }, unsigned: true },
        "alg HS256": { claims: anne, header: { alg: "HS256" } },
        "alg of the prototype": {
          claims: anne,
          header: { alg: "constructor" },
        },
      })
    ) {
      await step.step(name, async () => {
        provider.answer = answer;
        const response = await login();
        assert.equal(response.status, 403);
        assert.equal(cookieOf(response), "");
        await response.body?.cancel();
      });
    }
  });

  await t.step(
    "finishes a login once, and only in the browser that began it",
    async () => {
      provider.answer = { claims: anne };
      const { url, cookie } = await begin();
      const back = await provider.visit(url);
      const path = back.pathname + back.search;
      const stolen = await web.fetch(path, {
        headers: { cookie: "oidc=other" },
      });
      assert.equal(stolen.status, 403);
      const late = await web.fetch(path, { headers: { cookie } });
      assert.equal(late.status, 403, "the attempt has used it up");
      await Promise.all([stolen.body?.cancel(), late.body?.cancel()]);
    },
  );

  await t.step(
    "does not become an account of here, nor a disabled one",
    async () => {
      provider.answer = {
        claims: { ...anne, sub: "u-9", preferred_username: "admin" },
      };
      const taken = await login();
      assert.equal(taken.status, 403);
      assert.match(await taken.text(), /not yours/);
      provider.answer = { claims: { ...anne, groups: ["sales"] } };
      assert.match(await (await login()).text(), /None of your groups/);
      const cookie = await web.signIn("admin");
      await web.post("/users/anne", { do: "disable" }, { cookie });
      provider.answer = { claims: anne };
      assert.match(await (await login()).text(), /disabled/);
    },
  );

  await t.step("is asked for its keys no more often than it has to be", () => {
    assert.equal(provider.asked.get("/.well-known/openid-configuration"), 1);
    assert.ok((provider.asked.get("/keys") ?? 0) <= 2);
  });
});

Deno.test("a proxy's word", async (t) => {
  await using store = await startStore();
  const serve = async (trusted: string[]) => {
    const web = await startWeb(store, {
      trustedProxies: new NetworkSet(trusted),
      groupRoles: GROUPS,
      proxyOptions: {
        userHeader: "X-Forwarded-User",
        groupsHeader: "X-Forwarded-Groups",
        roles: GROUPS,
      },
    }, { accounts: trusted.length > 0 });
    const server = web.serve();
    return { web, server };
  };
  const { web, server } = await serve(["127.0.0.1/32"]);
  await using _web = web;
  const me = async (
    base: string,
    headers: Record<string, string>,
  ): Promise<string> => {
    const response = await fetch(`${base}/api/v1/me`, { headers });
    const { login = "", role = "" } = await response.json();
    return response.status === 200
      ? `${login} ${role}`
      : String(response.status);
  };
  const bea = { "x-forwarded-user": "bea", "x-forwarded-groups": "x, soc" };

  await t.step("counts from a trusted peer", async () => {
    assert.equal(await me(server.base, bea), "bea analyst");
    assert.equal(await me(server.base, {}), "401");
    assert.equal(
      await me(server.base, { "x-forwarded-user": "bea" }),
      "401",
      "no group",
    );
  });
  await t.step("cannot make somebody an account of here", async () => {
    assert.equal(
      await me(server.base, {
        "x-forwarded-user": "admin",
        "x-forwarded-groups": "soc",
      }),
      "401",
    );
  });
  await t.step("is nothing from anybody else", async () => {
    const other = await serve([]);
    await using _other = other.web;
    assert.equal(await me(other.server.base, bea), "401");
    await other.server.shutdown();
  });
  await server.shutdown();
});

Deno.test("API tokens", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store);
  const cookie = await web.signIn("analyst");

  async function make(fields: Record<string, string>): Promise<string> {
    const response = await web.post("/settings/tokens", {
      do: "create",
      name: "test",
      days: "30",
      networks: "",
      ...fields,
    }, { cookie });
    return /ja4_[0-9a-f]{12}_[\w-]{43}/.exec(await response.text())?.[0] ?? "";
  }
  const bearer = (text: string): Record<string, string> => ({
    authorization: `Bearer ${text}`,
  });

  await t.step("are shown once, and stored as a digest", async () => {
    const text = await make({ scope: "read" });
    assert.notEqual(text, "");
    assert.equal(await whoIs(web, bearer(text)), "analyst analyst");
    const [row] = await web.app.query<{ found: number }>(sql`
      SELECT toUInt32(countIf(position(toString(tuple(*)), ${
      text.slice(17)
    }) > 0)) AS found FROM app_tokens`);
    assert.equal(row?.found, 0);
    const page = await web.fetch("/settings/tokens", { headers: { cookie } });
    assert.ok(!(await page.text()).includes(text));
  });

  await t.step(
    "can do what their scopes and their owner's role allow, and nothing else",
    async () => {
      const read = bearer(await make({ scope: "read" }));
      const triage = bearer(await make({ scope: "triage" }));
      const admin = bearer(await make({ scope: "admin" }));
      const status = async (
        path: string,
        headers: Record<string, string>,
        method = "GET",
      ): Promise<number> => {
        const response = await web.fetch(path, {
          method,
          headers: {
            ...headers,
            "content-type": "application/json",
            "content-length": "2",
          },
          ...(method === "GET" ? {} : { body: "{}" }),
        });
        await response.body?.cancel();
        return response.status;
      };
      assert.equal(await status("/api/v1/detections", read), 200);
      assert.equal(await status("/api/v1/detections", triage), 403);
      assert.equal(
        await status("/api/v1/detections/D-00000000", triage, "PATCH"),
        400,
        "allowed, and its body refused",
      );
      assert.equal(
        await status("/api/v1/detections/D-00000000", read, "PATCH"),
        403,
      );
      assert.equal(
        await status("/api/v1/users", admin),
        403,
        "the owner is no administrator",
      );
      assert.equal(await status("/api/v1/export", read), 403);
      assert.equal(await status("/metrics", read), 200);
      for (const path of ["/", "/settings", "/explore"]) {
        assert.equal(await status(path, read), 401, `${path} is for people`);
      }
    },
  );

  await t.step(
    "a wrong one is refused even beside a good session",
    async () => {
      const text = await make({ scope: "read" });
      for (
        const wrong of [
          text.slice(0, -1) + (text.endsWith("A") ? "B" : "A"),
          "x",
          "ja4_000000000000_" + "A".repeat(43),
        ]
      ) {
        assert.equal(await whoIs(web, { cookie, ...bearer(wrong) }), "401");
      }
    },
  );

  await t.step("count from their networks only", async () => {
    const text = await make({ scope: "read", networks: "192.0.2.0/24" });
    assert.equal(await whoIs(web, bearer(text)), "401");
    const found = await web.services.tokens.find(
      text,
      parseIp("192.0.2.7") ?? assert.fail(),
    );
    assert.equal(found?.user.login, "analyst");
  });

  await t.step(
    "end when they are revoked, when their time is over, and with their owner",
    async () => {
      const text = await make({ scope: "read" });
      const id = text.slice(4, 16);
      assert.equal(await whoIs(web, bearer(text)), "analyst analyst");
      await web.post("/settings/tokens", { do: "revoke", id }, { cookie });
      assert.equal(await whoIs(web, bearer(text)), "401");
      const other = await web.post("/settings/tokens", { do: "revoke", id }, {
        cookie: await web.signIn("viewer"),
      });
      assert.equal(other.status, 404, "another's token");
      await other.body?.cancel();
      const late = await make({ scope: "read", days: "400" });
      assert.equal(late, "", "no token is good for longer than a year");
    },
  );

  await t.step("leave traces", async () => {
    const made = await traces(web, "create");
    assert.ok(
      made.length >= 5 && made.every((row) => row["actor"] === "analyst"),
    );
    assert.equal((await traces(web, "revoke")).length, 1);
  });
});

Deno.test("users and their settings", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store);
  const admin = await web.signIn("admin");

  await t.step("an account is made with a link that lets in once", async () => {
    const response = await web.post("/users", {
      do: "create",
      login: "dora",
      display_name: "Dora",
      role: "viewer",
    }, { cookie: admin });
    const html = await response.text();
    const link =
      /http:\/\/dashboard\.test:8000\/login\?token=([\w-]{43})/.exec(html)
        ?.[1] ?? "";
    const entered = await web.post("/login", { token: link });
    const cookie = cookieOf(entered);
    assert.equal(await whoIs(web, { cookie }), "dora viewer");
    const set = await web.post("/settings", {
      do: "password",
      new: "a long enough one",
      repeated: "a long enough one",
    }, { cookie });
    assert.match(await set.text(), /password is changed/);
    const again = await web.post("/login", {
      login: "dora",
      password: "a long enough one",
    });
    assert.equal(again.status, 303);
    const wrong = await web.post("/settings", {
      do: "password",
      old: "not it",
      new: "another long one",
      repeated: "another long one",
    }, { cookie });
    assert.equal(wrong.status, 422);
    await wrong.body?.cancel();
  });

  await t.step("a change of role ends the sessions", async () => {
    const cookie = await web.signIn("viewer");
    assert.equal(await whoIs(web, { cookie }), "viewer viewer");
    await web.post("/users/viewer", { do: "role", role: "analyst" }, {
      cookie: admin,
    });
    assert.equal(await whoIs(web, { cookie }), "401");
  });

  await t.step("the last administrator stays one", async () => {
    for (
      const fields of [{ do: "disable" }, {
        do: "role",
        role: "viewer",
      }] as Record<string, string>[]
    ) {
      const response = await web.post("/users/admin", fields, {
        cookie: admin,
      });
      assert.equal(response.status, 409);
      assert.match(await response.text(), /last administrator/);
    }
    assert.equal(await whoIs(web, { cookie: admin }), "admin admin");
  });

  await t.step("sessions are listed, and end one by one or all", async () => {
    const [here, there] = [
      await web.signIn("analyst"),
      await web.signIn("analyst"),
    ];
    const html =
      await (await web.fetch("/settings", { headers: { cookie: here } }))
        .text();
    const other = hidden(html, "session");
    assert.match(other, /^[0-9a-f]{64}$/);
    await web.post("/settings", { do: "end_session", session: other }, {
      cookie: here,
    });
    assert.equal(await whoIs(web, { cookie: there }), "401");
    assert.equal(await whoIs(web, { cookie: here }), "analyst analyst");
    const foreign = await web.signIn("admin");
    await web.post("/settings", { do: "end_sessions" }, { cookie: here });
    assert.equal(
      await whoIs(web, { cookie: foreign }),
      "admin admin",
      "not those of others",
    );
  });

  await t.step(
    "views are kept, shared by analysts, and removed by their owner",
    async () => {
      const analyst = await web.signIn("analyst");
      const dora = await web.services.sessions.open(
        { login: "dora", display_name: "Dora", role: "viewer" },
        { src_ip: "127.0.0.1", user_agent: "test" },
      );
      const viewer = `s=${dora}`;
      const save = (
        cookie: string,
        name: string,
        shared: string,
        path = "/explore?q=status%3A4xx",
      ) => web.post("/views", { do: "save", name, path, shared }, { cookie });
      assert.equal((await save(analyst, "errors", "1")).status, 303);
      assert.equal((await save(viewer, "mine", "")).status, 303);
      assert.equal((await save(viewer, "ours", "1")).status, 403);
      assert.equal((await save(viewer, "away", "", "//evil.test")).status, 303);
      const seen = async (cookie: string) => {
        const response = await web.fetch("/api/v1/views", {
          headers: { cookie },
        });
        return (await response.json()).data as {
          id: string;
          name: string;
          path: string;
        }[];
      };
      assert.deepEqual((await seen(analyst)).map((one) => one.name), [
        "errors",
      ]);
      const all = await seen(viewer);
      assert.deepEqual(all.map((one) => one.name), ["away", "mine", "errors"]);
      assert.equal(all[0]?.path, "/", "a view leads nowhere else");
      const errors = all[2]?.id ?? "";
      assert.equal(
        (await web.post("/views", { do: "remove", id: errors }, {
          cookie: viewer,
        })).status,
        403,
      );
      assert.equal(
        (await web.post("/views", { do: "remove", id: errors }, {
          cookie: analyst,
        })).status,
        303,
      );
      assert.deepEqual(await seen(analyst), []);
    },
  );

  await t.step(
    "everything is in the audit log, which only administrators read and export",
    async () => {
      const html =
        await (await web.fetch("/audit", { headers: { cookie: admin } }))
          .text();
      for (
        const word of ["dora", "role", "end_session", "password", "remove"]
      ) {
        assert.ok(html.includes(word), word);
      }
      await web.post("/login", { login: "=cmd|' /C calc'!A0", password: "x" });
      const csv = await web.post("/audit/export", { format: "csv" }, {
        cookie: admin,
      });
      assert.match(await csv.text(), /"'=cmd\|' \/C calc'!A0"/);
      const analyst = await web.signIn("analyst");
      for (const path of ["/audit", "/users", "/users/admin"]) {
        const response = await web.fetch(path, {
          headers: { cookie: analyst },
        });
        assert.equal(response.status, 403, path);
        await response.body?.cancel();
      }
      assert.equal((await traces(web, "export")).length, 1);
    },
  );

  await t.step("nothing secret is on any of these pages", async () => {
    for (
      const path of [
        "/users",
        "/users/dora",
        "/settings",
        "/api/v1/users",
        "/audit",
      ]
    ) {
      const html = await (await web.fetch(path, { headers: { cookie: admin } }))
        .text();
      assert.doesNotMatch(
        html,
        /\$argon2id|\$scrypt|password_hash|totp_secret/,
        path,
      );
    }
    assert.ok(ORIGIN.startsWith("http:"));
  });
});
