// The ways to a database: TLS with its own authority and a client certificate, a UNIX socket; and the reader's limits.
import assert from "node:assert/strict";
import { DatabaseError, openDatabase } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { sql } from "../lib/sql.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import { startStore } from "./support/store.ts";
import { HAS_NGINX, startTlsProxy } from "./support/tls.ts";

/** Bytes between a UNIX socket and a TCP port, both ways, until disposed. */
function forward(path: string, port: number): Disposable {
  const listener = Deno.listen({ transport: "unix", path });
  (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      client.readable.pipeTo(server.writable).catch(() => {});
      server.readable.pipeTo(client.writable).catch(() => {});
    }
  })();
  return { [Symbol.dispose]: () => listener.close() };
}

Deno.test(
  "a database behind TLS is reached with the right authority and certificate, and no other",
  needs(HAS_NGINX, "nginx is not installed"),
  async () => {
    await using store = await startStore({ migrate: false });
    await using folder = await temporaryFolder();
    await using proxy = await startTlsProxy(folder.path, store.port);
    const { url, caFile, certFile, keyFile } = proxy;
    const options = { ...store.options("ja4", "system"), url };
    await using trusted = await openDatabase({
      ...options,
      caFile,
      certFile,
      keyFile,
    });
    await eventually("the proxy to answer", () => trusted.ping());
    const rows = await trusted.query(sql`SELECT currentUser() AS name`);
    assert.deepEqual(rows, [{ name: "ja4" }]);
    await trusted.command(sql`CREATE DATABASE ja4`);
    await trusted.command(
      sql`CREATE TABLE ja4.t (a String) ENGINE = MergeTree ORDER BY a`,
    );
    const text = "x".repeat(1_000_000);
    await trusted.insert(
      "ja4.t",
      [{ name: "a", type: "String", data: [text] }],
      1,
    );
    assert.deepEqual(
      await trusted.query(sql`SELECT toUInt32(length(a)) AS n FROM ja4.t`),
      [{ n: text.length }],
    );

    await using untrusted = await openDatabase(options);
    await assert.rejects(
      untrusted.query(sql`SELECT 1`),
      (thrown) =>
        thrown instanceof DatabaseError && thrown.retry === "retry" &&
        /certificate/i.test(thrown.message),
    );
    await using anonymous = await openDatabase({ ...options, caFile });
    await assert.rejects(anonymous.query(sql`SELECT 1`), DatabaseError);
    const gone = { ...options, caFile: `${folder.path}/absent.pem` };
    await assert.rejects(
      openDatabase(gone),
      (thrown) =>
        thrown instanceof FatalError && thrown.exit === "noInput" &&
        /Cannot read the certificate or key ".*absent\.pem"/.test(
          thrown.message,
        ),
    );
    await assert.rejects(openDatabase({ ...options, certFile }), /go together/);
    const wrong = { ...options, certFile: keyFile, keyFile: certFile };
    await assert.rejects(openDatabase(wrong), /Cannot use the certificates/);
  },
);

Deno.test("a database on a UNIX socket is reached through it", async () => {
  await using store = await startStore({ migrate: false });
  await using folder = await temporaryFolder();
  const socket = `${folder.path}/clickhouse.socket`;
  const options = {
    ...store.options("ja4", "system"),
    url: "http://database.invalid",
    socket,
  };
  await using database = await openDatabase(options);
  assert(!(await database.ping()));
  using _bridge = forward(socket, store.port);
  assert.deepEqual(
    await database.query(sql`SELECT currentUser() AS name, ${"é'"} AS text`),
    [{ name: "ja4", text: "é'" }],
  );
});

Deno.test("a query of the reader has limits of its own, and ends when nobody waits", async () => {
  await using store = await startStore({ migrate: false });
  await using reader = await openDatabase(store.options("web", "system"), {
    resultRowsMax: 1000,
    queryMemoryBytesMax: 50_000_000,
  });
  const code = async (statement: ReturnType<typeof sql>): Promise<number> => {
    try {
      await reader.query(statement);
    } catch (thrown) {
      assert(thrown instanceof DatabaseError, String(thrown));
      return thrown.code ?? 0;
    }
    return 0;
  };
  assert.equal(await code(sql`SELECT number FROM numbers(1000)`), 0);
  assert.equal(await code(sql`SELECT number FROM numbers(1001)`), 396);
  assert.equal(
    await code(sql`SELECT uniqExact(number) AS n FROM numbers(10000000)`),
    241,
  );
  assert.equal(await code(sql`CREATE DATABASE other`), 497);
  // The server's own limits hold for a client that sets none, and cannot be lifted by one that is let write.
  await using plain = await store.database("web", "system");
  const [limits] = await plain.query<{ rows: string; time: string }>(sql`
    SELECT getSetting('max_result_rows') AS rows, toString(getSetting('max_rows_to_read')) AS time`);
  assert.equal(String(limits?.rows), "1000000");
  assert.equal(limits?.time, "2000000000");
  const started = performance.now();
  await assert.rejects(
    reader.query(
      sql`SELECT sleepEachRow(0.5) FROM numbers(100) SETTINGS max_block_size = 1`,
      {
        timeoutMs: 1000,
      },
    ),
    (thrown) => thrown instanceof DatabaseError && thrown.retry === "retry",
  );
  assert(performance.now() - started < 10_000);
  await using admin = await store.database("ja4", "system");
  await eventually(
    "the query to end on the server",
    async () =>
      (await admin.query(
        sql`SELECT 1 FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'`,
      )).length === 0,
  );
});
