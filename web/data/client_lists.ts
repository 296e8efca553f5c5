/**
 * The lists of clients that the detector honours: allow, deny and watch. Entries in, rows of the table
 * `list_entries` out, and what an entry would have named before it is made.
 *
 * @module
 */
import type { UnixMicros } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { parseNetwork } from "../../lib/ip_filter.ts";
import { parseIp } from "../../lib/ip.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askOne, scoredIn } from "./ask.ts";
import { type Entity, scoredEntitySql } from "./entity.ts";
import { detectorJa4 } from "./folds.ts";
import { canonicalNetwork } from "./paths.ts";
import { isJa4 } from "./search.ts";

export const LISTS = ["deny", "watch", "allow"] as const;
export type ListName = typeof LISTS[number];

/** Days for which an entry may be asked to hold; 0 = until it is removed. */
export const ENTRY_DAYS = [7, 30, 90, 0] as const;
/** How far back an entry is tried before it is made, days. */
export const ENTRY_TRIAL_DAYS = 7;
/** Characters of a reason. */
export const REASON_MAX = 400;

/** Shortest prefixes of networks on a list: a slip must not name half of the Internet. */
const PREFIX_MIN = { v4: 8, v6: 19 } as const;
/** When an entry without an end ends: the default of the column. */
const FOREVER_S = Date.UTC(2100, 0, 1) / 1000;
/** Characters of a host as clients send it; hostile ones are no entry. */
const HOST = /^[\p{L}\p{N}._:[\]-]{1,255}$/u;

/** Who an entry names. */
export interface Subject {
  readonly kind: "ip" | "network" | "ja4" | "http_host";
  /** In its one spelling. */
  readonly value: string;
}

export interface ListEntry extends Subject {
  /** What the API calls it. */
  readonly id: string;
  readonly list: ListName;
  readonly reason: string;
  readonly actor: string;
  /** Milliseconds since the epoch. */
  readonly madeMs: number;
  /** Undefined = it holds until it is removed. */
  readonly expiresMs?: number;
}

/** What a form says of an entry. */
export type NewEntry = Omit<ListEntry, "id" | "actor" | "madeMs">;

/** What the query language calls the kinds. */
export const FIELD_OF = {
  ip: "ip",
  network: "net",
  ja4: "ja4",
  http_host: "host",
} as const satisfies Record<Subject["kind"], Entity["field"]>;

/** The subject that a text names: an address, a network, a JA4 or a host; undefined if it is none. */
export function subjectOf(text: string): Subject | undefined {
  const ip = parseIp(text);
  if (ip !== undefined) return { kind: "ip", value: ip };
  const network = canonicalNetwork(text);
  if (network !== undefined) return { kind: "network", value: network };
  if (isJa4(text)) return { kind: "ja4", value: text };
  return HOST.test(text) ? { kind: "http_host", value: text } : undefined;
}

/** Path of the form for an entry about a value of the traffic; undefined if no list knows such values. */
export function listFormPath(field: string, value: string): string | undefined {
  const subject = subjectOf(value);
  return subject !== undefined && FIELD_OF[subject.kind] === field
    ? `/lists?value=${encodeURIComponent(subject.value)}`
    : undefined;
}

/** Reads the form of an entry; a fault is a sentence. */
export function parseEntryForm(
  form: URLSearchParams,
  now: UnixMicros,
):
  | { ok: true; entry: NewEntry }
  | { ok: false; message: string } {
  const list = LISTS.find((one) => one === form.get("list"));
  if (list === undefined) {
    return { ok: false, message: "A list is deny, watch or allow." };
  }
  const value = (form.get("value") ?? "").trim();
  const subject = subjectOf(value);
  if (subject === undefined) {
    return {
      ok: false,
      message: `"${value.slice(0, 60)}" is no address, network, JA4 or host.`,
    };
  }
  const network = subject.kind === "network"
    ? parseNetwork(subject.value)
    : undefined;
  if (network !== undefined) {
    const bits = network.v4 ? network.bits - 96 : network.bits;
    const least = PREFIX_MIN[network.v4 ? "v4" : "v6"];
    if (bits < least) {
      return {
        ok: false,
        message:
          `A network on a list is at most a /${least}; "${subject.value}" is wider.`,
      };
    }
  }
  const reason = (form.get("reason") ?? "").trim();
  if (reason === "" || reason.length > REASON_MAX) {
    return {
      ok: false,
      message: `An entry needs a reason of at most ${REASON_MAX} characters.`,
    };
  }
  const days = Number(form.get("days") ?? "30");
  if (!ENTRY_DAYS.some((one) => one === days)) {
    return {
      ok: false,
      message: "An entry holds for 7, 30 or 90 days, or on.",
    };
  }
  return {
    ok: true,
    entry: {
      ...subject,
      list,
      reason,
      // Whole seconds, as the column keeps them.
      ...(days === 0 ? {} : {
        expiresMs: (Math.floor(now / 1e6) + days * 86_400) * 1000,
      }),
    },
  };
}

