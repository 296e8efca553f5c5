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
  readonly #watch: Matcher;
  readonly #entries: readonly ListEntry[];
  /** Newest revision among the entries, deleted ones too: a change of the lists changes it. */
  readonly rev: number;

  constructor(entries: readonly ListEntry[], rev = 0) {
    this.#entries = entries;
    this.rev = rev;
    this.#watch = new Matcher(entries.filter(({ list }) => list === "watch"));
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

  /** The entry that watches the client, for a sentence; empty if none. */
  watchedBy(client: Client): string {
    return this.#watch.match(client);
  }

  /** Denied clients teach nothing: networks as `address/bits` of IPv6, JA4s and hosts. */
  get denied(): { networks: string[]; ja4s: string[]; hosts: string[] } {
    const denied = this.#entries.filter(({ list }) => list === "deny");
    const values = (...kinds: string[]) =>
      denied.filter(({ kind }) => kinds.includes(kind)).map(({ value }) =>
        value
      );
    return {
      networks: values("ip", "network").flatMap((value) =>
        parseNetwork(value) === undefined ? [] : [asIpv6Network(value)]
      ),
      ja4s: values("ja4"),
      hosts: values("http_host"),
    };
  }
}

/** A network of either family in IPv6's notation. */
function asIpv6Network(value: string): string {
  const [address = "", bits] = value.split("/");
  return address.includes(":")
    ? `${address}/${bits ?? 128}`
    : `::ffff:${address}/${96 + Number(bits ?? 32)}`;
}

/** Reads the entries in force. */
export async function readLists(
  db: Database,
  signal?: AbortSignal,
): Promise<ClientLists> {
  const entries = await db.query<ListEntry>(
    sql`SELECT list, kind, value FROM list_entries FINAL WHERE expires_at > now() LIMIT 100000`,
    { signal },
  );
  return new ClientLists(entries, await listsRev(db, signal));
}

/** What changes when people change a list, a label, a verdict or a setting. */
export async function listsRev(
  db: Database,
  signal?: AbortSignal,
): Promise<number> {
  const [row] = await db.query<{ rev: number }>(
    sql`
SELECT toUInt64(greatest((SELECT max(rev) FROM list_entries), (SELECT max(rev) FROM labels), (SELECT max(rev) FROM detector_settings),
  (SELECT toUInt64(greatest(0, toUnixTimestamp64Micro(max(ts)))) FROM triage_events WHERE verdict != ''))) AS rev`,
    { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
  );
  return row?.rev ?? 0;
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
