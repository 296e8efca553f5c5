/**
 * Prometheus metrics and the three operational endpoints of every daemon: `/metrics`, `/healthz`
 * (the process turns), `/readyz` (what it depends on is there).
 *
 * Names: `<component>_<noun>_<unit>_total`; per stage received = emitted + discarded + held.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { splitAddress } from "./config.ts";
import { FatalError, messageOf } from "./errors.ts";
import { VERSION } from "./version.ts";

export { Counter, Gauge, Histogram, Registry };

/** A registry that already says which version runs. */
export function createRegistry(component: string): Registry {
  const registry = new Registry();
  new Gauge({
    name: "ja4_build_info",
    help: "Always 1; the labels say what runs",
    labelNames: ["component", "version"],
    registers: [registry],
  }).set({ component, version: VERSION }, 1);
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process",
    registers: [registry],
    collect(): void {
      this.set(Deno.memoryUsage().rss);
    },
  });
  return registry;
}

/** Options of {@linkcode serveHealth}. */
export interface HealthOptions {
  /** `address:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly registry: Registry;
  /** Empty when ready, else why not, one sentence each. */
  readonly notReady: () => readonly string[] | Promise<readonly string[]>;
  readonly signal: AbortSignal;
}

/**
 * Serves the endpoints until `signal` aborts. Returns the bound port and when it has closed.
 *
 * @throws {FatalError} `unavailable` if the address cannot be bound.
 */
export function serveHealth(
  options: HealthOptions,
): { port: number; finished: Promise<void> } {
  const { hostname, port } = splitAddress(options.listen);
  try {
    const server = Deno.serve(
      { hostname, port, signal: options.signal, onListen: () => {} },
      (request) => respond(request, options),
    );
    return { port: server.addr.port, finished: server.finished };
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot listen on ${options.listen}: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

async function respond(
  request: Request,
  options: HealthOptions,
): Promise<Response> {
  switch (new URL(request.url).pathname) {
    case "/metrics":
      return new Response(await options.registry.metrics(), {
        headers: { "content-type": options.registry.contentType },
      });
    case "/healthz":
      return new Response("ok\n");
    case "/readyz": {
      const reasons = await options.notReady();
      return reasons.length === 0
        ? new Response("ready\n")
        : new Response(reasons.join("\n") + "\n", { status: 503 });
    }
    default:
      return new Response("not found\n", { status: 404 });
  }
}
