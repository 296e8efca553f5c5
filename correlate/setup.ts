/** The parts of a correlator as its configuration wants them. @module */
import { FatalError, messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Config } from "./config.ts";
import { fileSink, type LineSink, stdoutSink } from "./line_sink.ts";
import type { RowSink } from "./pipeline.ts";
import { Privacy } from "./privacy.ts";
import { openSpool, type Spool } from "./spool.ts";

const SPOOL_MEMORY_BYTES_MAX = 8 * 2 ** 20;
const HMAC_KEY_BYTES_MIN = 16;
/** Rows that may wait for a tick to be written: what a kill loses. */
const PENDING_ROWS_MAX = 32;

/** The spool of `[spool]`; `nowS` is the time in seconds. */
export function openConfiguredSpool({ spool }: Config, nowS: number): Spool {
  return openSpool({
    dir: spool.dir,
    segmentBytes: spool.segment_bytes,
    bytesMax: spool.max_bytes,
    whenFull: spool.when_full,
    memoryBytesMax: SPOOL_MEMORY_BYTES_MAX,
    nowS,
  });
}

/** A spool that is flushed before much can be lost. */
export class EagerSpool implements RowSink {
  readonly #spool: Spool;
  readonly #flushed: () => void;

  /** `flushed` is called after each write of rows. */
  constructor(spool: Spool, flushed: () => void) {
    this.#spool = spool;
    this.#flushed = flushed;
  }

  append(line: string): void {
    this.#spool.append(line);
    if (this.#spool.rowsPending >= PENDING_ROWS_MAX) this.flush();
  }

  /** Writes what was appended. */
  flush(): void {
    this.#spool.flush();
    this.#flushed();
  }
}

/** The outputs beside the database. */
export async function openSinks(
  config: Config,
  log: Logger,
): Promise<LineSink[]> {
  const sinks: LineSink[] = [];
  if (config.file.enabled) sinks.push(await fileSink(config.file.path, log));
  if (config.stdout.enabled) sinks.push(stdoutSink(log));
  return sinks;
}

/** What `[privacy]` says. */
export async function openPrivacy(
  { privacy }: Config,
): Promise<Privacy> {
  const { addresses, key_file, query, query_names: queryNames } = privacy;
  if (addresses !== "hmac") {
    return new Privacy({ addresses, query, queryNames });
  }
  if (key_file === undefined) {
    throw new FatalError(
      "config",
      'privacy.key_file: expected a path, as privacy.addresses is "hmac"',
    );
  }
  let key: Uint8Array;
  try {
    key = await Deno.readFile(key_file);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the key "${key_file}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
  if (key.length < HMAC_KEY_BYTES_MIN) {
    throw new FatalError(
      "config",
      `Cannot use the key "${key_file}": expected at least ${HMAC_KEY_BYTES_MIN} bytes, found ${key.length}`,
    );
  }
  return new Privacy({ addresses, key, query, queryNames });
}

/** Who may use a socket. */
export function access(
  { mode, group }: { mode: string; group?: string | undefined },
): { mode: number; group: string | undefined } {
  return { mode: parseInt(mode, 8), group };
}
