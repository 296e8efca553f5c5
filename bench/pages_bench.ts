/**
 * How long the server takes for a page, on a generated day in a store of its own: GETs one after
 * another through the whole application, without a network. `cpu` is what the store and the dashboard
 * compute for one of them, which does not depend on how busy the machine is; `ratio` compares the median with that of
 * `SELECT 1`, so that figures of different machines can be laid side by side. Last, fifty readers at once, each
 * of whom opens a page every few seconds.
 *
 *     deno run -A bench/pages_bench.ts
 *
 * @module
 */
import type { UnixMicros } from "../lib/events.ts";
import { invariant } from "../lib/invariant.ts";
import { sql } from "../lib/sql.ts";
import { cpuMs, quantile, timesOf } from "../tests/support/page_meter.ts";
import { seedTraffic } from "../tests/support/seed.ts";
import { startStore } from "../tests/support/store.ts";
import { startWeb } from "../tests/support/web.ts";

const EVENTS = 20_000;
/** Of each page: the 95th percentile leaves out the three slowest. */
const ROUNDS = 60;
/** People who read at the same time, how often each opens a page, and for how long. */
const READERS = { count: 50, everyMs: 5000, pages: 4 } as const;
const COMMAND = "deno run -A bench/pages_bench.ts";

/** Sorted times of pages that {@linkcode READERS} open, milliseconds; what is late does not hold up the next. */
async function readersTimes(
  open: (page: string) => Promise<void>,
  pages: readonly string[],
): Promise<number[]> {
  const { count, everyMs, pages: each } = READERS;
  const times: number[] = [];
  const readers = Array.from({ length: count }, async (_, reader) => {
    await new Promise((resolve) =>
      setTimeout(resolve, everyMs * reader / count)
    );
    const opened = Array.from({ length: each }, async (_, nth) => {
      await new Promise((resolve) => setTimeout(resolve, nth * everyMs));
      const started = performance.now();
      await open(pages[(reader + nth) % pages.length] ?? "/");
      times.push(performance.now() - started);
    });
    await Promise.all(opened);
  });
  await Promise.all(readers);
  return times.sort((a, b) => a - b);
}

if (import.meta.main) {
  await using store = await startStore();
  await using web = await startWeb(store);
  await using db = await store.database("ja4");
  await seedTraffic(db, {
    hours: 24,
    events: EVENTS,
    end: Date.now() * 1000 as UnixMicros,
  });
  const [worst] = await db.query<
    { id: string; src_ip: string; ja4: string; http_host: string }
  >(
    sql`SELECT id, replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, ja4, http_host FROM detections FINAL
      WHERE ja4 != '' ORDER BY severity DESC, score DESC LIMIT 1`,
  );
  invariant(worst !== undefined, "the generated day has no detection");
  const base = quantile(
    await timesOf(ROUNDS, () => web.db.query(sql`SELECT 1`)),
    0.5,
  );
  const cookie = await web.signIn("analyst");
  const pages = [
    "/?from=-24h",
    "/detections",
    `/detections/${worst.id}`,
    `/ip/${worst.src_ip}?from=-24h`,
    `/ja4/${worst.ja4}?from=-24h`,
    "/asn/64501?from=-24h",
    "/country/DE?from=-24h",
    `/hosts/${worst.http_host}?from=-24h`,
    "/health",
  ];
  const open = async (page: string): Promise<void> => {
    const answer = await web.fetch(page, { headers: { cookie } });
    invariant(answer.status === 200, `${page} answered ${answer.status}`);
    await answer.bytes();
  };
  for (const page of pages) {
    const cpuBefore = await cpuMs(store);
    const times = await timesOf(ROUNDS, () => open(page));
    const cpu = (await cpuMs(store) - cpuBefore) / (ROUNDS + 1);
    const p50 = quantile(times, 0.5);
    // deno-lint-ignore no-console -- the result is what this program is for
    console.log(JSON.stringify({
      name: `page ${
        page.replace(/\?.*/, "").replace(
          /(?<=\/(?:detections|ip|ja4|asn|country|hosts)\/).*/,
          "…",
        )
      }`,
      value: Number(p50.toFixed(1)),
      p95: Number(quantile(times, 0.95).toFixed(1)),
      cpu: Number(cpu.toFixed(0)),
      unit: "ms",
      baseline: Number(base.toFixed(2)),
      ratio: Number((p50 / base).toFixed(1)),
      command: COMMAND,
    }));
  }
  const times = await readersTimes(open, pages);
  // deno-lint-ignore no-console -- the result is what this program is for
  console.log(JSON.stringify({
    name: `${READERS.count} readers, a page in ${
      READERS.everyMs / 1000
    } s each`,
    value: Number(quantile(times, 0.5).toFixed(1)),
    p95: Number(quantile(times, 0.95).toFixed(1)),
    unit: "ms",
    pages: times.length,
    command: COMMAND,
  }));
}
