/** Runs a join through a list of steps, for its tests. Not used in production. @module */
import assert from "node:assert/strict";
import type { Hello } from "./hello.ts";
import { Join } from "./join.ts";
import type { Joined, JoinOptions } from "./join_options.ts";
import {
  at,
  connectionEnd,
  handshake,
  request,
  START_US,
  testOptions,
} from "./testing.ts";

/** What happens at `ms`: an event with its name, or time passing. Event times default to `ms`. */
export type Step = readonly [
  ms: number,
  what: "hello" | "request" | "end" | "stats" | "time" | "shutdown",
  name?: string,
  changes?: Record<string, unknown>,
];

/**
 * Runs the steps; a row is `request=hello conn`, `request=reason` or `hello alone`. Requests and
 * hellos carry their name as path and sni.
 */
export function run(
  steps: readonly Step[],
  changes: Partial<JoinOptions> = {},
): string[] {
  const rows: string[] = [];
  const join = new Join(
    testOptions(changes),
    (joined) => rows.push(describe(joined)),
  );
  let seq = 0;
  let wallShiftUs = 0;
  join.advance(0, START_US);
  for (const [ms, what, name, { wall_shift_s, ...fields } = {}] of steps) {
    if (typeof wall_shift_s === "number") wallShiftUs = wall_shift_s * 1e6;
    join.advance(ms, START_US + ms * 1000 + wallShiftUs);
    const ts = at(ms) + wallShiftUs;
    switch (what) {
      case "hello":
        // A random of its own for each hello, unless the row says otherwise.
        join.handshake(
          handshake({
            ts,
            sni: name,
            seq: ++seq,
            client_random_hash: `r${seq}`,
            ...fields,
          }),
          600,
        );
        break;
      case "request":
        join.request(request({ ts, url_path: name, ...fields }));
        break;
      case "end":
        join.connectionEnd(connectionEnd({ ts, ...fields }));
        break;
      case "stats":
        join.stats();
        break;
      case "shutdown":
        join.finish("shutdown");
        break;
      case "time":
    }
  }
  checkLaw(join);
  return rows;
}

export function describe(joined: Joined): string {
  if (joined.match === "tls_only") return `${sniOf(joined.handshake)} alone`;
  const path = joined.request.url_path;
  return joined.match === "none"
    ? `${path}=${joined.reason}`
    : `${path}=${sniOf(joined.handshake)} ${joined.match}`;
}

function sniOf({ facts }: Hello): string {
  return JSON.parse(`{${facts}}`).sni;
}

export function sum(counts: object): number {
  return Object.values(counts).reduce(
    (total: number, n: number) => total + n,
    0,
  );
}

/** What came in has left, was discarded for a counted reason, or is still held. */
export function checkLaw(join: Join): void {
  const { requests, matched, orphans, requestsDiscarded } = join.counts;
  assert.equal(
    requests,
    sum(matched) + sum(orphans) + sum(requestsDiscarded) + join.requestsHeld,
  );
}
