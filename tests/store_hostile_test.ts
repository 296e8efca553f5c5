// Hostile clients of the store's port, while good ones work: the good ones must not notice.
// JA4_TEST_HOSTILE_S sets for how long; "deno task test:store" takes ten minutes.
import assert from "node:assert/strict";
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { sql } from "../lib/sql.ts";
import { startStore, type Store } from "./support/store.ts";

const seconds = Number(Deno.env.get("JA4_TEST_HOSTILE_S") ?? 4);
/** What the server may grow by after its first quarter; caches are warm then. */
const GROWTH_MB_MAX = 100;
const STOP_MS_MAX = 3000;
const HEAD =
  "POST /?query=INSERT+INTO+ja4.triage_events+FORMAT+JSONEachRow HTTP/1.1\r\nHost: x\r\n";

/** Writes `bytes` and drops the connection. */
async function send(store: Store, bytes: Uint8Array | string): Promise<void> {
  using connection = await connect(store);
  await connection.write(
    typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
  );
}

/** Asks, and drops the connection in the middle of the answer. */
async function ask(store: Store, request: string): Promise<void> {
  using connection = await connect(store);
  await connection.write(new TextEncoder().encode(request));
  await connection.read(new Uint8Array(65536));
}

/** Memory of the server, megabytes: resident pages that are its own, not the mapped library. */
async function memoryMb({ pid }: Store): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^RssAnon:\s*(\d+)/m.exec(status)?.[1]) / 1024;
}

function connect({ port }: Store): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Runs a statement that must fail, with one of `codes`. */
async function fails(
  database: Database,
  statement: ReturnType<typeof sql>,
  ...codes: number[]
): Promise<void> {
  try {
    await database.command(statement);
  } catch (thrown) {
    assert(
      thrown instanceof DatabaseError && codes.includes(thrown.code ?? 0),
      String(thrown),
    );
    return;
  }
  assert.fail(`${statement.text} did not fail`);
}

Deno.test(`${seconds} s of hostile clients disturb no good one`, async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  const login = btoa(`ja4:${store.passwords.ja4}`);
  const asUser = `Authorization: Basic ${login}\r\n`;
  const hostile: (() => Promise<void>)[] = [
    () => send(store, crypto.getRandomValues(new Uint8Array(300))),
    () => send(store, `GET / HTTP/1.1\r\nX-Long: ${"y".repeat(70_000)}`),
    () =>
      send(
        store,
        `${HEAD}${asUser}Content-Length: 1000000\r\n\r\n${
          '{"note":"x"}\n'.repeat(1000)
        }`,
      ),
    () =>
      send(
        store,
        `${HEAD}${asUser}Transfer-Encoding: chunked\r\n\r\nZZZ\r\n{}`,
      ),
    () =>
      ask(
        store,
        `GET /?query=SELECT+*+FROM+system.numbers HTTP/1.1\r\nHost: x\r\n${asUser}\r\n`,
      ),
    () =>
      ask(
        store,
        "POST /?query=SELECT+1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!\r\n\r\n",
      ),
    () => fails(database, sql`SELECT * FROM absent`, 60),
    () =>
      fails(
        database,
        sql`SELECT throwIf(number = 100000) FROM numbers(200000)`,
        395,
      ),
    () =>
      fails(
        database,
        sql`SELECT count() FROM (SELECT toString(number) AS s FROM numbers(3000000) GROUP BY s)
          SETTINGS max_memory_usage = 20000000`,
        241,
      ),
    async () => {
      const signal = AbortSignal.timeout(50);
      await assert.rejects(database.query(
        sql`SELECT sleepEachRow(0.2) FROM numbers(50) SETTINGS max_block_size = 1`,
        { signal },
      ));
    },
    async () => {
      const connections = await Promise.all(
        Array.from(
          { length: 40 },
          () => connect(store),
        ),
      );
      for (const connection of connections) connection.close();
    },
  ];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  /** Megabytes, once a hundredth of the time. */
  const memory: number[] = [];
  const watch = async (): Promise<void> => {
    while (performance.now() < end) {
      memory.push(await memoryMb(store));
      await new Promise((resolve) => setTimeout(resolve, seconds * 10));
    }
  };
  let attacks = 0;
  let stored = 0;
  const attack = async (first: number): Promise<void> => {
    for (let i = first; performance.now() < end; i++, attacks++) {
      try {
        await hostile[i % hostile.length]?.();
      } catch (thrown) {
        // The server may well cut a hostile connection off before all is sent.
        const cut = thrown instanceof Deno.errors.BrokenPipe ||
          thrown instanceof Deno.errors.ConnectionReset;
        if (!cut) throw thrown;
      }
    }
  };
  const work = async (): Promise<void> => {
    await using good = await store.database("ja4");
    while (performance.now() < end) {
      const id = `D-${stored++}`;
      await good.insertRows("triage_events", [{
        detection_id: id,
        state: "open",
      }]);
      const rows = await good.query<{ state: string }>(
        sql`SELECT state FROM triage_events WHERE detection_id = ${id}`,
      );
      assert.deepEqual(rows, [{ state: "open" }]);
    }
  };
  await Promise.all([
    ...Array.from({ length: 6 }, (_, i) => attack(i)),
    work(),
    work(),
    watch(),
  ]);
  assert(attacks > hostile.length && stored > 0);
  const [count] = await database.query<{ n: number }>(
    sql`SELECT toUInt32(count()) AS n FROM triage_events WHERE detection_id LIKE 'D-%'`,
  );
  assert.equal(count?.n, stored);
  const quarter = Math.ceil(memory.length / 4);
  const early = Math.max(...memory.slice(0, quarter));
  const late = Math.max(...memory.slice(-quarter));
  const stopping = performance.now();
  assert.equal(await store.stop(), 0);
  const stopMs = performance.now() - stopping;
  const figures = {
    seconds,
    attacks,
    good_requests: 2 * stored,
    failed: 0,
    memory_mb_first_quarter: Math.round(early),
    memory_mb_last_quarter: Math.round(late),
    stop_ms: Math.round(stopMs),
  };
  const line = `${JSON.stringify(figures)}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
  assert(stopMs <= STOP_MS_MAX, line);
  // A few seconds are all warming up.
  if (seconds >= 60) assert(late - early < GROWTH_MB_MAX, line);
});
