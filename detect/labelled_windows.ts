/** Scored windows that labels speak of, as examples to learn weights from. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { isIpv4, parseIp } from "../lib/ip.ts";
import { sql } from "../lib/sql.ts";
import {
  ANCHOR_EXAMPLES,
  ANCHOR_WEIGHT,
  type Example,
} from "./label_weights.ts";
import type { Label, LabelSet } from "./labels.ts";
import type { ReferenceModel } from "./reference_model.ts";

/** Windows of one client that a label on more than a window counts with. */
const WINDOWS_EACH = 8;

interface ScoredRow {
  readonly window_start: UnixMicros;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly features: readonly number[];
}

/** Labels as examples: a label counts 1 however many windows it speaks of. */
export async function readExamples(
  db: Database,
  labels: LabelSet,
  context: { reference: ReferenceModel; signal?: AbortSignal | undefined },
): Promise<{ examples: Example[]; labels: number }> {
  const said = labels.all.filter(({ label }) => label !== "unsure");
  if (said.length === 0) return { examples: [], labels: 0 };
  const addresses = [
    ...new Set(
      said.map(({ src_ip }) => isIpv4(src_ip) ? `::ffff:${src_ip}` : src_ip),
    ),
  ];
  const rows = await db.query<ScoredRow>(
    sql`
SELECT toUnixTimestamp(s.window_start) * 1000000 AS window_start, src_ip, ja4, http_host, features
FROM (SELECT * FROM scores FINAL) AS s
WHERE src_ip IN (SELECT toIPv6(arrayJoin(${addresses}))) AND length(features) = ${FEATURES.length}
ORDER BY window_start DESC LIMIT 64 BY src_ip, ja4, http_host`,
    {
      signal: context.signal,
      settings: { output_format_json_quote_64bit_integers: 0 },
      timeoutMs: 60_000,
    },
  );
  const byClient = Map.groupBy(
    rows,
    (row) => clientKey({ ...row, src_ip: parseIp(row.src_ip) ?? "" }),
  );
  let used = 0;
  const examples = said.flatMap((label) => {
    const own = windowsOf(label, byClient.get(clientKey(label)) ?? []);
    if (own.length > 0) used++;
    return own.map(({ features }) => ({
      bits: context.reference.bits(Float32Array.from(features)),
      bot: label.label === "bot",
      weight: 1 / own.length,
    }));
  });
  return { examples, labels: used };
}

/** Windows of the reference as weak examples of people. */
export function anchorExamples(
  values: Float32Array,
  reference: ReferenceModel,
): Example[] {
  const width = FEATURES.length;
  const rows = values.length / width;
  const step = Math.max(1, rows / ANCHOR_EXAMPLES);
  const examples: Example[] = [];
  for (let at = 0; at < rows; at += step) {
    const row = Math.floor(at);
    examples.push({
      bits: reference.bits(values.subarray(row * width, (row + 1) * width)),
      bot: false,
      weight: ANCHOR_WEIGHT,
    });
  }
  return examples;
}

function windowsOf(label: Label, rows: readonly ScoredRow[]): ScoredRow[] {
  const looked = rows.filter(({ window_start }) =>
    window_start === label.window_start
  );
  return label.scope === "window" ? looked : rows.slice(0, WINDOWS_EACH);
}

function clientKey(
  of: { src_ip: string; ja4: string; http_host: string },
): string {
  return JSON.stringify([of.src_ip, of.ja4, of.http_host]);
}
