/**
 * Loads one source of reference data: where it is and what it is in, rows in the tables out.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { checkSource, type KindRows, replaceSource } from "./reference.ts";
import {
  FileFault,
  type Kind,
  readBots,
  readJa4,
  readNetworks,
  readReputation,
} from "./reference_files.ts";
import { PUBLISHERS, readSource } from "./reference_sources.ts";

/** A source as the operator names it. */
export interface Source {
  readonly kind: Kind;
  /** A file, an address, or for bots the name of a publisher. */
  readonly from: string;
  /** What it is known by; the publisher's name or the kind by default. */
  readonly name?: string | undefined;
  /** Of a reputation list: what each of its addresses is worth, 1 to 100. @default 75 */
  readonly score?: number | undefined;
  /** Of a reputation list: days after which it counts no more, unless loaded again. @default 7 */
  readonly days?: number | undefined;
  /** Of a bot: who runs it, and what its User-Agent holds. */
  readonly operator?: string | undefined;
  readonly ua_token?: string | undefined;
}

/** What was loaded. */
export interface LoadedSource {
  readonly kind: Kind;
  readonly name: string;
  readonly rows: number;
  /** Lines that were not understood. */
  readonly skipped: number;
}

const DAY_S = 86_400;

/**
 * Reads, checks and replaces. If anything is wrong the rows that were loaded last stay.
 *
 * @throws {FatalError} `noInput` if it cannot be had, `dataFormat` if it is not what it should be.
 */
export async function loadSource(
  database: Database,
  source: Source,
  { force = false, signal, nowS }: {
    force?: boolean;
    signal?: AbortSignal | undefined;
    nowS: number;
  },
): Promise<LoadedSource> {
  const publisher = source.kind === "bots"
    ? PUBLISHERS[source.from]
    : undefined;
  const name = source.name ??
    (publisher === undefined ? source.kind : source.from);
  checkSource(name);
  const bytes = await readSource(publisher?.url ?? source.from, signal);
  try {
    const { data, skipped } = read(
      { ...publisher, ...defined(source), name },
      bytes,
      nowS,
      publisher?.name,
    );
    await replaceSource(database, data, { source: name, force, signal });
    return { kind: source.kind, name, rows: data.rows.length, skipped };
  } catch (thrown) {
    if (!(thrown instanceof FileFault)) throw thrown;
    throw new FatalError(
      "dataFormat",
      `Cannot load "${source.from}": ${thrown.message}; what was loaded before stays`,
      { cause: thrown },
    );
  }
}

function read(
  source: Source & { readonly name: string },
  bytes: Uint8Array,
  nowS: number,
  botName: string = source.name,
): { data: KindRows; skipped: number } {
  switch (source.kind) {
    case "networks": {
      const { rows, skipped } = readNetworks(bytes);
      return { data: { kind: "networks", rows }, skipped };
    }
    case "reputation": {
      const { rows, skipped } = readReputation(bytes, source.score ?? 75);
      const expires = Math.round(nowS) + (source.days ?? 7) * DAY_S;
      return { data: { kind: "reputation", rows, expires }, skipped };
    }
    case "bots": {
      const { rows, skipped } = readBots(bytes, {
        name: botName,
        operator: source.operator ?? botName,
        ua_token: source.ua_token ?? botName,
      });
      return { data: { kind: "bots", rows }, skipped };
    }
    case "ja4": {
      const { rows, skipped } = readJa4(bytes);
      return { data: { kind: "ja4", rows }, skipped };
    }
  }
}

/** Without the keys that are undefined, which would hide the publisher's. */
function defined(source: Source): Source {
  const entries = Object.entries(source).filter(([, value]) =>
    value !== undefined
  );
  return Object.fromEntries(entries) as unknown as Source;
}
