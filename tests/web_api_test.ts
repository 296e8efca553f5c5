/** The API: its document, its errors, and that its answers are those of the pages and of SQL. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { sql } from "../lib/sql.ts";
import type { UnixMicros } from "../lib/events.ts";
import { ENDPOINTS } from "../web/api/endpoints.ts";
import { PROBLEMS } from "../web/api/error.ts";
import { RateLimiter, RATES } from "../web/api/rate_limit.ts";
import { faultOf } from "../web/api/read.ts";
import { SCHEMAS } from "../web/api/schemas.ts";
import { PERMISSIONS } from "../web/auth/permissions.ts";
import { userAgentHash } from "../web/data/paths.ts";
import { seedTraffic } from "./support/seed.ts";
import { startStore } from "./support/store.ts";
import { ORIGIN, startWeb } from "./support/web.ts";

/** What a value lacks of a JSON Schema of those that the document uses. */
function faults(
  value: unknown,
  schema: Readonly<Record<string, unknown>>,
  at = "",
): string[] {
  const types = [schema["type"]].flat();
  const found = value === null
    ? "null"
    : Array.isArray(value)
    ? "array"
    : typeof value;
  if (!types.includes(found)) return [`${at} is ${found}, not ${types}`];
  const words = schema["enum"];
  if (Array.isArray(words) && !words.includes(value)) {
    return [`${at} is none of ${words}`];
  }
  if (found === "array") {
    const items = schema["items"] as Record<string, unknown>;
    return (value as unknown[]).flatMap((one, index) =>
      faults(one, items, `${at}/${index}`)
    );
  }
  if (found !== "object" || schema["properties"] === undefined) return [];
  const properties = schema["properties"] as Record<
    string,
    Record<string, unknown>
  >;
  const held = value as Record<string, unknown>;
  return [
    ...((schema["required"] ?? []) as string[]).filter((name) =>
      !(name in held)
    )
      .map((name) => `${at}/${name} is missing`),
    ...Object.entries(held).flatMap(([name, one]) => {
      const inner = properties[name];
      if (inner !== undefined) return faults(one, inner, `${at}/${name}`);
      return schema["additionalProperties"] === false
        ? [`${at}/${name} is not described`]
        : [];
    }),
  ];
}

