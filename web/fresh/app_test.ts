import assert from "node:assert/strict";
import { mock } from "node:test";
import { App } from "./app.ts";
import { HttpError } from "./error.ts";
import { csrf } from "./middlewares.ts";

const ORIGIN = "http://site.test";

function call<State>(
  app: App<State>,
  path: string,
  init?: RequestInit,
): Promise<Response> {
  return app.handler()(new Request(ORIGIN + path, init));
}

const app = new App<{ trace: string }>()
  .use((ctx) => {
    ctx.state.trace = "a";
    return ctx.next();
  })
  .get("/first", (ctx) => ctx.text(ctx.state.trace))
  .use((ctx) => {
    ctx.state.trace += "b";
    return ctx.next();
  })
  .get("/second", (ctx) => ctx.text(ctx.state.trace))
  .get("/users/:name", (ctx) => ctx.json({ ...ctx.params, route: ctx.route }))
  .get("/users/me", (ctx) => ctx.text("me"))
  .post("/users/:name", (ctx) => ctx.redirect(`//${ctx.params["name"]}`, 303))
  .get("/chain", (ctx) => ctx.next(), (ctx) => ctx.text("end"))
  .get("/refused", () => {
    throw new HttpError(418, "short and stout");
  });

Deno.test("App runs the middlewares that were added before a route", async () => {
  assert.equal(await (await call(app, "/first")).text(), "a");
  assert.equal(await (await call(app, "/second")).text(), "ab");
  assert.equal(await (await call(app, "/chain")).text(), "end");
});

Deno.test.each([
  { path: "/nowhere", method: "GET", status: 404 },
  { path: "/first", method: "POST", status: 405 },
  { path: "/first", method: "HEAD", status: 200 },
  { path: "/first/", method: "GET", status: 200 },
  { path: "//first", method: "GET", status: 200 },
  { path: "/refused", method: "GET", status: 418 },
])(
  "App answers $method $path with $status",
  async ({ path, method, status }) => {
    const response = await call(app, path, { method });
    assert.equal(response.status, status);
    if (method === "HEAD") assert.equal(response.body, null);
    await response.body?.cancel();
  },
);

Deno.test.each([
  { path: "/users/anne", want: { name: "anne", route: "/users/:name" } },
  { path: "/users/a%2Fb", want: { name: "a%2Fb", route: "/users/:name" } },
  { path: "/users/%ff", want: { name: "%ff", route: "/users/:name" } },
])("App takes parameters out of $path", async ({ path, want }) => {
  assert.deepEqual(await (await call(app, path)).json(), want);
});

Deno.test("App prefers a path without parameters", async () => {
  assert.equal(await (await call(app, "/users/me")).text(), "me");
});

Deno.test("ctx.redirect() stays on the site", async () => {
  const response = await call(app, "/users/evil.example", { method: "POST" });
  assert.equal(response.headers.get("location"), "/evil.example");
});

Deno.test("Context.next() without a follower is an error of the route", async () => {
  const lone = new App().get("/", (ctx) => ctx.next());
  const logged = mock.method(console, "error", () => {});
  try {
    assert.equal((await call(lone, "/")).status, 500);
    assert.equal(logged.mock.callCount(), 1);
  } finally {
    logged.mock.restore();
  }
});

Deno.test.each([
  { site: "same-origin", origin: null, status: 200 },
  { site: "cross-site", origin: "http://evil.test", status: 403 },
  { site: null, origin: ORIGIN, status: 200 },
  { site: null, origin: "http://evil.test", status: 403 },
  { site: null, origin: null, status: 200 },
])("csrf() with site $site and origin $origin is $status", async (row) => {
  const guarded = new App().use(csrf()).post("/", () => new Response("done"));
  const headers = new Headers();
  if (row.site !== null) headers.set("sec-fetch-site", row.site);
  if (row.origin !== null) headers.set("origin", row.origin);
  const response = await call(guarded, "/", { method: "POST", headers });
  assert.equal(response.status, row.status);
  await response.body?.cancel();
});
