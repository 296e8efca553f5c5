/** The fixture, built in memory and on disk, asked for pages as a browser would. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { App } from "./app.ts";
import { Builder } from "./dev.ts";
import { csp, staticFiles } from "./middlewares.ts";

const ROOT = new URL("fixture", import.meta.url).pathname;

async function build(
  snapshot: "memory" | "disk",
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const app = new App<unknown>()
    .use(csp({ useNonce: true, csp: ["script-src 'self' 'unsafe-inline'"] }))
    .use(staticFiles())
    .fsRoutes();
  const attach = await new Builder({ root: ROOT }).build({ snapshot });
  attach(app);
  const handler = app.handler();
  return (path, init) => handler(new Request(`http://site.test${path}`, init));
}

Deno.test("Builder: a page of the fixture", async (t) => {
  const get = await build("memory");
  const response = await get("/");
  const html = await response.text();

  await t.step("has its status, headers and both shells", () => {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-page"), "index");
    assert.match(html, /^<!DOCTYPE html><html lang="en">/);
    assert.match(html, /<main data-route="\/"><h1>Index<\/h1>/);
  });
  await t.step("has one title, its own, and what it put into the head", () => {
    assert.deepEqual([...html.matchAll(/<title>[^<]*/g)].flat(), [
      "<title>Index",
    ]);
    assert.match(html, /<meta name="description"[^>]*\/><\/head>/);
  });
  await t.step("marks each island once, the inner one inside the slot", () => {
    assert.deepEqual(
      [...html.matchAll(/<!--island:(\d)-->/g)].map(([, id]) => id),
      ["0", "1", "2", "3"],
    );
    assert.match(
      html,
      /<fresh-slot><p id="slot">.*<!--island:3-->.*<\/fresh-slot>/s,
    );
  });
  await t.step("carries props that cannot end their script element", () => {
    assert.ok(!html.includes("</script><b>"));
    assert.match(html, /<script id="fresh-state" type="application\/json"/);
  });
  await t.step("has the nonce of its policy on each script", () => {
    const policy = response.headers.get("content-security-policy") ?? "";
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1];
    const tags = [...html.matchAll(/<script[^>]*>/g)].map(([tag]) => tag);
    assert.equal(tags.length, 2);
    for (const tag of tags) assert.ok(tag.includes(`nonce="${nonce}"`), tag);
  });
  await t.step("loads scripts that may be kept for good", async () => {
    const src = /<script type="module" src="([^"]+)"/.exec(html)?.[1] ?? "";
    const script = await get(src);
    assert.equal(script.status, 200);
    assert.match(script.headers.get("cache-control") ?? "", /immutable/);
    assert.match(await script.text(), /fresh-state/);
  });
});

Deno.test("Builder: a page without islands has no script", async () => {
  const get = await build("memory");
  const html = await (await get("/plain")).text();
  assert.match(html, /<p>No island here<\/p>/);
  assert.ok(!html.includes("<script"));
});

Deno.test("Builder: routes of the fixture", async (t) => {
  const get = await build("memory");
  for (
    const [path, method, status, text] of [
      ["/items/7", "GET", 200, "<p>Item 7</p>"],
      ["/items/none", "GET", 404, "no such item"],
      ["/grouped", "GET", 200, "grouped"],
      ["/grouped", "DELETE", 200, "grouped"],
      ["/files/a/b.txt", "PUT", 200, "PUT a/b.txt"],
      ["/plain", "POST", 405, ""],
      ["/_app", "GET", 404, ""],
      ["/style.css", "GET", 200, "margin"],
      ["/../../../deno.json", "GET", 404, ""],
    ] as const
  ) {
    await t.step(`${method} ${path} is ${status}`, async () => {
      const response = await get(path, { method });
      assert.equal(response.status, status);
      assert.ok((await response.text()).includes(text));
    });
  }
  await t.step(
    "a folder adds its middlewares and may leave layouts out",
    async () => {
      const response = await get("/admin");
      const html = await response.text();
      assert.equal(response.headers.get("x-trace"), "admin, root");
      assert.match(html, /<body><section class="admin"><p>Admin<\/p>/);
    },
  );
  await t.step("the text of an unexpected error is not shown", async () => {
    const logged = mock.method(console, "error", () => {});
    try {
      const response = await get("/items/boom");
      assert.equal(response.status, 500);
      assert.ok(!(await response.text()).includes("internal detail"));
      assert.equal(logged.mock.callCount(), 1);
    } finally {
      logged.mock.restore();
    }
  });
});

Deno.test("Builder writes a build that serves the same page", async () => {
  const out = `${ROOT}/_fresh`;
  try {
    const [onDisk, inMemory] = [await build("disk"), await build("memory")];
    const strip = async (response: Response): Promise<string> =>
      (await response.text()).replaceAll(/nonce="[^"]*"/g, "");
    assert.equal(
      await strip(await onDisk("/")),
      await strip(await inMemory("/")),
    );
    const snapshot = await Deno.readTextFile(`${out}/snapshot.js`);
    assert.ok(!snapshot.includes(ROOT), "no path of this machine");
    assert.match(
      await Deno.readTextFile(`${out}/server.js`),
      /from "\.\.\/main\.ts"/,
    );
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("staticFiles() answers a browser that has the file with 304", async () => {
  const get = await build("memory");
  const first = await get("/style.css");
  await first.body?.cancel();
  const etag = first.headers.get("etag") ?? "";
  assert.equal(first.headers.get("cache-control"), "no-cache");
  const second = await get("/style.css", {
    headers: { "if-none-match": etag },
  });
  assert.equal(second.status, 304);
  const posted = await get("/style.css", { method: "POST" });
  assert.equal(posted.status, 405);
  await posted.body?.cancel();
});
