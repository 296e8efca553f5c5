/**
 * Generated, labelled traffic for the demonstration: half an hour of history in a few seconds, then
 * more of it at a natural pace. It is what a shop's visitors would be; the clients on this machine
 * alone are too few to tell what is usual.
 *
 * @module
 */
import { pause } from "../../lib/shutdown.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { messageOf } from "../../lib/errors.ts";
import type { UnixMicros } from "../../lib/events.ts";
import { sql } from "../../lib/sql.ts";
import { GOOD_BOT_NETWORKS } from "../traffic/bots.ts";
import { generateTraffic } from "../traffic/generate.ts";
import { replay } from "../traffic/replay.ts";

const HISTORY_HOURS = 0.5;
const HISTORY_EVENTS = 3000;
/** Gentle for a correlator that also sees the real clients, and over in about 20 s. */
const HISTORY_RATE = 300;

/** Each further piece is a minute long and is sent within a minute. */
const PIECE_HOURS = 1 / 60;
const PIECE_EVENTS = 100;
const PIECE_RATE = 3;
const RETRY_MS = 2000;

/** Options of {@linkcode runReplay}. */
export interface ReplayOptions {
  readonly sockets: { readonly network: string; readonly http: string };
  readonly signal: AbortSignal;
  /** Called when sending failed; it goes on with the next piece. */
  readonly onFailure: (reason: string) => void;
}

/** Sends history, then piece after piece until `signal` aborts. */
export async function runReplay(options: ReplayOptions): Promise<void> {
  const { sockets, signal, onFailure } = options;
  for (let seed = 1; !signal.aborted; seed++) {
    const first = seed === 1;
    const traffic = generateTraffic({
      seed,
      hours: first ? HISTORY_HOURS : PIECE_HOURS,
      events: first ? HISTORY_EVENTS : PIECE_EVENTS,
      end: Date.now() * 1000 as UnixMicros,
    });
    const rate = first ? HISTORY_RATE : PIECE_RATE;
    try {
      await replay(traffic, { ...sockets, rate, signal });
    } catch (thrown) {
      // The correlator is being restarted.
      onFailure(messageOf(thrown));
      await pause(RETRY_MS, signal);
    }
  }
}

/** Enters the networks of the generated traffic's verified bots, as their operators publish them. */
export async function enterVerifiedBots(database: Database): Promise<void> {
  await database.insertRows(
    "ref_bots",
    GOOD_BOT_NETWORKS.map(({ prefix, name }) => ({
      prefix,
      name,
      operator: name,
      ua_token: name,
    })),
  );
  await database.command(sql`SYSTEM RELOAD DICTIONARY ja4.dict_bots`);
}
