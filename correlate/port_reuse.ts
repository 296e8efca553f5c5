/**
 * Connections of clients that use few ports again and again, as events in the order in which they
 * would arrive, with losses and delays; each event knows its connection, so that a wrong match can
 * be told from a right one. For tests and measurements, not used in production.
 *
 * @module
 */
import type { HandshakeEvent, RequestEvent } from "../lib/events.ts";
import { Join } from "./join.ts";
import type { JoinOptions } from "./join_options.ts";
import { at, handshake, request, START_US, testOptions } from "./testing.ts";

/** How the traffic is made. Durations are milliseconds. */
export interface PortReuse {
  readonly connections: number;
  readonly clients: number;
  readonly portsPerClient: number;
  /** Longest pause between the end of a connection and the next one on its port. */
  readonly pauseMaxMs: number;
  /** Shortest such pause. */
  readonly pauseMinMs: number;
  readonly requestsMax: number;
  /** Share of the ClientHellos that no sensor saw, and of the requests that never came. */
  readonly helloLoss: number;
  readonly requestLoss: number;
  /** An event arrives so much later than it happened, at most. */
  readonly delayMaxMs: number;
  /** How far before the accept a ClientHello is captured, at most: Linux accepts once data is there. */
  readonly acceptDelayMaxMs: number;
  /** Longest request. */
  readonly durationMaxMs: number;
  /** Whether requests carry `conn` and `conn_ts`, as those of the Apache module do. */
  readonly hasConn: boolean;
}

/** What came of it. */
export interface PortReuseResult {
  readonly requests: number;
  /** Requests whose hello was captured. */
  readonly matchable: number;
  /** Joined with the hello of their own connection. */
  readonly right: number;
  /** Joined with the hello of another connection. */
  readonly wrong: number;
}

interface Arrival {
  readonly ms: number;
  readonly event: HandshakeEvent | RequestEvent;
}

/** Runs such traffic through a join. `random` gives 0 <= n < 1. */
export function runPortReuse(
  traffic: PortReuse,
  random: () => number,
  options: Partial<JoinOptions> = {},
): PortReuseResult {
  const { arrivals, captured } = generate(traffic, random);
  let right = 0;
  let wrong = 0;
  const join = new Join(
    testOptions({ maxTls: 65_536, maxPendingHttp: 65_536, ...options }),
    (joined) => {
      if (joined.match !== "conn" && joined.match !== "window") return;
      const own = joined.request.url_path;
      if (JSON.parse(`{${joined.handshake.facts}}`).sni === own) right++;
      else wrong++;
    },
  );
  let requests = 0;
  let matchable = 0;
  for (const { ms, event } of arrivals) {
    join.advance(ms, START_US + ms * 1000);
    if (event.event_type === "handshake") join.handshake(event, 600);
    else {
      requests++;
      if (captured.has(event.url_path)) matchable++;
      join.request(event);
    }
  }
  join.finish();
  return { requests, matchable, right, wrong };
}

/** A generator of numbers 0 <= n < 1 with a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

function generate(
  traffic: PortReuse,
  random: () => number,
): { arrivals: Arrival[]; captured: Set<string> } {
  const arrivals: Arrival[] = [];
  const captured = new Set<string>();
  const freeMs = new Map<string, number>();
  const arrive = (ms: number, event: Arrival["event"]): void => {
    arrivals.push({ ms: ms + random() * traffic.delayMaxMs, event });
  };
  for (let conn = 1; conn <= traffic.connections; conn++) {
    const client = Math.floor(random() * traffic.clients);
    const port = 1024 + Math.floor(random() * traffic.portsPerClient);
    const key = `${client} ${port}`;
    const place = {
      src_ip: `10.0.${client >> 8}.${client & 255}`,
      src_port: port,
    };
    const pause = traffic.pauseMinMs +
      random() * (traffic.pauseMaxMs - traffic.pauseMinMs);
    const helloMs = (freeMs.get(key) ?? 0) + pause;
    const acceptMs = helloMs + random() * traffic.acceptDelayMaxMs;
    const name = `c${conn}`;
    if (random() >= traffic.helloLoss) {
      captured.add(name);
      arrive(
        helloMs,
        handshake({
          ...{ ...place, ts: at(helloMs), sni: name },
          client_random_hash: name,
        }),
      );
    }
    let ms = acceptMs + 1 + random() * 5;
    const count = 1 + Math.floor(random() * traffic.requestsMax);
    for (let req_idx = 0; req_idx < count; req_idx++) {
      const durationMs = random() * traffic.durationMaxMs;
      if (random() >= traffic.requestLoss) {
        const numbers = traffic.hasConn
          ? { conn, conn_ts: at(acceptMs), req_idx }
          : {};
        arrive(
          ms + durationMs,
          request({
            ...{ ...place, ...numbers, ts: at(ms), url_path: name },
            duration_us: Math.round(durationMs * 1000),
          }),
        );
      }
      ms += durationMs + random() * 50;
    }
    freeMs.set(key, ms);
  }
  let seq = 0;
  const numbered = arrivals.sort((a, b) => a.ms - b.ms).map((
    { ms, event },
  ) => ({
    ms,
    event: event.event_type === "handshake" ? { ...event, seq: ++seq } : event,
  }));
  return { arrivals: numbered, captured };
}
