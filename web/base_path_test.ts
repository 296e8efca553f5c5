import assert from "node:assert/strict";
import { underBasePath } from "./base_path.ts";

function answer(
  html: string,
  headers: Record<string, string> = { "content-type": "text/html" },
): Promise<Response> {
  const handler = underBasePath(
    "/ja4",
    (request) =>
      Promise.resolve(
        new Response(`${html}${new URL(request.url).pathname}`, { headers }),
      ),
  );
  return handler(new Request("https://soc.example.org/ja4/x?y=1"));
}

Deno.test.each([
  { html: '<a href="/ip/::1">', want: '<a href="/ja4/ip/::1">' },
  { html: '<form action="/login">', want: '<form action="/ja4/login">' },
  { html: '<a href="//evil.test">', want: '<a href="//evil.test">' },
  { html: '<a href="#x">', want: '<a href="#x">' },
  // As the server writes a text that looks like an attribute.
  { html: "<p> href=&quot;/x&quot;", want: "<p> href=&quot;/x&quot;" },
  {
    html: '"module":"/_fresh/js/a.js"',
    want: '"module":"/ja4/_fresh/js/a.js"',
  },
])("underBasePath() of $html is $want", async ({ html, want }) => {
  assert.equal(await (await answer(html)).text(), `${want}/x`);
});

Deno.test("underBasePath() leaves what is no page alone, but for where it leads", async () => {
  const text = '{"a":" href=\\"/x\\""}';
  const json = await answer(text, { "content-type": "application/json" });
  assert.equal(await json.text(), `${text}/x`);
  const moved = await answer("", { location: "/login?next=%2F" });
  assert.equal(moved.headers.get("location"), "/ja4/login?next=%2F");
  await moved.body?.cancel();
  const away = await answer("", { location: "https://id.example.org/" });
  assert.equal(away.headers.get("location"), "https://id.example.org/");
  await away.body?.cancel();
});

Deno.test("underBasePath() passes a body on, and answers without the folder too", async () => {
  const handler = underBasePath(
    "/ja4",
    async (request) =>
      new Response(
        `${request.method} ${new URL(request.url).pathname} ${await request
          .text()}`,
      ),
  );
  for (const path of ["/ja4/a", "/a"]) {
    const response = await handler(
      new Request(`http://127.0.0.1${path}`, { method: "POST", body: "b=1" }),
    );
    assert.equal(await response.text(), "POST /a b=1");
  }
});
