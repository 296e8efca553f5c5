/** What people have set and said, as a cycle goes by it: lists, labels, settings. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { type Sql, sql } from "../lib/sql.ts";
import type { ModelName } from "./detector_model.ts";
import { type LabelSet, readLabels } from "./labels.ts";
import { type ClientLists, readLists } from "./lists.ts";
import { rateFor, readSettings, type Settings } from "./settings.ts";
import type { VerdictOptions } from "./verdict.ts";
import type { WindowFacts } from "./windows.ts";

/** What a cycle judges by; read anew in each. */
export interface Terms {
  readonly lists: ClientLists;
  readonly labels: LabelSet;
  readonly options: VerdictOptions;
}

/** The terms in force at `now`. `settings`, `models`: as configured. */
export async function readTerms(
  db: Database,
  configured: {
    readonly settings: Settings;
    readonly models: ReadonlySet<ModelName>;
  },
  { now, signal }: { now: UnixMicros; signal?: AbortSignal | undefined },
): Promise<Terms> {
  const lists = await readLists(db, signal);
  const labels = await readLabels(db, now, signal);
  const settings = await readSettings(db, configured.settings, signal);
  return {
    lists,
    labels,
    options: {
      alarmRate: await rateFor(db, settings, { now, signal }),
      rules: settings.rules,
      models: configured.models,
      lists,
      labels,
    },
  };
}

/** Whether the deny list or a label says that a client is no person. */
export function isDenied(
  { lists, labels }: Terms,
  facts: WindowFacts,
): boolean {
  return lists.deniedBy(facts) !== "" ||
    ["bot", "good_bot"].includes(labels.of(facts)?.label ?? "");
}

/** Clients that teach nothing: denied ones, and those that an analyst called bots. */
export function untaught({ lists, labels }: Terms): Sql {
  const { networks, ja4s, hosts } = lists.denied;
  const bots = labels.all.filter(({ label, scope }) =>
    label === "bot" && scope !== "window"
  );
  const addresses = bots.map(({ src_ip }) =>
    src_ip.includes(":") ? `${src_ip}/128` : `::ffff:${src_ip}/128`
  );
  const all = [...new Set([...networks, ...addresses])].slice(0, 5000);
  const wide = bots.flatMap(({ scope, ja4 }) => scope === "ja4" ? [ja4] : []);
  return sql`ja4 IN ${[...ja4s, ...wide]} OR http_host IN ${hosts}
    OR arrayExists(prefix -> isIPAddressInRange(toString(src_ip), prefix), ${all})`;
}
