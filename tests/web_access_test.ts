/** Who may open what, and what every answer carries: the real application on a real store. J10 of docs/dashboard.md. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { ROLES } from "../lib/accounts.ts";
import { PERMISSIONS } from "../web/auth/permissions.ts";
import { startStore } from "./support/store.ts";
import { ORIGIN, startWeb } from "./support/web.ts";

const ROUTES = new URL("../web/routes/", import.meta.url).pathname;

/** Pattern of a route's file: `/users/[login]` is `/users/:login`, `/net/[...prefix]` is `/net/:prefix*`. */
function toPattern(id: string): string {
  const path = id.replace(/\/index$/, "")
    .replaceAll(/\[\.{3}(\w+)\]/g, ":$1*")
    .replaceAll(/\[(\w+)\]/g, ":$1");
  return path === "" ? "/" : path;
}

/** Every route and the methods that its file answers. */
async function routesOfTheTree(): Promise<Map<string, string[]>> {
  const routes = new Map<string, string[]>();
  for (const file of globSync("**/*.{ts,tsx}", { cwd: ROUTES })) {
    const id = "/" + file.replace(/\.tsx?$/, "");
    if (id.split("/").at(-1)?.startsWith("_")) continue;
    const { handler, default: component } = await import(ROUTES + file);
    const methods = new Set(Object.keys(handler ?? {}));
    assert.notEqual(typeof handler, "function", `${file} answers any method`);
    if (component !== undefined) methods.add("GET");
    routes.set(toPattern(id), [...methods].sort());
  }
  return routes;
}

Deno.test("PERMISSIONS has a line for each route and method, and no other", async () => {
  const routes = await routesOfTheTree();
  assert.ok(routes.size > 10);
  const inTree = [...routes].map(([path, methods]) => `${path} ${methods}`);
  const inTable = Object.entries(PERMISSIONS).map(([path, methods]) =>
    `${path} ${Object.keys(methods).sort()}`
  );
  assert.deepEqual(inTable.toSorted(), inTree.toSorted());
});

