// The client against a server of few lines that answers what a test wants; tests/store_test.ts has the real one.
import assert from "node:assert/strict";
import * as v from "valibot";
import {
  Database,
  DatabaseError,
  openDatabase,
  type Retry,
} from "./clickhouse.ts";
import { clickhouseSection, databaseOptions } from "./clickhouse_config.ts";
import { FatalError } from "./errors.ts";
import { sql } from "./sql.ts";
import { freePort } from "./testing.ts";

/** A server that answers with `respond`, and a client of it. */
function serve(
  respond: (request: Request) => Response | Promise<Response>,
): { database: Database } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    respond,
  );
  const database = client(server.addr.port);
  return {
    database,
    async [Symbol.asyncDispose](): Promise<void> {
      await database[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

function client(port: number): Database {
  return new Database({
    url: `http://127.0.0.1:${port}`,
    database: "ja4",
    username: "u",
    password: "p",
  });
}

/** The DatabaseError that `call` ends with, as code and what may be done. */
async function failure(
  call: Promise<unknown>,
): Promise<[number | undefined, Retry]> {
  try {
    await call;
  } catch (thrown) {
    assert(thrown instanceof DatabaseError, String(thrown));
    return [thrown.code, thrown.retry];
  }
  assert.fail("it did not fail");
}

function exception(code: number, name: string): Response {
  return new Response(
    `Code: ${code}. DB::Exception: Something with a secret. (${name}) (version 26.7)`,
    { status: 500, headers: { "x-clickhouse-exception-code": String(code) } },
  );
}

const column = { name: "n", type: "UInt8", data: [1] };

Deno.test.each(
  [
    { code: 27, name: "CANNOT_PARSE_INPUT", write: "reject", read: "reject" },
    { code: 53, name: "TYPE_MISMATCH", write: "reject", read: "reject" },
    { code: 60, name: "UNKNOWN_TABLE", write: "retry", read: "retry" },
    { code: 202, name: "TOO_MANY_QUERIES", write: "retry", read: "retry" },
    { code: 241, name: "MEMORY_LIMIT", write: "in_doubt", read: "retry" },
    { code: 216, name: "SAME_ID_RUNNING", write: "in_doubt", read: "retry" },
    { code: 252, name: "TOO_MANY_PARTS", write: "in_doubt", read: "retry" },
    { code: 516, name: "AUTHENTICATION_FAILED", write: "retry", read: "retry" },
  ] as const,
)("Database tells what may be done about $name", async ({
  code,
  name,
  write,
  read,
}) => {
  await using stub = serve(() => exception(code, name));
  const { database } = stub;
  assert.deepEqual(await failure(database.query(sql`x`)), [code, read]);
  assert.deepEqual(await failure(database.command(sql`x`)), [code, write]);
  assert.deepEqual(await failure(database.insert("t", [column], 1)), [
    code,
    write,
  ]);
});

Deno.test("Database is in doubt about an insert even where nobody listens", async () => {
  await using database = client(freePort());
  assert.deepEqual(await failure(database.query(sql`x`)), [undefined, "retry"]);
  assert.deepEqual(
    await failure(database.insert("t", [column], 1)),
    [undefined, "in_doubt"],
  );
  assert(!await database.ping());
});

Deno.test("Database is in doubt about an insert whose connection broke", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4096));
      connection.close();
    }
  })();
  {
    await using database = client(listener.addr.port);
    assert.deepEqual(
      await failure(database.insert("t", [column], 1)),
      [undefined, "in_doubt"],
    );
    assert.deepEqual(await failure(database.query(sql`x`)), [
      undefined,
      "retry",
    ]);
  }
  listener.close();
  await served;
});

Deno.test("Database says nothing of the query when the connection fails", async () => {
  await using database = client(freePort());
  await assert.rejects(
    database.query(sql`SELECT ${"a secret value"}`),
    (thrown) =>
      thrown instanceof DatabaseError && !/secret|param/.test(thrown.message),
  );
});

/** A response that never comes. */
function never(): Promise<Response> {
  return new Promise(() => {});
}

