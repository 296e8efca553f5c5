/**
 * How long it takes from a client's start to its request in an open page: a whole pipeline as `task demo`
 * runs it, without generated traffic; curl opens a TLS connection of its own for each request, and a
 * stream of server-sent events reports it, joined with its handshake. `baseline` is curl's own time from
 * start to end.
 *
 *     deno task bench end_to_end
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";
import { eventually } from "../lib/testing.ts";
import { RunningDemo } from "../tests/support/demo.ts";
import { SITE_HOST } from "../tools/demo/httpd.ts";
import type { LiveBatch } from "../web/live.ts";

const COMMAND = "deno task bench end_to_end";
const REQUESTS = 200;
/** Pause between two requests, milliseconds: no multiple of the intervals at which parts wake up. */
const PAUSE_MS = 137;
const ADDRESS = "127.0.0.77";

/** When a path was first shown, `performance.now()`, of those that have their handshake. */
const shownMs = new Map<string, number>();

/** The Cookie header of a session that the demonstration's login link opens. */
async function logIn(demo: RunningDemo): Promise<string> {
  const token = new URL(demo.loginUrl ?? "").searchParams.get("token") ?? "";
  const response = await fetch(`${demo.base}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: demo.base },
    body: new URLSearchParams({ token, next: "/" }),
  });
  await response.body?.cancel();
  const [cookie = ""] = response.headers.getSetCookie();
  invariant(response.status === 303 && cookie !== "", "nobody was let in");
  return cookie.split(";")[0] ?? "";
}

/** Notes when each request comes, until `signal` aborts. */
async function follow(
  demo: RunningDemo,
  cookie: string,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(`${demo.base}/api/v1/events?requests=1`, {
    headers: { cookie },
    signal,
  });
  invariant(response.ok && response.body !== null, "the stream is refused");
  let held = "";
  try {
    for await (
      const text of response.body.pipeThrough(new TextDecoderStream())
    ) {
      const atMs = performance.now();
      const events = (held + text).split("\n\n");
      held = events.pop() ?? "";
      for (const event of events) {
        if (!/^event: requests$/m.test(event)) continue;
        const data = /^data: (.*)$/m.exec(event)?.[1] ?? "";
        const { rows } = JSON.parse(data) as LiveBatch;
        for (const { url_path, match } of rows) {
          if (match === "conn") shownMs.set(url_path, atMs);
        }
      }
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

/** One request over a connection of its own; returns its start and its length, milliseconds. */
async function request(
  demo: RunningDemo,
  path: string,
): Promise<{ startMs: number; tookMs: number }> {
  const startMs = performance.now();
  const { success } = await new Deno.Command("curl", {
    args: [
      ...["--silent", "--insecure", "--output", "/dev/null"],
      ...["--interface", ADDRESS],
      ...["--resolve", `${SITE_HOST}:${demo.httpsPort}:127.0.0.1`],
      `https://${SITE_HOST}:${demo.httpsPort}${path}`,
    ],
  }).output();
  invariant(success, "curl got no answer");
  return { startMs, tookMs: performance.now() - startMs };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, sorted.length * share | 0)] ?? NaN;
}

if (import.meta.main) {
  await using demo = await RunningDemo.start(["--no-replay"]);
  const following = new AbortController();
  const stream = follow(demo, await logIn(demo), following.signal);
  // The first ones find out when everything runs.
  await eventually("the first request", async () => {
    await request(demo, "/first");
    return shownMs.has("/first");
  }, 60_000);
  const delays: number[] = [];
  const clients: number[] = [];
  const started = new Map<string, number>();
  for (let n = 0; n < REQUESTS; n++) {
    const path = `/bench-${n}`;
    const { startMs, tookMs } = await request(demo, path);
    started.set(path, startMs);
    clients.push(tookMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await eventually(
    "every request with its handshake",
    () => [...started.keys()].every((path) => shownMs.has(path)),
    30_000,
  );
  for (const [path, startMs] of started) {
    delays.push((shownMs.get(path) ?? NaN) - startMs);
  }
  following.abort();
  await stream;
  for (const [name, share] of [["p50", 0.5], ["p99", 0.99]] as const) {
    const value = quantile(delays, share);
    const baseline = quantile(clients, share);
    // deno-lint-ignore no-console -- the result of a benchmark
    console.log(JSON.stringify({
      name: `client_to_page_${name}`,
      value: Math.round(value),
      unit: "ms",
      baseline: Math.round(baseline),
      ratio: Number((value / baseline).toFixed(1)),
      command: COMMAND,
    }));
  }
}
