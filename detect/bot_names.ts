/**
 * Forward-confirmed reverse DNS: does the address belong to the operator whose bot it claims to be?
 * The reverse name must end in the operator's domain, and that name must lead back to the address:
 * whoever owns an address writes its reverse name, only the operator writes the names of its domain.
 *
 * Answers rest in the table `bot_names`. Where the name server does not answer nothing is said.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import { ipBytes, isIpv4, parseIp } from "../lib/ip.ts";
import { sql, typed } from "../lib/sql.ts";
import { askDns, type RecordType } from "./dns_client.ts";
import type { KnownBot } from "./known_bots.ts";

/** Asks the domain name system; tests answer for it. */
export interface Resolver {
  /** Names of `name` in in-addr.arpa or ip6.arpa; empty if there are none. Throws if there is no answer. */
  reverse(name: string): Promise<readonly string[]>;
  /** Addresses of `name` of one family; empty if there are none. Throws if there is no answer. */
  forward(name: string, family: "A" | "AAAA"): Promise<readonly string[]>;
}

/** What DNS says of a claim; `unknown` where it did not answer. */
export type NameStanding = "verified" | "false" | "unknown";

/** An address that claims to be a bot. */
export interface Claim {
  readonly src_ip: IpAddress;
  readonly bot: KnownBot;
}

/** Standing by {@linkcode claimKey}. */
export type NameStandings = ReadonlyMap<string, NameStanding>;

/** Longest wait for one answer. */
const TIMEOUT_MS = 3000;
/** Claims that are asked about in one cycle, and how many at a time. */
const CLAIMS_MAX = 256;
const AT_ONCE = 16;
/** Seconds for which an answer holds. */
const HOLDS_S = { verified: 7 * 86_400, false: 21_600 } as const;
/** Reverse names of one address that are followed. */
const NAMES_MAX = 4;

export function claimKey(src_ip: string, bot: string): string {
  return `${src_ip} ${bot}`;
}

/** Asks one name server. */
export function nameServerResolver(nameServer: {
  hostname: string;
  port: number;
}): Resolver {
  const ask = (name: string, type: RecordType) =>
    askDns(name, type, { ...nameServer, timeoutMs: TIMEOUT_MS });
  return {
    reverse: (name) => ask(name, "PTR"),
    forward: (name, family) => ask(name, family),
  };
}

/** Confirms one claim. */
export async function confirm(
  { src_ip, bot }: Claim,
  resolver: Resolver,
): Promise<{ standing: NameStanding; name: string }> {
  try {
    const names = (await resolver.reverse(reverseName(src_ip)))
      .slice(0, NAMES_MAX).map((name) => name.toLowerCase().replace(/\.$/, ""));
    for (const name of names) {
      if (!bot.domains.some((domain) => name.endsWith(`.${domain}`))) continue;
      const family = isIpv4(src_ip) ? "A" : "AAAA";
      const back = await resolver.forward(name, family);
      if (back.some((address) => parseIp(address) === src_ip)) {
        return { standing: "verified", name };
      }
    }
    return { standing: "false", name: names[0] ?? "" };
  } catch {
    return { standing: "unknown", name: "" };
  }
}

/** `4.3.2.1.in-addr.arpa`, or nibbles under ip6.arpa (RFC 3596, section 2.5). */
export function reverseName(ip: IpAddress): string {
  const bytes = ipBytes(ip);
  if (isIpv4(ip)) {
    return `${bytes.subarray(12).toReversed().join(".")}.in-addr.arpa`;
  }
  const nibbles = [...bytes.toHex()].toReversed();
  return `${nibbles.join(".")}.ip6.arpa`;
}

/** What is known of claims; asks about those that nobody asked about lately. */
export async function standingsOf(
  db: Database,
  claims: readonly Claim[],
  context: {
    resolver: Resolver;
    now: UnixMicros;
    signal?: AbortSignal | undefined;
  },
): Promise<NameStandings> {
  const open = new Map(
    claims.map((claim) => [claimKey(claim.src_ip, claim.bot.name), claim]),
  );
  const standings = new Map<string, NameStanding>();
  if (open.size === 0) return standings;
  const nowS = Math.floor(context.now / 1e6);
  const known = await db.query<
    { src_ip: string; bot: string; standing: NameStanding }
  >(
    sql`
SELECT src_ip, bot, standing FROM bot_names FINAL
WHERE expires_at > toDateTime(${
      typed(nowS, "UInt32")
    }, 'UTC') AND src_ip IN (SELECT toIPv6(arrayJoin(${
      [...open.values()].map(({ src_ip }) => src_ip)
    })))`,
    { signal: context.signal },
  );
  for (const { src_ip, bot, standing } of known) {
    const key = claimKey(parseIp(src_ip) ?? "", bot);
    if (!open.delete(key)) continue;
    standings.set(key, standing);
  }
  const asked = [...open].slice(0, CLAIMS_MAX);
  for (const [key] of open) standings.set(key, "unknown");
  const rows: object[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE) {
    await Promise.all(
      asked.slice(at, at + AT_ONCE).map(async ([key, claim]) => {
        const { standing, name } = await confirm(claim, context.resolver);
        standings.set(key, standing);
        if (standing === "unknown") return;
        rows.push({
          src_ip: isIpv4(claim.src_ip)
            ? `::ffff:${claim.src_ip}`
            : claim.src_ip,
          bot: claim.bot.name,
          standing,
          name,
          expires_at: nowS + HOLDS_S[standing],
          rev: context.now,
        });
      }),
    );
  }
  if (rows.length > 0) {
    await db.insertRows("bot_names", rows, { signal: context.signal });
  }
  return standings;
}