/** A response whose body never ends. */
function endless(): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    }),
  );
}

Deno.test.each([
  { name: "header", respond: never },
  { name: "body", respond: endless },
])(
  "Database.query() keeps its time limit while it waits for the $name",
  async ({ respond }) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = listener.addr.port;
    listener.close();
    const stop = new AbortController();
    const server = Deno.serve(
      { hostname: "127.0.0.1", port, signal: stop.signal, onListen: () => {} },
      respond,
    );
    {
      await using database = client(port);
      const limit = { timeoutMs: 50 };
      assert.deepEqual(await failure(database.query(sql`x`, limit)), [
        undefined,
        "retry",
      ]);
    }
    stop.abort();
    await server.finished;
  },
);

Deno.test("Database aborts every call that shares a signal", async () => {
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} },
    never,
  );
  {
    await using database = client(server.addr.port);
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [1, 2, 3].map(() => database.query(sql`x`, { signal }));
    const outcomes = Promise.allSettled(calls);
    controller.abort(new Error("enough"));
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, "rejected");
      assert.equal(outcome.reason.message, "enough");
    }
  }
  stop.abort();
  await server.finished;
});

Deno.test("Database.insert() sends one Native block with its token", async () => {
  let seen: { search: URLSearchParams; body: Uint8Array } | undefined;
  await using stub = serve(async (request) => {
    seen = {
      search: new URL(request.url).searchParams,
      body: await request.bytes(),
    };
    return new Response("");
  });
  await stub.database.insert("ja4.t", [column, { ...column, name: "m" }], 1, {
    token: "a:1",
    settings: { async_insert: 1 },
  });
  assert.equal(
    seen?.search.get("query"),
    "INSERT INTO ja4.t (n, m) FORMAT Native",
  );
  assert.equal(seen?.search.get("insert_deduplication_token"), "a:1");
  assert.equal(seen?.search.get("async_insert"), "1");
  assert.deepEqual([...(seen?.body.subarray(0, 2) ?? [])], [2, 1]);
});

Deno.test("Database.insert() waits for every shard, and for the replicas that are asked for", async () => {
  let search = new URLSearchParams();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      search = new URL(request.url).searchParams;
      return new Response("");
    },
  );
  const section = v.parse(clickhouseSection("ja4"), {
    url: `http://127.0.0.1:${server.addr.port}`,
    insert_quorum: "auto",
  });
  await using database = await openDatabase(databaseOptions(section));
  await database.insert("ja4.t", [column], 1);
  assert.equal(search.get("distributed_foreground_insert"), "1");
  assert.equal(search.get("insert_quorum"), "auto");
});

Deno.test("Database.insertRows() sends JSON lines, and nothing for no rows", async () => {
  const bodies: string[] = [];
  await using stub = serve(async (request) => {
    bodies.push(await request.text());
    return new Response("");
  });
  await stub.database.insertRows("t", []);
  await stub.database.insertRows("t", [{ a: "x\n" }, { a: 1 }]);
  assert.deepEqual(bodies, ['{"a":"x\\n"}\n{"a":1}']);
});

Deno.test("openDatabase() reads the first line of the password file", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "secret\nsecond line\n");
    const options = databaseOptions(
      v.parse(clickhouseSection("web"), { password_file: file }),
    );
    await using database = await openDatabase(options);
    assert.equal(database.password, "secret");
    assert.equal(database.database, "ja4");
  } finally {
    await Deno.remove(file);
  }
  await assert.rejects(
    openDatabase({
      url: "http://x",
      database: "d",
      username: "u",
      passwordFile: file,
    }),
    (thrown) => thrown instanceof FatalError && thrown.exit === "noInput",
  );
});

Deno.test.each([
  { name: "no URL", section: { url: "localhost:8123" } },
  { name: "a password in the URL", section: { url: "http://u:p@h:1" } },
  { name: "a hostile name", section: { database: "a; DROP" } },
  { name: "an unknown key", section: { user: "x" } },
])("clickhouseSection() refuses $name", ({ section }) => {
  assert(!v.safeParse(clickhouseSection("u"), section).success);
});
