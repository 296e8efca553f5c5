/**
 * What analysts say of detections: forms in, rows of the append-only table `triage_events` out, and the
 * history of one detection.
 *
 * @module
 */
import type { TriageState, VerdictLabel } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql, typed } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import { isDetectionId } from "./search.ts";

/** What a form may ask for. */
export const ACTIONS = [
  "acknowledge",
  "escalate",
  "archive",
  "reopen",
  "true_positive",
  "false_positive",
  "benign_bot",
  "no_verdict",
  "note",
] as const;
export type Action = typeof ACTIONS[number];

const STATE_OF: Partial<Record<Action, TriageState>> = {
  acknowledge: "acknowledged",
  escalate: "escalated",
  archive: "archived",
  reopen: "open",
};
const VERDICT_OF: Partial<Record<Action, VerdictLabel>> = {
  true_positive: "true_positive",
  false_positive: "false_positive",
  benign_bot: "benign_bot",
  no_verdict: "none",
};

/** Characters a note may have. */
export const NOTE_MAX = 4000;
/** Detections that one form may change. */
export const BULK_MAX = 1000;

/** A checked form. */
export interface TriageRequest {
  readonly action: Action;
  readonly ids: readonly string[];
  readonly note: string;
}

/** Reads a triage form; a fault is a sentence. */
export function parseTriageForm(
  form: URLSearchParams,
  id?: string,
): { ok: true; request: TriageRequest } | { ok: false; message: string } {
  const actionText = form.get("action") ?? "";
  const action = ACTIONS.find((one) => one === actionText);
  if (action === undefined) {
    return {
      ok: false,
      message: `"${
        actionText.slice(0, 60)
      }" is not something that can be done to a detection.`,
    };
  }
  const ids = id === undefined ? [...new Set(form.getAll("id"))] : [id];
  if (ids.length === 0) {
    return { ok: false, message: "No detection is selected." };
  }
  if (ids.length > BULK_MAX) {
    return {
      ok: false,
      message: `At most ${BULK_MAX} detections can be changed at once.`,
    };
  }
  if (!ids.every(isDetectionId)) {
    return { ok: false, message: "An identifier of a detection is damaged." };
  }
  const note = (form.get("note") ?? "").trim();
  if (note.length > NOTE_MAX) {
    return {
      ok: false,
      message:
        `A note has at most ${NOTE_MAX} characters, this one ${note.length}.`,
    };
  }
  if (action === "note" && note === "") {
    return { ok: false, message: "The note is empty." };
  }
  return { ok: true, request: { action, ids, note } };
}

/** What became of a request. */
export interface TriageOutcome {
  /** Detections that changed. */
  readonly changed: readonly string[];
  /** Those that already were so. */
  readonly already: number;
  /** Those that do not exist. */
  readonly unknown: number;
}

/**
 * Writes what `request` asks for.
 *
 * @param app the database as the user that may insert.
 * @throws {DatabaseError} if it cannot be written; then nothing is said to have changed.
 */
export async function applyTriage(
  app: Database,
  request: TriageRequest,
  actor: string,
): Promise<TriageOutcome> {
  const current = await ask<{ id: string; state: string; verdict: string }>(
    app,
    sql`SELECT id, state, verdict FROM detections_current
      WHERE id IN ${typed([...request.ids], "Array(String)")}`,
  );
  const state = STATE_OF[request.action];
  const verdict = VERDICT_OF[request.action];
  const changed = current.filter((row) =>
    request.action === "note" ||
    (state !== undefined && row.state !== state) ||
    (verdict !== undefined && row.verdict !== verdict)
  ).map((row) => row.id);
  await app.insertRows(
    "triage_events",
    changed.map((detection_id) => ({
      detection_id,
      actor,
      state: state ?? "",
      verdict: verdict ?? "",
      assignee: "",
      note: request.note,
    })),
  );
  return {
    changed,
    already: current.length - changed.length,
    unknown: request.ids.length - current.length,
  };
}

/** One entry of a detection's history. */
export interface TriageEntry {
  readonly tsMs: number;
  readonly actor: string;
  readonly state: string;
  readonly verdict: string;
  readonly note: string;
}

/** The history of `id`, newest first. */
export async function loadTriageHistory(
  db: Database,
  id: string,
): Promise<TriageEntry[]> {
  return await ask<TriageEntry>(
    db,
    sql`SELECT toFloat64(toUnixTimestamp64Milli(ts)) AS tsMs, actor, state, verdict, note
      FROM triage_events WHERE detection_id = ${id} ORDER BY ts DESC LIMIT 200`,
  );
}
