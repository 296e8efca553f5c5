/** Documents that are made of what the programs know are what the programs know now. */
import assert from "node:assert/strict";
import { exists, needs } from "../lib/testing.ts";
import { documents } from "../tools/documents.ts";
import {
  configurationReference,
  FILES,
} from "../tools/documents/configuration.ts";
import { keysOf, loadConfig } from "../lib/config.ts";
import { FatalError } from "../lib/errors.ts";
import { FIGURES } from "../ctl/status.ts";
import { databaseReference } from "../tools/documents/database.ts";
import { ROWS } from "../tools/documents/grafana.ts";
import { logEventsOf } from "../tools/documents/log_events.ts";
import { listedMetrics } from "../tools/documents/metrics.ts";
import { startStore } from "./support/store.ts";

const ROOT = new URL("../", import.meta.url);
const UPDATE = Deno.env.get("JA4_TEST_UPDATE") === "1";

async function checkCurrent(path: string, text: string): Promise<void> {
  const url = new URL(path, ROOT);
  if (UPDATE) await Deno.writeTextFile(url, text);
  assert.equal(
    await Deno.readTextFile(url),
    text,
    `${path} is stale: deno task documents`,
  );
}

Deno.test("documents made of the sources are current", async () => {
  for (const [path, text] of await documents()) await checkCurrent(path, text);
});

Deno.test("every key of every configuration says what it is for", () => {
  const silent = Object.entries(FILES).flatMap(([file, schema]) =>
    keysOf(schema).filter(({ about }) => about === "").map(({ section, key }) =>
      `${file}.toml [${section}] ${key}`
    )
  );
  assert.deepEqual(silent, []);
  assert.match(configurationReference(), /^\| `snap_length` \| `16640` \|/m);
});

/** Values in TOML that no key takes, or only a key of another kind. */
const WRONG = [
  "1970-01-01",
  "-1",
  "1.5",
  '"\\u0000"',
  "[]",
  "[1970-01-01]",
  "{}",
];

Deno.test("every wrong value of every key is told what was expected", async () => {
  const others: string[] = [];
  for (const [file, schema] of Object.entries(FILES)) {
    for (const { section, key } of keysOf(schema)) {
      for (const value of WRONG) {
        const variable = `JA4_${section}__${key}`.toUpperCase();
        try {
          await loadConfig(schema, {
            env: (name) => name === variable ? value : undefined,
          });
        } catch (thrown) {
          assert.ok(thrown instanceof FatalError);
          others.push(
            ...thrown.message.split("\n").filter((line) =>
              !/^\S.*: [\w.]+: (expected|unknown key)/.test(line)
            ).map((line) => `${file}.toml: ${line}`),
          );
        }
      }
    }
  }
  assert.deepEqual(others, []);
});

Deno.test("the database reference is that of the live schema", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  const { page, uncommented } = await databaseReference(database);
  await checkCurrent("docs/database.md", page);
  assert.deepEqual(uncommented, []);
});

Deno.test("every claim of the threat model and of the privacy page names a test that is there", async () => {
  let claims = 0;
  for (const page of ["docs/threat-model.md", "docs/privacy.md"]) {
    const text = (await Deno.readTextFile(new URL(page, ROOT)))
      .replaceAll("\n", " ");
    for (
      const [, file = "", name = ""] of text.matchAll(
        /`([\w/]+_test\.ts)`: "([^"]+)"/g,
      )
    ) {
      claims++;
      const source = await Deno.readTextFile(new URL(file, ROOT));
      assert.ok(source.includes(name), `${page}: ${file} has no "${name}"`);
    }
  }
  assert.ok(claims >= 30, String(claims));
});

Deno.test("logEventsOf() finds level, message and fields", () => {
  const source = `
    log.info("Ready", { network: config.path, held });
    this.#options.log.warn("A \\"quoted\\" text", {
      rows: rows.length,
      error: thrown.message,
    });
    log.error("Bare");
    log.info(note);`;
  assert.deepEqual(logEventsOf("part", source), [
    {
      component: "part",
      level: "info",
      message: "Ready",
      fields: ["network", "held"],
    },
    {
      component: "part",
      level: "warning",
      message: 'A \\"quoted\\" text',
      fields: ["rows", "error"],
    },
    { component: "part", level: "error", message: "Bare", fields: [] },
  ]);
});

/** Names of metrics in an expression of Prometheus. */
function metricsIn(expression: string): string[] {
  return [...expression.matchAll(
    /\b((?:ja4|process|capture|correlate|detect|web)_[a-z0-9_]+)\b(?!\s*=)/g,
  )].map(([, name = ""]) => name.replace(/_(bucket|sum|count)$/, ""));
}

Deno.test("alerts, dashboard and status name metrics that exist", async () => {
  const known = listedMetrics(
    await Deno.readTextFile(new URL("docs/metrics.md", ROOT)),
  );
  assert.ok(known.size > 40, String(known.size));
  const rules = await Deno.readTextFile(
    new URL("packaging/monitoring/ja4-platform.rules.yml", ROOT),
  );
  const expressions = [
    ...rules.matchAll(/expr: (?:\|\n((?: {10}.*\n)+)|(.*))/g),
  ]
    .map(([, many = "", one = ""]) => many + one);
  assert.equal(expressions.length, 12);
  const used = [
    ...expressions,
    ...ROWS.flatMap(({ panels }) => panels).flatMap(({ queries }) =>
      queries.map(({ expr }) => expr)
    ),
    ...Object.values(FIGURES).flat().map(({ metric }) => metric),
  ].flatMap(metricsIn);
  assert.ok(used.length > 60);
  assert.deepEqual(used.filter((name) => !known.has(name)), []);
  // rate() and increase() are for what only rises.
  for (
    const { expr } of ROWS.flatMap(({ panels }) => panels).flatMap((
      { queries },
    ) => queries)
  ) {
    for (const [, name = ""] of expr.matchAll(/(?:rate|increase)\((\w+)/g)) {
      assert.match(
        known.get(name.replace(/_bucket$/, "")) ?? "",
        /counter|histogram/,
        name,
      );
    }
  }
});

Deno.test({
  name: "promtool: each alert fires on its cause, and none on a host in order",
  ...needs(exists("/usr/bin/promtool"), "no promtool"),
  async fn() {
    for (
      const args of [
        ["check", "rules", "ja4-platform.rules.yml"],
        ["test", "rules", "ja4-platform.rules_test.yml"],
      ]
    ) {
      const { code, stdout, stderr } = await new Deno.Command("promtool", {
        args,
        cwd: new URL("packaging/monitoring/", ROOT),
      }).output();
      const decoder = new TextDecoder();
      assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
    }
  },
});
