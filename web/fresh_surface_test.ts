/**
 * The application uses of Fresh what upstream 2.3.3 has as well: deleting `links` from deno.json must be
 * all that it takes to run on it. Which names those are was tried on both packages; see
 * docs/decisions/0002-fresh-without-jsr.md.
 */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { relative } from "node:path";

const ROOT = new URL("../", import.meta.url).pathname;

/** What may be imported, by module. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "fresh": [
    "App",
    "Context",
    "createDefine",
    "csp",
    "csrf",
    "FreshContext",
    "HandlerByMethod",
    "HandlerFn",
    "HttpError",
    "Method",
    "Middleware",
    "page",
    "PageProps",
    "PageResponse",
    "RouteConfig",
    "RouteHandler",
    "staticFiles",
  ],
  "fresh/runtime": ["asset", "Head", "HttpError", "IS_BROWSER"],
  "fresh/dev": ["Builder"],
};
/** Members of a request's context. `params` are decoded by decodeURI() there: path_param.ts reads the URL. */
const CONTEXT = [
  "config",
  "error",
  "info",
  "json",
  "next",
  "redirect",
  "render",
  "req",
  "route",
  "state",
  "text",
  "url",
];
/** Methods of the application. */
const APP = ["use", "fsRoutes", "handler"];

const sources = globSync(["web/**/*.{ts,tsx}", "tests/**/*.ts"], { cwd: ROOT })
  .filter((path) =>
    !path.startsWith("web/fresh/") && !path.startsWith("web/_fresh/") &&
    !path.startsWith("tests/web_fresh_")
  );

async function each(
  check: (path: string, text: string) => void,
): Promise<void> {
  assert.ok(sources.length > 150);
  for (const path of sources) {
    check(relative(ROOT, ROOT + path), await Deno.readTextFile(ROOT + path));
  }
}

Deno.test("the application imports of Fresh only what both packages have", async () => {
  let imports = 0;
  await each((path, text) => {
    for (
      const [, names = "", module = ""] of text.matchAll(
        /import (?:type )?\{([^}]*)\} from "(fresh(?:\/\w+)?)"/g,
      )
    ) {
      for (
        const name of names.split(",").map((one) =>
          one.trim().replace(/^type /, "")
        )
      ) {
        if (name === "") continue;
        imports++;
        assert.ok(
          NAMES[module]?.includes(name),
          `${path}: ${name} of ${module}`,
        );
      }
    }
    assert.doesNotMatch(
      text,
      /from "(?:\.{1,2}\/)+(?:web\/)?fresh\//,
      `${path} reaches into the package`,
    );
  });
  assert.ok(imports > 100);
});

Deno.test("its routes use of a context only what both packages have", async () => {
  let uses = 0;
  await each((path, text) => {
    if (!path.startsWith("web/")) return;
    for (const [, name = ""] of text.matchAll(/\bctx\.(\w+)/g)) {
      uses++;
      assert.ok(CONTEXT.includes(name), `${path}: ctx.${name}`);
    }
  });
  assert.ok(uses > 200);
  const app = await Deno.readTextFile(`${ROOT}web/app.ts`);
  for (const [, name = ""] of app.matchAll(/^ +\.(\w+)\(/gm)) {
    assert.ok(APP.includes(name), `app.${name}`);
  }
});

Deno.test("it has no part that Fresh alone, or Fresh differently, knows", async () => {
  await each((path, text) => {
    if (!path.startsWith("web/") || path.endsWith("fresh_surface_test.ts")) {
      return;
    }
    assert.doesNotMatch(
      text,
      /f-client-nav|f-partial|<Partial\b|routeOverride/,
      path,
    );
    assert.doesNotMatch(path, /routes\/(?:.*\/)?_(?:404|500|error)\.tsx?$/);
    assert.doesNotMatch(path, /\(_\w+\)\//);
  });
});
