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
    name: "process_start_time_seconds",
    help: "When the process began, seconds since the epoch",
    registers: [registry],
  }).set(performance.timeOrigin / 1000);
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
  /** `address:port`, where port 0 takes a free one, or `unix:/path`. */
  readonly listen: string;
  /** A registry, or what answers like one. */
  readonly registry: {
    metrics(): Promise<string>;
    readonly contentType: string;
  };
  /** Empty when ready, else why not, one sentence each. */
  readonly notReady: () => readonly string[] | Promise<readonly string[]>;
  /** What a part does when it is asked by POST, by path; the answer is its text. */
  readonly actions?: Readonly<Record<string, () => Promise<string>>>;
  readonly signal: AbortSignal;
}

/**
 * Serves the endpoints until `signal` aborts. Returns the bound port (0 for a socket) and when it has
 * closed. Who may connect to a socket is who may write to its folder and file: mode 0660.
 *
 * @throws {FatalError} `unavailable` if the address cannot be bound.
 */
export function serveHealth(
  options: HealthOptions,
): { port: number; finished: Promise<void> } {
  const { listen, signal } = options;
  const answer = (request: Request): Promise<Response> =>
    respond(request, options);
  try {
    if (listen.startsWith(UNIX)) {
      return { port: 0, finished: serveSocket(listen, signal, answer) };
    }
    const { hostname, port } = splitAddress(listen);
    const server = Deno.serve(
      { hostname, port, signal, onListen: () => {} },
      answer,
    );
    return { port: server.addr.port, finished: server.finished };
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot listen on ${listen}: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** What an address of a socket begins with. */
const UNIX = "unix:";

function serveSocket(
  listen: string,
  signal: AbortSignal,
  answer: (request: Request) => Promise<Response>,
): Promise<void> {
  const path = listen.slice(UNIX.length);
  // What a run that was killed has left; a living one holds the part's other addresses.
  removeFile(path);
  const server = Deno.serve({ path, signal, onListen: () => {} }, answer);
  Deno.chmodSync(path, 0o660);
  return server.finished.then(() => removeFile(path));
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

/**
 * Asks an endpoint of {@linkcode serveHealth} at the same kind of address.
 *
 * @throws {Error} if nobody answers within 2 s.
 */
export async function askHealth(
  listen: string,
  endpoint: "/healthz" | "/readyz" | "/metrics",
): Promise<{ ok: boolean; text: string }> {
  const signal = AbortSignal.timeout(2000);
  using client = listen.startsWith(UNIX)
    ? Deno.createHttpClient({
      proxy: { transport: "unix", path: listen.slice(UNIX.length) },
    })
    : undefined;
  const response = await fetch(
    `http://${client === undefined ? listen : LOOPBACK}${endpoint}`,
    { signal, redirect: "manual", ...client === undefined ? {} : { client } },
  );
  return { ok: response.ok, text: await response.text() };
}

/** The host that a request over a socket names: its own permission of the net has to cover it. */
const LOOPBACK = "127.0.0.1";

async function respond(
  request: Request,
  options: HealthOptions,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  const action = options.actions?.[pathname];
  if (action !== undefined) return await act(request, action);
  switch (pathname) {
    case "/metrics":
      return new Response(await options.registry.metrics(), {
        headers: { "content-type": options.registry.contentType },
      });
    case "/health":
    case "/healthz":
      return new Response("ok\n");
    case "/ready":
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

/** A page of another site cannot cause it: browsers say where a POST comes from. */
async function act(
  request: Request,
  action: () => Promise<string>,
): Promise<Response> {
  if (request.method !== "POST") {
    return new Response("expected POST\n", {
      status: 405,
      headers: { allow: "POST" },
    });
  }
  if (request.headers.has("origin") || request.headers.has("sec-fetch-site")) {
    return new Response("not from a browser\n", { status: 403 });
  }
  try {
    return new Response(`${await action()}\n`);
  } catch (thrown) {
    return new Response(`${messageOf(thrown)}\n`, { status: 503 });
  }
}
