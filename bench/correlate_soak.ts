/**
 * The correlator under a steady load: handshakes and requests in pairs through real sockets, joined
 * and written as text. Every ten seconds what it holds in memory, at the end one JSON line: events a
 * second, events lost, memory in the second minute and in the last.
 *
 *     deno task soak [EVENTS_PER_SECOND] [SECONDS]      (default: 50000 for 600)
 *
 * @module
 */
import { eventually, temporaryFolder } from "../lib/testing.ts";
import { correlateIn, correlateTools } from "../tests/correlate_process.ts";

const rate = Number(Deno.args[0] ?? 50_000);
const seconds = Number(Deno.args[1] ?? 600);
const pairs = Math.round(rate * seconds / 2);

await using folder = await temporaryFolder();
const tools = await correlateTools(folder.path);
await using correlate = await correlateIn(folder.path, {
  spool: { enabled: false },
  file: { enabled: true, path: "/dev/null" },
});
await correlate.start();
const startedMs = performance.now();
const sender = new Deno.Command(tools, {
  args: [
    ...["send", correlate.http, correlate.network, "1"],
    ...[String(pairs), String(rate / 2), "wait"],
  ],
  stdout: "piped",
}).spawn();
const memory: number[] = [];
let running = true;
const ended = sender.output().finally(() => running = false);
while (running) {
  await Promise.race([
    ended,
    new Promise((resolve) => setTimeout(resolve, 10_000)),
  ]);
  const text = await Deno.readTextFile(`/proc/${correlate.pid}/status`);
  memory.push(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024);
  const matched = await correlate.metric(
    'correlate_join_matched_total{match="conn"}',
  );
  const second = Math.round((performance.now() - startedMs) / 1000);
  print({ second, matched, resident_mib: Math.round(memory.at(-1) ?? 0) });
}
const { stdout } = await ended;
const sentMs = performance.now() - startedMs;
const sent = Number(/sent (\d+)/.exec(new TextDecoder().decode(stdout))?.[1]);
const cpu = await Deno.readTextFile(`/proc/${correlate.pid}/stat`);
const ticks = cpu.slice(cpu.lastIndexOf(")") + 2).split(" ");
const cpuUs = (Number(ticks[11]) + Number(ticks[12])) * 10_000 / (2 * sent);
/** Requests that are accounted for: rows, with or without their handshake. */
async function rows(): Promise<{ matched: number; all: number }> {
  const matched = await correlate.metric(
    'correlate_join_matched_total{match="conn"}',
  );
  const orphans = await Promise.all(
    ["no_hello", "capture_down", "tls_evicted", "late"].map((reason) =>
      correlate.metric(`correlate_join_orphans_total{reason="${reason}"}`)
    ),
  );
  return { matched, all: orphans.reduce((sum, n) => sum + n, matched) };
}
await eventually("the last rows", async () => {
  return await correlate.metric('correlate_events_held{source="http"}') === 0 &&
    await correlate.metric("correlate_ring_bytes") === 0;
}, 60_000);
const { matched, all } = await rows();
const lines = await correlate.metric(
  'correlate_rows_dropped_total{reason="sink"}',
);
print({
  name: "correlate_soak",
  value: Math.round(2 * sent / sentMs * 1000),
  unit: "events/s",
  baseline: rate,
  ratio: Number((2 * sent / sentMs * 1000 / rate).toFixed(3)),
  command: `deno task soak ${rate} ${seconds}`,
  ...{ seconds, sent: 2 * sent },
  ...{ requests_lost: sent - all, lines_lost: lines, unmatched: all - matched },
  cpu_us_per_event: Number(cpuUs.toFixed(2)),
  resident_mib_early: Math.round(memory[Math.min(11, memory.length >> 1)] ?? 0),
  resident_mib_late: Math.round(memory.at(-1) ?? 0),
});
await correlate.stop();

function print(line: unknown): void {
  // deno-lint-ignore no-console -- the lines are the result
  console.log(JSON.stringify(line));
}
