/**
 * Writes generated traffic to files, or sends it to a running correlator.
 *
 *     deno run -A tools/traffic/main.ts --seed 1 --hours 24 --end 2026-11-02T00:00:00Z --events 120000 --out DIR
 *     deno run -A tools/traffic/main.ts --seed 1 --hours 0.5 --events 3000 --replay --network PATH --http PATH
 *
 * @module
 */
import * as v from "valibot";
import { FatalError, messageOf } from "../../lib/errors.ts";
import type { UnixMicros } from "../../lib/events.ts";
import { main, type Program } from "../../lib/program.ts";
import { generateTraffic } from "./generate.ts";
import { writeLines } from "./join.ts";
import { replay } from "./replay.ts";

const schema = v.strictObject({});

/** The generator as a program. */
export const program: Program<typeof schema> = {
  name: "traffic",
  summary: "Generates labelled traffic: people, verified bots and bad bots.",
  help: `  --seed S       equal options give equal events (default 1)
  --hours H      length of the run (default 24)
  --end ISO      time of the last event (default: now)
  --events N     about how many requests (default 120000)
  --out DIR      write handshakes.ndjson, requests.ndjson and labels.ndjson there
  --replay       send the events to a correlator instead
  --network PATH its stream socket (default /run/ja4/network.socket)
  --http PATH    its datagram socket (default /run/ja4/http.socket)
  --rate R       events a second in a replay (default 1000)`,
  schema,
  options: {
    seed: { type: "string" },
    hours: { type: "string" },
    end: { type: "string" },
    events: { type: "string" },
    out: { type: "string" },
    replay: { type: "boolean" },
    network: { type: "string" },
    http: { type: "string" },
    rate: { type: "string" },
  },
  async run({ options, signal }) {
    const text = (name: string) => options[name] as string | undefined;
    const end = Date.parse(text("end") ?? new Date().toISOString());
    if (Number.isNaN(end)) {
      throw new FatalError("usage", `Cannot use --end "${text("end")}"`);
    }
    const traffic = generateTraffic({
      seed: number("seed", text("seed") ?? "1"),
      hours: number("hours", text("hours") ?? "24"),
      events: number("events", text("events") ?? "120000"),
      end: end * 1000 as UnixMicros,
    });
    if (options["replay"] === true) {
      return await replay(traffic, {
        network: text("network") ?? "/run/ja4/network.socket",
        http: text("http") ?? "/run/ja4/http.socket",
        rate: number("rate", text("rate") ?? "1000"),
        signal,
      });
    }
    const folder = text("out");
    if (folder === undefined) {
      throw new FatalError("usage", "Expected --out DIR or --replay");
    }
    try {
      await Deno.mkdir(folder, { recursive: true });
      await writeLines(`${folder}/handshakes.ndjson`, traffic.handshakes);
      await writeLines(`${folder}/requests.ndjson`, traffic.requests);
      await writeLines(`${folder}/labels.ndjson`, traffic.labels);
    } catch (thrown) {
      throw new FatalError(
        "noPermission",
        `Cannot write to "${folder}": ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
  },
};

function number(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new FatalError(
    "usage",
    `Cannot use --${name} "${text}": expected a number above 0`,
  );
}

if (import.meta.main) await main(program);
