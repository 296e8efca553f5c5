/**
 * How often a request is joined with the handshake of another connection: generated clients that use
 * few ports again and again, a share of their ClientHellos unseen, events late by up to a second.
 * With the accept time of the connection, and by the window alone. One JSON line each.
 *
 *     deno task bench join_accuracy
 *
 * @module
 */
import {
  type PortReuse,
  randomOf,
  runPortReuse,
} from "../correlate/port_reuse.ts";

const CONNECTIONS = 40_000;
const BASE: Omit<PortReuse, "hasConn" | "pauseMinMs" | "pauseMaxMs"> = {
  connections: CONNECTIONS,
  clients: 40,
  portsPerClient: 50,
  requestsMax: 5,
  helloLoss: 0.05,
  requestLoss: 0.02,
  delayMaxMs: 900,
  acceptDelayMaxMs: 100,
  durationMaxMs: 500,
};
/** Pauses between two connections of a port, milliseconds: RFC 9293 asks for minutes, loopback and proxies take less. */
const PAUSES: readonly (readonly [number, number])[] = [
  [0, 1000],
  [1000, 2000],
  [2000, 60_000],
  [60_000, 300_000],
  [300_000, 900_000],
];

for (const [pauseMinMs, pauseMaxMs] of PAUSES) {
  for (const hasConn of [true, false]) {
    const { requests, matchable, right, wrong } = runPortReuse(
      { ...BASE, pauseMinMs, pauseMaxMs, hasConn },
      randomOf(1),
      { captureTimeoutMs: Infinity },
    );
    // deno-lint-ignore no-console -- the lines are the result
    console.log(JSON.stringify({
      name: hasConn ? "join_false_by_conn" : "join_false_by_window",
      value: Number((wrong / requests).toPrecision(3)),
      unit: "of requests",
      baseline: BASE.helloLoss,
      ratio: Number((right / matchable).toFixed(4)),
      command: "deno task bench join_accuracy",
      pause_s: [pauseMinMs / 1000, pauseMaxMs / 1000],
      ...{ requests, matchable, right, wrong },
    }));
  }
}
