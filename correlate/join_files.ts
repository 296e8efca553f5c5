/**
 * `task join HANDSHAKES REQUESTS`: the correlator over two NDJSON files. The same engine as the
 * live one, its clock driven by the events' own times, so that two runs write the same bytes.
 *
 * @module
 */
import * as v from "valibot";
import type { HttpEvent, NetworkEvent } from "../lib/events.ts";
import { EXIT, FatalError, messageOf } from "../lib/errors.ts";
import { eventBytesMax } from "../lib/limits.ts";
import { main, type Program } from "../lib/program.ts";
import { correlatedText } from "./correlated.ts";
import { EventIds } from "./event_id.ts";
import { Join } from "./join.ts";
import { filterSection, joinOptions, joinSection } from "./join_config.ts";
import type { JoinOptions } from "./join_options.ts";
import { LineSplitter } from "./lines.ts";
import type { MessageBatch } from "./messages.ts";
import { checkHttpEvent, checkNetworkEvent, type Parsed } from "./parse.ts";

const schema = v.strictObject({ join: joinSection, filter: filterSection });

/** The command. */
export const program: Program<typeof schema> = {
  name: "join",
  summary:
    "Joins a file of handshakes with a file of requests; CorrelatedEvents go to stdout, one a line.",
  usage: "HANDSHAKES REQUESTS",
  help:
    `  HANDSHAKES          what "deno task fingerprint" or the capture daemon wrote
  REQUESTS            what the web server's module wrote
                      Either may be "-" for stdin. Exit code 65 if a line was no event.`,
  schema,
  positionals: true,
  async run({ config, positionals, signal }) {
    const [handshakes, requests] = positionals;
    if (
      handshakes === undefined || requests === undefined ||
      positionals.length > 2 || (handshakes === "-" && requests === "-")
    ) {
      throw new FatalError(
        "usage",
        "Expected two files: HANDSHAKES REQUESTS\nTry --help",
      );
    }
    // The seed only spreads keys over the table; with a fixed one nothing can differ between runs.
    const options = joinOptions(config.join, config.filter, 0);
    let refused: number;
    try {
      refused = await joinFiles({
        options: { ...options, captureTimeoutMs: Infinity },
        handshakes,
        requests,
        signal,
        write: (text) => writeAll(Deno.stdout, new TextEncoder().encode(text)),
      });
    } catch (thrown) {
      // The reader has seen enough, as head(1) does.
      if (thrown instanceof Deno.errors.BrokenPipe) return EXIT.ok;
      throw thrown;
    }
    if (refused === 0) return EXIT.ok;
    Deno.stderr.writeSync(
      new TextEncoder().encode(`ja4-join: ${refused} lines were no events\n`),
    );
    return EXIT.dataFormat;
  },
};

/** What {@linkcode joinFiles} reads and where it writes. */
export interface JoinFilesOptions {
  readonly options: JoinOptions;
  /** Path, or `-` for stdin. */
  readonly handshakes: string;
  readonly requests: string;
  readonly signal?: AbortSignal;
  /** Takes whole lines. */
  write(text: string): Promise<void>;
}

/** Text is handed on in pieces of about this many characters. */
const PIECE = 1 << 16;

/**
 * Joins two files; returns how many lines were refused.
 *
 * @throws {FatalError} `noInput` if a file cannot be read.
 */
export async function joinFiles(files: JoinFilesOptions): Promise<number> {
  const ids = new EventIds(0, 0);
  let count = 0;
  let out = "";
  const join = new Join(files.options, (joined) => {
    out += correlatedText(joined, ids.of(++count)) + "\n";
  });
  const network = new EventFile(files.handshakes, checkNetworkEvent);
  const http = new EventFile(files.requests, checkHttpEvent);
  let clockUs = 0;
  let handshake = await network.next();
  let request = await http.next();
  while (handshake !== undefined || request !== undefined) {
    if (files.signal?.aborted) break;
    const first = request === undefined ||
        (handshake !== undefined && handshake.event.ts <= request.event.ts)
      ? handshake
      : request;
    if (first === undefined) break;
    // A file may be out of order; time does not run backwards for that.
    clockUs = Math.max(clockUs, first.event.ts);
    join.advance(Math.floor(clockUs / 1000));
    if (first === handshake) {
      if (handshake.event.event_type === "handshake") {
        join.handshake(handshake.event, handshake.bytes);
      } else join.stats();
      handshake = await network.next();
    } else if (request !== undefined) {
      if (request.event.event_type === "request") join.request(request.event);
      else join.connectionEnd(request.event);
      request = await http.next();
    }
    if (out.length > PIECE) {
      await files.write(out);
      out = "";
    }
  }
  join.finish();
  await files.write(out);
  return network.refused + http.refused;
}

interface Line<Event> {
  readonly event: Event;
  readonly bytes: number;
}

/** Events of an NDJSON file, read as they are asked for. */
class EventFile<Event extends NetworkEvent | HttpEvent> {
  refused = 0;
  readonly #path: string;
  readonly #check: (value: unknown) => Parsed<Event>;
  readonly #splitter = new LineSplitter(eventBytesMax);
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #events: Line<Event>[] = [];
  #at = 0;
  #ended = false;

  constructor(path: string, check: (value: unknown) => Parsed<Event>) {
    this.#path = path;
    this.#check = check;
  }

  async next(): Promise<Line<Event> | undefined> {
    while (this.#at >= this.#events.length) {
      if (this.#ended) return undefined;
      await this.#fill();
    }
    return this.#events[this.#at++];
  }

  async #fill(): Promise<void> {
    this.#events = [];
    this.#at = 0;
    const take = (lines: MessageBatch): void => {
      let i = 0;
      for (const value of lines.values()) {
        const parsed = this.#check(value);
        if (parsed.ok) {
          this.#events.push({ event: parsed.event, bytes: lines.length(i) });
        } else this.refused++;
        i++;
      }
    };
    try {
      this.#chunks ??= (await open(this.#path))[Symbol.asyncIterator]();
      const { value, done } = await this.#chunks.next();
      if (done === true) {
        this.#ended = true;
        this.#splitter.end(take);
        this.refused += this.#splitter.tooLong;
      } else this.#splitter.push(value, take);
    } catch (thrown) {
      throw new FatalError(
        "noInput",
        `Cannot read "${this.#path}": ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
  }
}

async function open(path: string): Promise<ReadableStream<Uint8Array>> {
  return path === "-" ? Deno.stdin.readable : (await Deno.open(path)).readable;
}

async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

if (import.meta.main) await main(program);