Deno.test("the API's document describes each of its routes, and no other", () => {
  const described = ENDPOINTS.map(({ method, path }) => `${method} ${path}`);
  const open = Object.entries(PERMISSIONS).filter(([path]) =>
    path.startsWith("/api/")
  )
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`)
    );
  assert.deepEqual(described.toSorted(), open.toSorted());
  const files = globSync("web/routes/api/**/*.ts");
  assert.ok(files.length > 10);
});

Deno.test("each example of a field is one that the field takes", () => {
  let examples = 0;
  for (const { method, path, query = [], body = [] } of ENDPOINTS) {
    for (const field of [...query, ...body]) {
      if (field.example === undefined) continue;
      examples++;
      assert.equal(
        faultOf(field, field.example),
        undefined,
        `${method} ${path} ${field.name}`,
      );
    }
  }
  assert.ok(examples > 40);
});

Deno.test("RateLimiter takes a minute's calls at once, then as many as come back", () => {
  let nowMs = 0;
  const limiter = new RateLimiter(() => nowMs);
  for (let i = 0; i < RATES.search; i++) {
    assert.equal(limiter.take("anne", "search").retryAfterS, undefined);
  }
  assert.equal(limiter.take("anne", "search").retryAfterS, 1);
  assert.equal(
    limiter.take("bea", "search").retryAfterS,
    undefined,
    "each for themselves",
  );
  assert.equal(limiter.take("anne", "read").remaining, RATES.read - 1);
  nowMs += 2000;
  assert.equal(limiter.take("anne", "search").retryAfterS, undefined);
  assert.equal(limiter.take("anne", "search").retryAfterS, undefined);
  assert.equal(limiter.take("anne", "search").retryAfterS, 1);
});

Deno.test("the API", async (t) => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  await seedTraffic(db, {
    hours: 2,
    events: 3000,
    end: Date.now() * 1000 as UnixMicros,
  });
  await using web = await startWeb(store);
  const cookies = {
    viewer: await web.signIn("viewer"),
    analyst: await web.signIn("analyst"),
    admin: await web.signIn("admin"),
  };

  async function call(
    method: string,
    path: string,
    body?: unknown,
    who: keyof typeof cookies = "admin",
  ): Promise<
    { status: number; json: Record<string, unknown>; headers: Headers }
  > {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await web.fetch(path, {
      method,
      headers: {
        cookie: cookies[who],
        origin: ORIGIN,
        ...(text === undefined ? {} : {
          "content-type": "application/json",
          "content-length": String(text.length),
        }),
      },
      ...(text === undefined ? {} : { body: text }),
    });
    const { status, headers } = response;
    const answer = await response.text();
    return { status, headers, json: answer === "" ? {} : JSON.parse(answer) };
  }
  const [detection] = await db.query<
    {
      id: string;
      src_ip: string;
      ja4: string;
      http_host: string;
      asn: number;
      user_agent: string;
    }
  >(
    sql`SELECT id, replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, ja4, http_host, asn, user_agent
      FROM detections FINAL WHERE ja4 != '' AND user_agent != '' AND asn > 0 ORDER BY id LIMIT 1`,
  );
  assert.ok(detection !== undefined);

  await t.step("is described by an OpenAPI 3.1 document", async () => {
    const { json } = await call("GET", "/api/v1/openapi.json");
    assert.equal(json["openapi"], "3.1.0");
    const paths = json["paths"] as Record<
      string,
      Record<string, Record<string, unknown>>
    >;
    assert.equal(
      Object.values(paths).flatMap((one) => Object.keys(one)).length,
      ENDPOINTS.length,
    );
    for (const [path, calls] of Object.entries(paths)) {
      // OpenAPI 3.1, section 4.8.8.1: each part in braces is a parameter of the call.
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      assert.match(path, /^(?:\/(?:[\w.]+|\{\w+\}))+$/);
      for (const { parameters } of Object.values(calls)) {
        assert.deepEqual(
          (parameters as { name: string; in: string }[])
            .filter((one) => one.in === "path").map((one) => one.name),
          inPath,
        );
      }
    }
    const ids = Object.values(paths).flatMap((one) =>
      Object.values(one).map((call) => call["operationId"])
    );
    assert.equal(new Set(ids).size, ids.length);
    const references = [
      ...JSON.stringify(json).matchAll(/"#\/components\/(\w+)\/(\w+)"/g),
    ];
    const components = json["components"] as Record<
      string,
      Record<string, unknown>
    >;
    assert.ok(references.length > 20);
    for (const [, kind = "", name = ""] of references) {
      assert.ok(components[kind]?.[name] !== undefined, `${kind}/${name}`);
    }
  });

  await t.step("answers as the document says", async (step) => {
    let undo = "";
    for (const endpoint of ENDPOINTS) {
      const { method, path, query = [], body, answer } = endpoint;
      if (answer === undefined || SCHEMAS[answer] === undefined) continue;
      await step.step(`${method} ${path}`, async () => {
        const given = path.includes("/users/")
          ? { role: "analyst" }
          : method === "PATCH"
          ? { action: "acknowledge", note: "seen" }
          : path.endsWith("/bulk")
          ? { action: "escalate", ids: [detection.id] }
          : Object.fromEntries(
            (body ?? []).filter((field) => field.example !== undefined)
              .map((field) => [field.name, field.example]),
          );
        const { status, json } = await call(
          method,
          path.replace(":id", detection.id).replace(":login", "analyst")
            .replace(":ip", detection.src_ip).replace(":n", "64500")
            .replace(":cidr*", "203.0.113.0/24").replace(":cc", "DE")
            .replace(":host", encodeURIComponent(detection.http_host))
            .replace(":hash", userAgentHash(detection.user_agent))
            .replace(":ja4", detection.ja4).replace(":token", undo) +
            query.filter((field) => field.required)
              .map((field) => `?${field.name}=${field.example}`).join("&"),
          body === undefined ? undefined : given,
        );
        assert.equal(status, 200, JSON.stringify(json));
        assert.deepEqual(faults(json, SCHEMAS[answer] ?? {}), []);
        if (typeof json["undo"] === "string") undo = json["undo"];
      });
    }
  });
  cookies.analyst = await web.signIn("analyst");

  await t.step(
    "pages through everything once, and counts as SQL does",
    async () => {
      const seen = new Set<string>();
      const times: string[] = [];
      let after: unknown = "";
      do {
        const { json } = await call("POST", "/api/v1/search", {
          q: "status:2xx",
          from: "-6h",
          limit: 500,
          columns: ["time", "ip", "port", "path"],
          ...(after === "" ? {} : { after }),
        });
        for (const row of json["data"] as Record<string, unknown>[]) {
          seen.add(JSON.stringify(row));
          times.push(String(row["time"]));
        }
        after = (json["page"] as { next: unknown }).next;
      } while (after !== null);
      const [row] = await db.query<{ n: number }>(
        sql`SELECT toUInt32(count()) AS n FROM http_events WHERE status_code BETWEEN 200 AND 299 AND ts > now() - INTERVAL 6 HOUR`,
      );
      assert.equal(times.length, row?.n);
      assert.deepEqual(times, times.toSorted().toReversed());
      assert.ok(seen.size > 1000);
    },
  );

  await t.step("gives a statement that counts the same anywhere", async () => {
    const { json } = await call("POST", "/api/v1/search/sql", {
      q: "status:4xx path:*'*",
    });
    const statement = String(json["sql"]);
    assert.match(statement, /FROM http_events/);
    const rows = await db.query(sql.trusted(statement));
    assert.ok(Array.isArray(rows));
    const refused = await call(
      "POST",
      "/api/v1/search/sql",
      { q: "" },
      "viewer",
    );
    assert.equal(refused.status, 403);
  });

  await t.step("tells of every kind of entity what SQL says", async (step) => {
    const kinds = {
      ips: [detection.src_ip, sql`src_ip = toIPv6(${detection.src_ip})`],
      nets: [
        "203.0.113.0/24",
        sql`isIPAddressInRange(replaceOne(toString(src_ip), '::ffff:', ''), '203.0.113.0/24')`,
      ],
      asns: [String(detection.asn), sql`asn = ${detection.asn}`],
      countries: ["DE", sql`country = 'DE'`],
      hosts: [detection.http_host, sql`http_host = ${detection.http_host}`],
      ja4: [detection.ja4, sql`ja4 = ${detection.ja4}`],
      uas: [
        userAgentHash(detection.user_agent),
        sql`user_agent = ${detection.user_agent}`,
      ],
    } as const;
    for (const [kind, [value, where]] of Object.entries(kinds)) {
      await step.step(kind, async () => {
        const path = `/api/v1/${kind}/${value}?from=-6h`;
        const { status, json, headers } = await call("GET", path);
        assert.equal(status, 200, JSON.stringify(json));
        assert.deepEqual(faults(json, SCHEMAS["Entity"] ?? {}), []);
        const [row] = await db.query<{ n: number }>(
          sql`SELECT toUInt32(count()) AS n FROM http_events
            WHERE ts > now() - INTERVAL 6 HOUR AND match != 'tls_only' AND ${where}`,
        );
        assert.equal(json["requests"], row?.n);
        assert.ok((row?.n ?? 0) > 0);
        assert.match(headers.get("etag") ?? "", /^"[0-9a-f]{20}"$/);
      });
    }
    for (
      const path of ["ips/nobody", "nets/1.2.3.4", "uas/x", "planets/earth"]
    ) {
      const { status } = await call("GET", `/api/v1/${path}`);
      assert.equal(status, 404, path);
    }
  });

  await t.step("changes only what the caller saw", async () => {
    const get = async (
      path: string,
      headers: Record<string, string> = {},
    ): Promise<Response> =>
      await web.fetch(path, { headers: { cookie: cookies.admin, ...headers } });
    const patch = async (
      path: string,
      body: unknown,
      etag: string,
    ): Promise<Response> => {
      const text = JSON.stringify(body);
      return await web.fetch(path, {
        method: "PATCH",
        body: text,
        headers: {
          cookie: cookies.admin,
          origin: ORIGIN,
          "content-type": "application/json",
          "content-length": String(text.length),
          "if-match": etag,
        },
      });
    };
    for (
      const [path, first, second] of [
        [
          `/api/v1/detections/${detection.id}`,
          { action: "archive" },
          { action: "escalate" },
        ],
        ["/api/v1/users/viewer", { disabled: true }, { disabled: false }],
      ] as const
    ) {
      const seen = await get(path);
      const etag = seen.headers.get("etag") ?? "";
      await seen.body?.cancel();
      const same = await get(path, { "if-none-match": etag });
      assert.equal(same.status, 304);
      assert.equal(await same.text(), "");
      const changed = await patch(path, first, etag);
      assert.equal(changed.status, 200, await changed.text());
      const fresh = changed.headers.get("etag") ?? "";
      assert.notEqual(fresh, etag);
      // Somebody else saw the state of before.
      const late = await patch(path, second, etag);
      assert.equal(late.status, 412);
      assert.equal(
        (await late.json()).type,
        "/problems/precondition-failed",
      );
      const again = await patch(path, second, fresh);
      assert.equal(again.status, 200, await again.text());
    }
    // Disabling an account ended its sessions.
    cookies.viewer = await web.signIn("viewer");
  });

  await t.step(
    "keeps the lists, and assigns to those who may triage",
    async () => {
      const added = await call("POST", "/api/v1/lists", {
        list: "deny",
        value: "198.51.100.7/24",
        reason: "test",
      }, "analyst");
      assert.equal(added.status, 200, JSON.stringify(added.json));
      assert.equal(added.json["value"], "198.51.100.0/24");
      const refused = await call("POST", "/api/v1/lists", {
        list: "deny",
        value: "0.0.0.0/0",
        reason: "all",
      }, "analyst");
      assert.equal(refused.status, 400);
      const viewer = await call("POST", "/api/v1/lists", {}, "viewer");
      assert.equal(viewer.status, 403);
      const listed = await call("GET", "/api/v1/lists?list=deny");
      assert.deepEqual(listed.json["data"], [added.json]);
      const path = `/api/v1/lists/${added.json["id"]}`;
      assert.equal((await call("DELETE", path)).status, 204);
      assert.equal((await call("DELETE", path)).status, 404);

      const one = `/api/v1/detections/${detection.id}`;
      const given = await call("PATCH", one, {
        action: "assign",
        assignee: "analyst",
      });
      assert.equal(given.status, 200, JSON.stringify(given.json));
      assert.equal((await call("GET", one)).json["assignee"], "analyst");
      for (
        const body of [
          { action: "assign", assignee: "viewer" },
          { action: "archive", assignee: "analyst" },
        ]
      ) assert.equal((await call("PATCH", one, body)).status, 400);
    },
  );

  await t.step("says what is wrong, and where", async (step) => {
    const long = "x".repeat(5000);
    for (
      const { name, method, path, body, status, kind, member } of [
        {
          name: "bad query",
          method: "POST",
          path: "/api/v1/search",
          body: { q: "hots:a" },
          status: 400,
          kind: "query-syntax",
          member: { position: 0, length: 4, hint: "host" },
        },
        {
          name: "unknown member",
          method: "POST",
          path: "/api/v1/search",
          body: { query: "" },
          status: 400,
          kind: "validation",
        },
        {
          name: "wrong type",
          method: "POST",
          path: "/api/v1/search",
          body: { limit: "9" },
          status: 400,
          kind: "validation",
        },
        {
          name: "too many",
          method: "POST",
          path: "/api/v1/search",
          body: { limit: 501 },
          status: 400,
          kind: "validation",
        },
        {
          name: "too long",
          method: "POST",
          path: "/api/v1/search",
          body: { q: long },
          status: 400,
          kind: "validation",
        },
        {
          name: "unknown column",
          method: "POST",
          path: "/api/v1/search",
          body: { columns: ["password"] },
          status: 400,
          kind: "validation",
        },
        {
          name: "cursor of another query",
          method: "POST",
          path: "/api/v1/search",
          body: { q: "", after: "WyJ4IiwiMSJd" },
          status: 400,
          kind: "validation",
        },
        {
          name: "bad range",
          method: "POST",
          path: "/api/v1/search",
          body: { from: "yesterday" },
          status: 400,
          kind: "validation",
        },
        {
          name: "no body",
          method: "POST",
          path: "/api/v1/search",
          body: undefined,
          status: 415,
          kind: "validation",
        },
        {
          name: "no such detection",
          method: "GET",
          path: "/api/v1/detections/D-00000000",
          body: undefined,
          status: 404,
          kind: "not-found",
        },
        {
          name: "field of requests",
          method: "GET",
          path: "/api/v1/detections?q=path:/x",
          body: undefined,
          status: 400,
          kind: "query-syntax",
        },
        {
          name: "no such search",
          method: "DELETE",
          path: "/api/v1/search/none",
          body: undefined,
          status: 404,
          kind: "not-found",
        },
        {
          name: "last admin",
          method: "PATCH",
          path: "/api/v1/users/admin",
          body: { disabled: true },
          status: 409,
          kind: "conflict",
        },
      ] as const
    ) {
      await step.step(name, async () => {
        const { status: got, json, headers } = await call(method, path, body);
        assert.equal(got, status, JSON.stringify(json));
        assert.equal(headers.get("content-type"), "application/problem+json");
        assert.equal(json["type"], `/problems/${kind}`);
        assert.equal(json["instance"], headers.get("x-request-id"));
        assert.deepEqual(faults(json, SCHEMAS["Problem"] ?? {}), []);
        for (const [key, value] of Object.entries(member ?? {})) {
          assert.equal(json[key], value);
        }
      });
    }
    const page = await (await web.fetch("/docs/api", {
      headers: { cookie: cookies.viewer },
    })).text();
    for (const [kind, means] of Object.entries(PROBLEMS)) {
      assert.ok(page.includes(`href="/problems/${kind}"`), kind);
      // A program's author may follow a type without an account.
      const told = await web.fetch(`/problems/${kind}`);
      assert.equal(told.status, 200);
      assert.ok((await told.text()).includes(means), kind);
    }
    const none = await web.fetch("/problems/toString");
    assert.equal(none.status, 404);
    await none.body?.cancel();
  });

  await t.step("tells how many calls are left", async () => {
    const { headers } = await call("GET", "/api/v1/me", undefined, "viewer");
    assert.match(headers.get("ratelimit") ?? "", /^"read";r=5\d\d;t=60$/);
    assert.equal(headers.get("ratelimit-policy"), '"read";q=600;w=60');
  });

  await t.step(
    "writes files of what matches, as large as the role allows",
    async (step) => {
      const [row] = await db.query<{ n: number }>(
        sql`SELECT toUInt32(count()) AS n FROM http_events WHERE ts > now() - INTERVAL 6 HOUR`,
      );
      for (const format of ["csv", "ndjson", "parquet"]) {
        await step.step(format, async () => {
          const response = await web.fetch(
            `/api/v1/export?from=-6h&format=${format}&columns=time,ip,status,ua`,
            { headers: { cookie: cookies.analyst } },
          );
          assert.equal(response.status, 200);
          assert.match(
            response.headers.get("content-disposition") ?? "",
            new RegExp(`\\.${format}"$`),
          );
          const bytes = new Uint8Array(await response.arrayBuffer());
          if (format === "parquet") {
            // Apache Parquet, "File format": magic at both ends.
            assert.equal(new TextDecoder().decode(bytes.slice(0, 4)), "PAR1");
            assert.equal(new TextDecoder().decode(bytes.slice(-4)), "PAR1");
            return;
          }
          const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
          assert.equal(
            lines.length,
            (row?.n ?? 0) + (format === "csv" ? 1 : 0),
          );
          if (format === "csv") {
            assert.equal(lines[0], '"time","ip","status","ua"');
          } else {assert.match(
              JSON.parse(lines[0] ?? "").time,
              /^\d{4}-\d\d-\d\dT[\d:.]{15}Z$/,
            );}
        });
      }
    },
  );
});