Deno.test("the dashboard", async (t) => {
  await using store = await startStore();
  await using web = await startWeb(store);

  const cookies = new Map<string, string>([["nobody", ""]]);
  for (const role of ROLES) cookies.set(role, await web.signIn(role));
  const routes = await routesOfTheTree();

  await t.step(
    "lets each role open what the table says, and nothing else",
    async () => {
      const granted: Record<string, readonly string[]> = {
        nobody: ["public"],
        viewer: [
          "public",
          "self",
          "read",
          "lists:read",
          "export",
          "machine",
        ],
        analyst: [
          "public",
          "self",
          "read",
          "lists:read",
          "export",
          "machine",
          "triage",
          "lists:write",
          "sql",
        ],
        admin: [
          "public",
          "self",
          "read",
          "lists:read",
          "export",
          "machine",
          "triage",
          "lists:write",
          "sql",
          "administer",
        ],
      };
      let asked = 0;
      for (const [pattern, methods] of routes) {
        const path = pattern.replaceAll(/:\w+/g, "x");
        for (const method of methods) {
          const needed = PERMISSIONS[pattern]?.[method as "GET"] ?? "";
          for (const [who, cookie] of cookies) {
            const open = granted[who]?.includes(needed) ?? false;
            // Logging out would end the session that the next routes are asked with.
            if (path === "/logout" && who !== "nobody") continue;
            const response = method === "GET"
              ? await web.fetch(path, { headers: { cookie } })
              : await web.send(method, path, { probe: "1" }, { cookie });
            await response.body?.cancel();
            const api = path.startsWith("/api/") || needed === "machine";
            const refusal = who !== "nobody" ? 403 : api ? 401 : 303;
            const refused = response.status === refusal &&
              (refusal !== 303 ||
                response.headers.get("location")?.startsWith("/login"));
            // /login refuses a form without password by 403 itself, /setup one without token.
            if (needed !== "public") {
              assert.equal(
                refused,
                !open,
                `${who} ${method} ${path}: ${response.status}`,
              );
            }
            asked++;
          }
        }
      }
      assert.ok(asked > 50);
    },
  );

  await t.step("refuses methods and paths that do not exist", async () => {
    const cookie = cookies.get("admin") ?? "";
    for (
      const [path, method, status] of [
        ["/nowhere", "GET", 404],
        ["/healthz", "POST", 405],
        ["/", "DELETE", 405],
        ["/api/v1/nowhere", "GET", 404],
      ] as const
    ) {
      const headers = { cookie, origin: ORIGIN };
      const response = await web.fetch(path, { method, headers });
      assert.equal(response.status, status, `${method} ${path}`);
      await response.body?.cancel();
    }
  });

  await t.step(
    "sends whoever has not logged in to do so, and back",
    async () => {
      const response = await web.fetch("/detections?view=inbox&q=a%26b");
      assert.equal(response.status, 303);
      assert.equal(
        response.headers.get("location"),
        "/login?next=%2Fdetections%3Fview%3Dinbox%26q%3Da%2526b",
      );
      const missing = await web.fetch("/nowhere");
      assert.equal(missing.status, 303, "what exists is not told");
    },
  );

  await t.step(
    "shows numbers to Prometheus on this host without a login",
    async () => {
      const local = await web.fetch("/metrics");
      assert.equal(local.status, 401, "a request over no network is not local");
      await local.body?.cancel();
      const cookie = cookies.get("viewer") ?? "";
      const response = await web.fetch("/metrics", { headers: { cookie } });
      const text = await response.text();
      assert.match(
        text,
        /web_requests_total\{route="\/login",method="GET",status="200"\} \d/,
      );
      assert.match(text, /ja4_build_info\{component="web"/);
    },
  );

  await t.step(
    "carries the same protection on every kind of answer",
    async () => {
      const cookie = cookies.get("admin") ?? "";
      for (
        const path of [
          "/login",
          "/",
          "/nowhere",
          "/api/v1/me",
          "/healthz",
          "/api/v1/x",
          "/audit/export?format=csv",
          "/api/v1/events",
          "/problems/forbidden",
        ]
      ) {
        const response = await web.fetch(path, { headers: { cookie } });
        await response.body?.cancel();
        const headers = Object.fromEntries(response.headers);
        assert.equal(
          headers["content-security-policy"]?.replace(
            /nonce-[0-9a-f]{32}/,
            "nonce-N",
          )
            .replace(" 'nonce-N'", ""),
          "default-src 'none'; script-src 'self'; style-src 'self'; " +
            "img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
          path,
        );
        const expected = {
          "x-content-type-options": "nosniff",
          "x-frame-options": "DENY",
          "referrer-policy": "same-origin",
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-resource-policy": "same-origin",
          // A proxy that compresses a stream holds it back.
          "cache-control": path === "/api/v1/events"
            ? "no-store, no-transform"
            : "no-store",
        };
        for (const [name, value] of Object.entries(expected)) {
          assert.equal(headers[name], value, `${path} ${name}`);
        }
        assert.match(headers["permissions-policy"] ?? "", /camera=\(\)/);
        assert.match(headers["x-request-id"] ?? "", /^[0-9a-f-]{36}$/);
        assert.equal(headers["strict-transport-security"], undefined);
      }
    },
  );

  await t.step("has browsers keep what its address changes with", async () => {
    const html = await (await web.fetch("/login")).text();
    const [, path = ""] = /href="(\/[^"]+\.css[^"]*)"/.exec(html) ?? [];
    const response = await web.fetch(path.replaceAll("&amp;", "&"));
    await response.body?.cancel();
    assert.equal(response.status, 200, path);
    assert.equal(
      response.headers.get("cache-control"),
      "private, max-age=31536000, immutable",
    );
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  });

  await t.step(
    "answers errors of the API with a problem document",
    async () => {
      const cookie = cookies.get("viewer") ?? "";
      const response = await web.fetch("/api/v1/nowhere", {
        headers: { cookie },
      });
      assert.equal(
        response.headers.get("content-type"),
        "application/problem+json",
      );
      const { instance, ...rest } = await response.json();
      assert.equal(instance, response.headers.get("x-request-id"));
      assert.deepEqual(rest, {
        type: "/problems/not-found",
        title: "Not Found",
        status: 404,
        detail: "There is nothing under this address.",
      });
    },
  );

  await t.step(
    "believes a write only if the browser says that it is its own",
    async (step) => {
      for (
        const { site, origin, passes, bearer } of [
          {
            site: "same-origin",
            origin: ORIGIN,
            passes: true,
            bearer: undefined,
          },
          { site: "same-origin", origin: undefined, passes: true },
          {
            site: "same-site",
            origin: "http://other.dashboard.test",
            passes: false,
          },
          { site: "cross-site", origin: "http://evil.test", passes: false },
          { site: "cross-site", origin: ORIGIN, passes: false },
          { site: "none", origin: undefined, passes: false },
          { site: undefined, origin: ORIGIN, passes: true },
          { site: undefined, origin: "http://evil.test", passes: false },
          { site: undefined, origin: "null", passes: false },
          { site: undefined, origin: undefined, passes: false },
          // No page of another site can send a token; a wrong one is refused all the same.
          {
            site: "cross-site",
            origin: "http://evil.test",
            passes: false,
            bearer: "x",
          },
        ]
      ) {
        await step.step(`site ${site}, origin ${origin}`, async () => {
          const headers = new Headers({
            "content-type": "application/x-www-form-urlencoded",
            "content-length": "10",
          });
          if (site !== undefined) headers.set("sec-fetch-site", site);
          if (origin !== undefined) headers.set("origin", origin);
          if (bearer !== undefined) {
            headers.set("authorization", `Bearer ${bearer}`);
          }
          const response = await web.fetch("/preferences", {
            method: "POST",
            body: "theme=dark",
            headers,
          });
          await response.body?.cancel();
          const refused = bearer === undefined ? 403 : 401;
          assert.equal(response.status, passes ? 303 : refused);
        });
      }
    },
  );

  await t.step("remembers the theme, and nothing that is not one", async () => {
    const response = await web.post("/preferences", {
      theme: "dark",
      back: "//evil.test",
    });
    assert.equal(response.headers.get("location"), "/");
    assert.match(
      response.headers.get("set-cookie") ?? "",
      /^theme=dark; Path=\/; SameSite=Lax; HttpOnly; Max-Age=31536000$/,
    );
    const page = await web.fetch("/login", {
      headers: { cookie: "theme=dark" },
    });
    assert.match(await page.text(), /<html lang="en" data-theme="dark"/);
    const wrong = await web.post("/preferences", {
      theme: "dark; Domain=evil",
    });
    assert.equal(wrong.status, 400);
    await wrong.body?.cancel();
  });

  await t.step(
    "refuses forms that are too large or of another kind",
    async () => {
      const large = await web.post("/preferences", {
        theme: "x".repeat(70_000),
      });
      assert.equal(large.status, 413);
      const json = await web.post("/preferences", { theme: "dark" }, {
        "content-type": "application/json",
      });
      assert.equal(json.status, 400);
      await Promise.all([large.body?.cancel(), json.body?.cancel()]);
    },
  );
});

Deno.test("the dashboard behind a proxy that ends TLS", async () => {
  await using store = await startStore();
  await using web = await startWeb(store, {
    publicOrigin: "https://soc.example.org",
  });
  const response = await web.fetch("/login");
  await response.body?.cancel();
  assert.match(
    response.headers.get("content-security-policy") ?? "",
    /; upgrade-insecure-requests$/,
  );
  assert.equal(
    response.headers.get("strict-transport-security"),
    "max-age=31536000",
  );
  const entered = await web.post("/login", {
    login: "viewer",
    password: "correct horse battery",
  });
  assert.equal(entered.status, 303);
  assert.match(
    entered.headers.get("set-cookie") ?? "",
    /^__Host-s=[\w-]{43}; Path=\/; SameSite=Lax; Secure; HttpOnly; Max-Age=86400$/,
  );
});
