/**
 * Texts of both sockets in, rows at all outputs out: parse, join, hide, number, write.
 *
 * @module
 */
import { toCorrelated } from "./correlated.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { EventIds } from "./event_id.ts";
import { Join, type Joined, type JoinOptions } from "./join.ts";
import { parseHttpEvent, parseNetworkEvent, type Refusal } from "./parse.ts";
import type { AddressPrivacy } from "./privacy.ts";
import { SensorStats } from "./sensor_stats.ts";

/** Where rows go: the spool, a file, stdout. */
export interface RowSink {
  append(line: string): void;
}

/** What {@linkcode Pipeline} works with. */
export interface PipelineOptions {
  readonly join: JoinOptions;
  readonly privacy: AddressPrivacy;
  readonly sinks: readonly RowSink[];
  readonly deadLetters: DeadLetters | undefined;
  /** First 32 bits of each `event_id`. */
  readonly host: number;
  /** Next 32 bits: never the same for two processes of a host. */
  readonly epoch: number;
  /** The number of the next row, if a sink gives them; else they are counted here from 1. */
  readonly nextSeq?: (() => number) | undefined;
  /** Told of each row: its number, and how long its event waited in the join. */
  readonly appended?: ((seq: number, waitedMs: number) => void) | undefined;
}

/** Totals of one input. received = events of the join + control + invalid. */
export interface InputCounts {
  received: number;
  bytes: number;
  /** Events that are no request and no handshake: `connection_end`, `stats`. */
  control: number;
  readonly invalid: Record<Refusal, number>;
}

/** See the module's comment. */
export class Pipeline {
  readonly join: Join;
  readonly network: InputCounts = inputCounts();
  readonly http: InputCounts = inputCounts();
  readonly sensors: SensorStats = new SensorStats();
  readonly #options: PipelineOptions;
  readonly #ids: EventIds;
  #count = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#ids = new EventIds(options.host, options.epoch);
    this.join = new Join(
      options.join,
      (joined, waitedMs) => this.#write(joined, waitedMs),
    );
  }

  /** Takes a line of `network.socket`. */
  takeNetwork(line: string, bytes: number): void {
    const counts = this.network;
    counts.received++;
    counts.bytes += bytes;
    const parsed = parseNetworkEvent(line);
    if (!parsed.ok) {
      counts.invalid[parsed.reason]++;
      this.#options.deadLetters?.add("network", parsed.reason, line);
    } else if (parsed.event.event_type === "handshake") {
      this.join.handshake(parsed.event, bytes);
    } else {
      counts.control++;
      this.join.stats();
      this.sensors.take(parsed.event);
    }
  }

  /** Takes a datagram of `http.socket`. */
  takeHttp(text: string, bytes: number): void {
    const counts = this.http;
    counts.received++;
    counts.bytes += bytes;
    const parsed = parseHttpEvent(withoutPrefix(text));
    if (!parsed.ok) {
      counts.invalid[parsed.reason]++;
      this.#options.deadLetters?.add("http", parsed.reason, text);
    } else if (parsed.event.event_type === "request") {
      this.join.request(parsed.event);
    } else {
      counts.control++;
      this.join.connectionEnd(parsed.event);
    }
  }

  #write(joined: Joined, waitedMs: number): void {
    const { nextSeq, privacy, sinks, appended } = this.#options;
    const seq = nextSeq?.() ?? ++this.#count;
    const event = privacy.apply(toCorrelated(joined, this.#ids.of(seq)));
    const line = JSON.stringify(event);
    for (const sink of sinks) sink.append(line);
    appended?.(seq, waitedMs);
  }
}

/** Syslog writers put `<190>Nov 23 10:31:00 tag: ` before the event. */
function withoutPrefix(text: string): string {
  if (text.startsWith("{")) return text;
  const at = text.indexOf("{");
  return at < 0 ? text : text.slice(at);
}

function inputCounts(): InputCounts {
  return {
    received: 0,
    bytes: 0,
    control: 0,
    invalid: { not_json: 0, unknown_type: 0, bad_field: 0 },
  };
}
