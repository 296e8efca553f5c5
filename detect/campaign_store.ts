/** Campaigns in the database: a found one keeps the identifier of the stored one that it continues. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql } from "../lib/sql.ts";
import type { FoundCampaign } from "./campaigns.ts";
import type { WindowVerdict } from "./verdict.ts";

/** Share of the members of a stored campaign that make a found one the same. */
const SAME_MEMBERS = 0.3;

/**
 * Identifiers of the found campaigns, in their order: that of the stored one with most members in
 * common, else of one with the same traits that no other has taken, else the next free number.
 */
export async function nameCampaigns(
  db: Database,
  campaigns: readonly FoundCampaign[],
  ids: ReadonlyMap<WindowVerdict, string>,
): Promise<string[]> {
  if (campaigns.length === 0) return [];
  const stored = await db.query<
    { id: string; shared: string; detections: readonly string[] }
  >(
    sql`
SELECT id, shared, detections FROM campaigns FINAL
WHERE last_seen > now() - INTERVAL 30 DAY OR shared IN ${
      campaigns.map(({ key }) => key)
    }`,
  );
  const [highest] = await db.query<{ number: number }>(
    sql`SELECT max(toUInt32OrZero(substring(id, 3))) AS number FROM campaigns`,
  );
  const owners = new Map<string, string[]>();
  for (const { id, detections } of stored) {
    for (const member of detections) {
      owners.getOrInsertComputed(member, () => []).push(id);
    }
  }
  const sizes = new Map(stored.map((one) => [one.id, one.detections.length]));
  const taken = new Set<string>();
  let next = highest?.number ?? 0;
  return campaigns.map(({ key, members }) => {
    const own = new Set(members.map((m) => ids.get(m) as string));
    const common = new Map<string, number>();
    for (const member of own) {
      for (const id of owners.get(member) ?? []) {
        common.set(id, (common.get(id) ?? 0) + 1);
      }
    }
    const [best] = [...common].filter(([id, count]) =>
      !taken.has(id) &&
      count >= SAME_MEMBERS * Math.min(own.size, sizes.get(id) ?? 0)
    ).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    const id = best?.[0] ??
      stored.find((one) => one.shared === key && !taken.has(one.id))?.id ??
      `C-${++next}`;
    taken.add(id);
    return id;
  });
}

/** Writes a campaign with what its detections add up to. */
export async function writeCampaign(
  db: Database,
  campaign: FoundCampaign,
  context: { id: string; members: readonly string[]; now: UnixMicros },
): Promise<void> {
  // Members of earlier cycles keep their campaign_id: the table of detections knows all of them.
  await db.command(sql`
INSERT INTO campaigns (id, first_seen, last_seen, severity, title, shared, addresses, requests, detections, stats, rev)
SELECT ${context.id}, min(first_seen), max(last_seen), ${campaign.severity}, ${campaign.title}, ${campaign.key},
  uniqExact(src_ip), sum(requests), arraySort(groupUniqArray(10000)(id)), ${
    JSON.stringify(
      campaign.stats,
    )
  }, ${context.now}
FROM detections FINAL WHERE campaign_id = ${context.id} OR id IN ${context.members}`);
}
