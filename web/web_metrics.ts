import {
  Counter,
  createRegistry,
  Gauge,
  Histogram,
  type Registry,
} from "../lib/metrics.ts";

/** Counters of the dashboard, for Prometheus. */
export class WebMetrics {
  readonly registry: Registry = createRegistry("web");
  readonly #requests = new Counter({
    name: "web_requests_total",
    help: "Requests answered, by route pattern, method and status",
    labelNames: ["route", "method", "status"],
    registers: [this.registry],
  });
  readonly #durations = new Histogram({
    name: "web_request_duration_seconds",
    help: "From the first middleware to the head of the answer",
    labelNames: ["route"],
    buckets: [0.005, 0.01, 0.025, 0.06, 0.15, 0.4, 1, 3, 10],
    registers: [this.registry],
  });
  readonly logins: Counter<"outcome"> = new Counter({
    name: "web_logins_total",
    help: "Attempts to log in, by outcome",
    labelNames: ["outcome"],
    registers: [this.registry],
  });
  readonly streams: Gauge = new Gauge({
    name: "web_event_streams",
    help: "Browsers that follow the live numbers now",
    registers: [this.registry],
  });
  readonly pollFailures: Counter = new Counter({
    name: "web_live_poll_failures_total",
    help: "Times the live numbers could not be read from the database",
    registers: [this.registry],
  });

  /** Counts one answered request; a path without a route is one label, whatever it was. */
  observe(
    request: {
      readonly route: string | null;
      readonly method: string;
      readonly status: number;
      /** Seconds. */
      readonly seconds: number;
    },
  ): void {
    const route = request.route ?? "none";
    const method = METHODS.has(request.method) ? request.method : "other";
    this.#requests.inc({ route, method, status: request.status });
    this.#durations.observe({ route }, request.seconds);
  }
}

/** A method is the client's word: any other than these would be a label of its own choosing. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
