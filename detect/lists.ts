/** Allow and deny lists of the analysts, as the detector applies them. @module */
import type { Database } from "../lib/clickhouse.ts";
import { NetworkSet, parseNetwork } from "../lib/ip_filter.ts";
import { printable } from "../lib/text.ts";
import { sql } from "../lib/sql.ts";
import type { WindowFacts } from "./windows.ts";

/** One entry in force. */
export interface ListEntry {
  readonly list: "allow" | "deny" | "watch";
  readonly kind: "ip" | "network" | "ja4" | "http_host";
  readonly value: string;
}

/** The part of a window that a list may name. */
type Client = Pick<WindowFacts, "src_ip" | "ja4" | "http_host">;

/** Entries, ready to be asked. Entries that cannot be read name nobody. */
export class ClientLists {
  readonly #allow: Matcher;
  readonly #deny: Matcher;

  constructor(entries: readonly ListEntry[]) {
    this.#allow = new Matcher(entries.filter(({ list }) => list === "allow"));
    this.#deny = new Matcher(entries.filter(({ list }) => list === "deny"));
  }

  allows(client: Client): boolean {
    return this.#allow.match(client) !== "";
  }

  /** The entry that denies the client, for a sentence; empty if none. */
  deniedBy(client: Client): string {
    return this.#deny.match(client);
  }
}

/** Reads the entries in force. */
export async function readLists(
  db: Database,
  signal?: AbortSignal,
): Promise<ClientLists> {
  return new ClientLists(
    await db.query<ListEntry>(
      sql`SELECT list, kind, value FROM list_entries FINAL WHERE expires_at > now() LIMIT 100000`,
      { signal },
    ),
  );
}

class Matcher {
  readonly #networks: NetworkSet;
  readonly #values: ReadonlySet<string>;

  constructor(entries: readonly ListEntry[]) {
    this.#networks = new NetworkSet(
      entries.filter(({ kind, value }) =>
        (kind === "ip" || kind === "network") &&
        parseNetwork(value) !== undefined
      ).map(({ value }) => value),
    );
    this.#values = new Set(
      entries.filter(({ kind }) => kind === "ja4" || kind === "http_host")
        .map(({ kind, value }) => `${kind} ${value}`),
    );
  }

  match(client: Client): string {
    if (this.#networks.has(client.src_ip)) return client.src_ip;
    if (this.#values.has(`ja4 ${client.ja4}`)) return `JA4 ${client.ja4}`;
    return this.#values.has(`http_host ${client.http_host}`)
      ? printable(client.http_host)
      : "";
  }
}
