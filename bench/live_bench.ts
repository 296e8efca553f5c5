/**
 * Live capture under load (`deno task bench live`, as root): 100,000 packets a second for a
 * minute from a network namespace over a veth pair, with 1,000 post-quantum handshakes a second
 * among them, in the ways in which a sensor can be loaded. The value is the share of one core that
 * the daemon takes; a run in which a packet is dropped or a handshake is missed fails.
 *
 *     deno run -A bench/live_bench.ts [SECONDS] [PACKETS_PER_SECOND]
 *
 * @module
 */
import { hasNetworks } from "../tests/support/network.ts";
import { liveLoad, type LoadOptions } from "../tests/support/live_load.ts";

const SECONDS = 60;
const PACKETS_PER_SECOND = 100_000;

/** What is loaded, and how. */
const LOADS: readonly (Pick<LoadOptions, "others" | "settings"> & {
  readonly name: string;
})[] = [
  { name: "live_capture_cpu_share", others: "requests" },
  { name: "live_capture_cpu_share_uploads", others: "uploads" },
  { name: "live_capture_cpu_share_half_open", others: "half_open" },
  {
    name: "live_capture_cpu_share_uploads_2_workers",
    others: "uploads",
    settings: "workers = 2",
  },
];

if (import.meta.main) {
  if (!await hasNetworks()) {
    // deno-lint-ignore no-console -- why there is no result
    console.error("bench live: needs root and network namespaces");
    Deno.exit(77);
  }
  const [seconds = SECONDS, packetsPerSecond = PACKETS_PER_SECOND] = Deno.args
    .map(Number);
  for (const { name, ...load } of LOADS) {
    const { cpu, ...result } = await liveLoad({
      ...load,
      seconds,
      packetsPerSecond,
    });
    const lost = result.kernelDrops + result.interfaceDrops +
      result.handshakesSent - result.handshakesComplete;
    // deno-lint-ignore no-console -- the result of a benchmark
    console.log(JSON.stringify({
      name,
      value: cpu,
      unit: "of one core",
      ...result,
      command: "deno run -A bench/live_bench.ts",
    }));
    if (lost !== 0) Deno.exitCode = 1;
  }
}