/** The entries that hold, newest first. */
export async function loadEntries(db: Database): Promise<ListEntry[]> {
  const rows = await ask<
    Omit<ListEntry, "id" | "expiresMs"> & { expires: number }
  >(
    db,
    sql`SELECT list, kind, value, reason, actor, toFloat64(rev) / 1000 AS madeMs,
        toUnixTimestamp(expires_at) AS expires
      FROM list_entries FINAL
      WHERE expires_at > now() AND list IN ${[...LISTS]} AND kind IN ${
      Object.keys(FIELD_OF)
    }
      ORDER BY rev DESC, value LIMIT 2000`,
  );
  return rows.map(({ expires, ...row }) => ({
    ...row,
    id: entryId(row),
    ...(expires >= FOREVER_S ? {} : { expiresMs: expires * 1000 }),
  }));
}

/** The lists that name a client now. */
export async function loadListsOf(
  db: Database,
  values: readonly (readonly [kind: Subject["kind"], value: string])[],
): Promise<string[]> {
  const named = values.filter(([, value]) => value !== "");
  const ip = named.find(([kind]) => kind === "ip")?.[1] ?? "";
  const rows = await ask<{ list: string }>(
    db,
    sql`SELECT DISTINCT list FROM list_entries FINAL
      WHERE expires_at > now() AND (concat(kind, ' ', value) IN ${
      named.map((pair) => pair.join(" "))
    } OR (kind = 'network' AND isIPAddressInRange(${
      ip || "::"
    }, if(kind = 'network', value, '::/128'))))
      ORDER BY list`,
  );
  return rows.map((row) => row.list);
}

function entryId({ list, kind, value }: Subject & { list: string }): string {
  return new TextEncoder().encode(`${list} ${kind} ${value}`)
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * Writes an entry. A JA4 becomes the one by which the detector knows its clients: that of their full
 * handshakes.
 *
 * @returns the entry as it is kept.
 */
export async function putEntry(
  app: Database,
  entry: NewEntry,
  { actor, now }: { actor: string; now: UnixMicros },
): Promise<ListEntry> {
  const value = entry.kind === "ja4"
    ? await detectorJa4(app, entry.value)
    : entry.value;
  const kept = {
    ...entry,
    value,
    id: entryId({ ...entry, value }),
    actor,
    madeMs: now / 1000,
  };
  await writeEntry(app, kept, { now, deleted: false });
  return kept;
}

/** Takes an entry back. */
export async function removeEntry(
  app: Database,
  entry: ListEntry,
  now: UnixMicros,
): Promise<void> {
  await writeEntry(app, entry, { now, deleted: true });
}

async function writeEntry(
  app: Database,
  { list, kind, value, reason, actor, expiresMs }: ListEntry,
  { now, deleted }: { now: UnixMicros; deleted: boolean },
): Promise<void> {
  await app.insertRows("list_entries", [{
    list,
    kind,
    value,
    reason,
    actor,
    expires_at: expiresMs === undefined ? FOREVER_S : expiresMs / 1000,
    deleted: deleted ? 1 : 0,
    rev: now,
  }]);
}

/** Whom an entry would have named in the last {@linkcode ENTRY_TRIAL_DAYS} days. */
export interface EntryTrial {
  readonly subject: Subject;
  readonly addresses: number;
  readonly requests: number;
  /** Share of those requests that the detector took for people's, 0..1. */
  readonly people: number;
  readonly detections: number;
  /** Of them, those that somebody called true positives. */
  readonly confirmed: number;
}

/** {@linkcode EntryTrial} of what `text` names; undefined if it names nothing. */
export async function tryEntry(
  db: Database,
  text: string,
  now: UnixMicros,
): Promise<EntryTrial | undefined> {
  const subject = subjectOf(text.trim());
  if (subject === undefined) return undefined;
  const to = new Date(now / 1000);
  const from = new Date(to.getTime() - ENTRY_TRIAL_DAYS * 86_400_000);
  const where = scoredEntitySql({
    field: FIELD_OF[subject.kind],
    value: subject.value,
  });
  const [scored, found] = await Promise.all([
    askOne<Record<"addresses" | "n" | "people", number>>(
      db,
      sql`SELECT toFloat64(uniqExact(src_ip)) AS addresses, toFloat64(sum(requests)) AS n,
          toFloat64(sumIf(requests, traffic_class = 'human')) AS people
        FROM scores FINAL WHERE ${scoredIn(from, to)} AND ${where}`,
    ),
    askOne<Record<"n" | "confirmed", number>>(
      db,
      sql`SELECT toFloat64(count()) AS n, toFloat64(countIf(verdict = 'true_positive')) AS confirmed
        FROM detections_current WHERE last_seen >= ${from} AND ${where}`,
    ),
  ]);
  const requests = scored?.n ?? 0;
  return {
    subject,
    addresses: scored?.addresses ?? 0,
    requests,
    people: requests === 0 ? 0 : (scored?.people ?? 0) / requests,
    detections: found?.n ?? 0,
    confirmed: found?.confirmed ?? 0,
  };
}
