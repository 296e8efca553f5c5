/**
 * Messages of the sockets in, rows at all outputs out: parse, join, hide, number, write.
 *
 * @module
 */
import { correlatedText, requestText } from "./correlated.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { EventIds } from "./event_id.ts";
import { type FeedFormat, readFeed } from "./feeds.ts";
import { factsStart } from "./hello.ts";
import { Join } from "./join.ts";
import type { Joined, JoinOptions } from "./join_options.ts";
import type { MessageBatch } from "./messages.ts";
import { checkHttpEvent, checkNetworkEvent, type Refusal } from "./parse.ts";
import type { Privacy } from "./privacy.ts";
import { SensorStats } from "./sensor_stats.ts";

/** Where rows go: the spool, a file, stdout. */
export interface RowSink {
  append(line: string): void;
}

/** A row as {@linkcode PipelineOptions.appended} learns of it. */
export interface AppendedRow {
  readonly seq: number;
  /** How long its event waited in the join, milliseconds. */
  readonly waitedMs: number;
  readonly joined: Joined;
}

/** What {@linkcode Pipeline} works with. */
export interface PipelineOptions {
  readonly join: JoinOptions;
  readonly privacy: Privacy;
  readonly sinks: readonly RowSink[];
  readonly deadLetters: DeadLetters | undefined;
  /** First 32 bits of each `event_id`: where the events come from. */
  readonly origin: number;
  /** Next 32 bits: never the same for two processes of one origin. */
  readonly epoch: number;
  /** The number of the next row, if a sink gives them; else they are counted here from 1. */
  readonly nextSeq?: (() => number) | undefined;
  /** Told of each row. */
  readonly appended?: ((row: AppendedRow) => void) | undefined;
}

/** Totals of one input. received = events of the join + control + invalid. */
export interface InputCounts {
  received: number;
  bytes: number;
  /** Events that are no request and no handshake: `connection_end`, `stats`. */
  control: number;
  readonly invalid: Record<Refusal, number>;
}

const OPENING_BRACE = 123;

/** See the module's comment. */
export class Pipeline {
  readonly join: Join;
  readonly network: InputCounts = inputCounts();
  readonly http: InputCounts = inputCounts();
  readonly sensors: SensorStats = new SensorStats();
  /** Events whose text could not be taken over into the row as it was. */
  rewritten = 0;
  readonly #options: PipelineOptions;
  readonly #ids: EventIds;
  #count = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#ids = new EventIds(options.origin, options.epoch);
    this.join = new Join(
      options.join,
      (joined, waitedMs) => this.#write(joined, waitedMs),
    );
  }

  /** Takes lines of `network.socket`. */
  takeNetwork(lines: MessageBatch): void {
    const counts = this.network;
    let i = 0;
    for (const value of lines.values()) {
      counts.received++;
      counts.bytes += lines.length(i);
      const parsed = checkNetworkEvent(value);
      if (!parsed.ok) {
        counts.invalid[parsed.reason]++;
        this.#setAside("network", parsed.reason, lines.text(i));
      } else if (parsed.event.event_type === "handshake") {
        const { event } = parsed;
        const start = parsed.plain ? factsStart(lines.text(i)) : 0;
        const facts = start > 0 ? lines.inner(i, start) : this.#rewrite();
        this.join.handshake(event, lines.length(i), facts);
      } else {
        counts.control++;
        this.join.stats();
        this.sensors.take(parsed.event);
      }
      i++;
    }
  }

  /** Takes datagrams or lines of a socket of web servers. */
  takeHttp(messages: MessageBatch, format: FeedFormat): void {
    const counts = this.http;
    // Syslog writers put `<190>Nov 23 10:31:00 tag: ` before the event.
    if (format === "reqin") messages.skipTo(OPENING_BRACE);
    const values = format === "reqin" ? messages.values() : undefined;
    for (let i = 0; i < messages.count; i++) {
      counts.received++;
      counts.bytes += messages.length(i);
      const parsed = checkHttpEvent(
        values === undefined ? readFeed(format, messages.text(i)) : values[i],
      );
      if (!parsed.ok) {
        counts.invalid[parsed.reason]++;
        this.#setAside("http", parsed.reason, messages.text(i));
      } else if (parsed.event.event_type === "request") {
        const { event } = parsed;
        const text = values !== undefined && parsed.plain
          ? requestText(messages.text(i))
          : undefined;
        this.join.request(event, text ?? this.#rewrite());
      } else {
        counts.control++;
        this.join.connectionEnd(parsed.event);
      }
    }
  }

  #rewrite(): undefined {
    this.rewritten++;
  }

  #setAside(source: "network" | "http", reason: Refusal, text: string): void {
    const { deadLetters, privacy } = this.#options;
    if (privacy.keepsAll) deadLetters?.add(source, reason, text);
    else deadLetters?.addWithoutText(source, reason, text.length);
  }

  #write(joined: Joined, waitedMs: number): void {
    const { nextSeq, privacy, sinks, appended } = this.#options;
    if (sinks.length === 0) return;
    const seq = nextSeq?.() ?? ++this.#count;
    const line = correlatedText(privacy.apply(joined), this.#ids.of(seq));
    for (const sink of sinks) sink.append(line);
    appended?.({ seq, waitedMs, joined });
  }
}

function inputCounts(): InputCounts {
  return {
    received: 0,
    bytes: 0,
    control: 0,
    invalid: { not_json: 0, unknown_type: 0, bad_field: 0 },
  };
}
