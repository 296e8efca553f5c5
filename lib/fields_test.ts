// docs/fields.md, lib/events.ts and the table http_events must speak of the same fields.
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** Names in backquotes in the first cell of each table row, and in running text. */
function documented(): Set<string> {
  return new Set(
    [...read("docs/fields.md").matchAll(/`([a-z][a-z0-9_]*)`/g)].map((m) =>
      m[1] ?? ""
    ),
  );
}

/** Property names of the interfaces that travel between processes. */
function typed(): string[] {
  const source = read("lib/events.ts");
  const names: string[] = [];
  for (
    const name of [
      "Connection",
      "HandshakeEvent",
      "StatsEvent",
      "RequestEvent",
      "ConnectionEndEvent",
    ]
  ) {
    const body = new RegExp(`export interface ${name}[^{]*\\{(.*?)\\n\\}`, "s")
      .exec(source)?.[1];
    assert(body !== undefined, `lib/events.ts has no ${name}`);
    names.push(
      ...[...body.matchAll(/^ {2}readonly ([a-z0-9_]+)\??:/gm)].map((m) =>
        m[1] ?? ""
      ),
    );
  }
  return names;
}

/** Column names of http_events. */
function columns(): string[] {
  const table =
    read("migrations/0002_http_events/up.sql").split("\nENGINE")[0] ?? "";
  return [...table.matchAll(/^ {4}([a-z][a-z0-9_]*) {2,}?\S/gm)].map((m) =>
    m[1] ?? ""
  );
}

Deno.test("docs/fields.md has every field of lib/events.ts", () => {
  const known = documented();
  assert(typed().length > 80);
  assert.deepEqual(typed().filter((name) => !known.has(name)), []);
});

Deno.test("docs/fields.md has every column of http_events", () => {
  const known = documented();
  assert(columns().length > 80);
  assert.deepEqual(columns().filter((name) => !known.has(name)), []);
});
