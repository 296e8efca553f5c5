import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import type { PreviewData } from "../components/detection_preview.tsx";
import { askOne } from "./ask.ts";
import { loadDetection } from "./detection.ts";

/** What is shown of detection `id` beside the list; undefined if there is none. */
export async function loadPreview(
  db: Database,
  id: string,
): Promise<PreviewData | undefined> {
  const detection = await loadDetection(db, id);
  if (detection === undefined) return undefined;
  const row = await askOne<{ client: string }>(
    db,
    sql`SELECT dictGet('dict_ja4', 'label', tuple(${detection.ja4})) AS client`,
  );
  return { detection, client: row?.client ?? "" };
}
