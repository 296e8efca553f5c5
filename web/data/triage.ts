/**
 * What analysts say of detections: forms in, rows of the append-only table `triage_events` out, and the
 * history of one detection.
 *
 * @module
 */
import type {
  TriageState,
  UnixMicros,
  VerdictLabel,
} from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql, typed } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import { isDetectionId } from "./search.ts";

/** What a form may ask for. */
export const ACTIONS = [
  "acknowledge",
  "escalate",
  "escalate_archive",
  "archive",
  "reopen",
  "true_positive",
  "false_positive",
  "benign_bot",
  "no_verdict",
  "assign",
  "unassign",
  "note",
] as const;
export type Action = typeof ACTIONS[number];

const STATE_OF: Partial<Record<Action, TriageState>> = {
  acknowledge: "acknowledged",
  escalate: "escalated",
  // Handed on, and nothing is left to do here: the history has both.
  escalate_archive: "archived",
  archive: "archived",
  reopen: "open",
};
const VERDICT_OF: Partial<Record<Action, VerdictLabel>> = {
  true_positive: "true_positive",
  false_positive: "false_positive",
  benign_bot: "benign_bot",
  no_verdict: "none",
};

/** What the column `assignee` holds where somebody took a detection from everybody. */
const NOBODY = "-";

/** Characters a note may have. */
export const NOTE_MAX = 4000;
/** Detections that one form may change. */
export const BULK_MAX = 1000;

/** A checked form. */
export interface TriageRequest {
  readonly action: Action;
  readonly ids: readonly string[];
  readonly note: string;
  /** Login of whom to assign to; undefined = whoever asks. */
  readonly assignee?: string;
}

/** Reads a triage form; a fault is a sentence. */
export function parseTriageForm(
  form: URLSearchParams,
  id?: string,
): { ok: true; request: TriageRequest } | { ok: false; message: string } {
  // A button of the menu of people says whom.
  const assignee = form.get("assign_to");
  const actionText = assignee === null ? form.get("action") ?? "" : "assign";
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
  return {
    ok: true,
    request: { action, ids, note, ...(assignee === null ? {} : { assignee }) },
  };
}

/** Minutes during which an action can be undone. */
export const UNDO_MIN = 10;

/** Microseconds between the two entries of a form that does two things; an undo takes back both. */
const STEP_US = 1;

/** What became of a request. */
export interface TriageOutcome {
  /** Detections that changed. */
  readonly changed: readonly string[];
  /** Those that already were so. */
  readonly already: number;
  /** Those that do not exist. */
  readonly unknown: number;
  /** What the changed ones were before, by identifier, and what all of them are now; "" = as it was. */
  readonly before?: Readonly<Record<string, string>>;
  readonly after?: string;
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
  { actor, now }: { actor: string; now: UnixMicros },
): Promise<TriageOutcome> {
  const current = await ask<
    { id: string; state: string; verdict: string; assignee: string }
  >(
    app,
    sql`SELECT id, state, verdict, assignee FROM detections_current
      WHERE id IN ${typed([...request.ids], "Array(String)")}`,
  );
  const { action } = request;
  const state = STATE_OF[action];
  const verdict = VERDICT_OF[action];
  const assignee = action === "assign"
    ? request.assignee ?? actor
    : action === "unassign"
    ? NOBODY
    : undefined;
  const changed = current.filter((row) =>
    action === "note" ||
    (state !== undefined && row.state !== state) ||
    (verdict !== undefined && row.verdict !== verdict) ||
    (assignee !== undefined && (row.assignee || NOBODY) !== assignee)
  ).map((row) => row.id);
  await app.insertRows(
    "triage_events",
    changed.flatMap((detection_id) => {
      const entry = {
        ts: timestamp(now),
        detection_id,
        actor,
        state: state ?? "",
        verdict: verdict ?? "",
        assignee: assignee ?? "",
        note: request.note,
      };
      return action === "escalate_archive"
        ? [
          { ...entry, state: "escalated" },
          { ...entry, ts: timestamp(now + STEP_US as UnixMicros), note: "" },
        ]
        : [entry];
    }),
  );
  const column = state !== undefined
    ? "state"
    : verdict !== undefined
    ? "verdict"
    : "assignee";
  return {
    changed,
    already: current.length - changed.length,
    unknown: request.ids.length - current.length,
    ...(action === "note" ? {} : {
      before: Object.fromEntries(
        current.filter(({ id }) => changed.includes(id))
          .map((row) => [row.id, row[column]]),
      ),
      after: state ?? verdict ?? (assignee === NOBODY ? "" : assignee ?? ""),
    }),
  };
}

/**
 * Takes back what `actor` did at `at`: each detection gets the state, verdict and assignee that it had
 * before, unless somebody has changed it since.
 *
 * @throws {DatabaseError} if it cannot be written; then nothing is said to have changed.
 */
export async function undoTriage(
  app: Database,
  at: UnixMicros,
  { actor, now }: { actor: string; now: UnixMicros },
): Promise<TriageOutcome> {
  const moment = sql`fromUnixTimestamp64Micro(${at}, 'UTC')`;
  const end = sql`fromUnixTimestamp64Micro(${at + STEP_US}, 'UTC')`;
  const rows = await ask<
    {
      id: string;
      state: string;
      verdict: string;
      assignee: string;
      later: number;
    }
  >(
    app,
    sql`WITH (e.ts BETWEEN ${moment} AND ${end} AND e.actor = ${actor}) AS undone, e.ts < ${moment} AS before
      SELECT detection_id AS id,
        if(maxIf(e.state, undone) = '', '',
          ifNull(nullIf(argMaxIf(e.state, e.ts, before AND e.state != ''), ''), 'open')) AS state,
        if(maxIf(e.verdict, undone) = '', '',
          ifNull(nullIf(argMaxIf(e.verdict, e.ts, before AND e.verdict != ''), ''), 'none')) AS verdict,
        if(maxIf(e.assignee, undone) = '', '',
          ifNull(nullIf(argMaxIf(e.assignee, e.ts, before AND e.assignee != ''), ''), ${NOBODY})) AS assignee,
        toUInt32(countIf(e.ts > ${end} AND (e.state, e.verdict, e.assignee) != ('', '', ''))) AS later
      FROM triage_events AS e
      WHERE detection_id IN (
        SELECT detection_id FROM triage_events WHERE ts = ${moment} AND actor = ${actor}
      )
      GROUP BY detection_id`,
  );
  const changed = rows.filter((row) => row.later === 0);
  await app.insertRows(
    "triage_events",
    changed.map(({ id, state, verdict, assignee }) => ({
      ts: timestamp(now),
      detection_id: id,
      actor,
      state,
      verdict,
      assignee,
      note: "",
    })),
  );
  return {
    changed: changed.map((row) => row.id),
    already: rows.length - changed.length,
    unknown: 0,
  };
}

/** Text of an instant as ClickHouse reads a DateTime64(6). */
function timestamp(at: UnixMicros): string {
  const whole = new Date(at / 1000).toISOString().slice(0, 19);
  return `${whole.replace("T", " ")}.${String(at % 1e6).padStart(6, "0")}`;
}

/** One entry of a detection's history. */
export interface TriageEntry {
  readonly tsMs: number;
  readonly actor: string;
  readonly state: string;
  readonly verdict: string;
  readonly assignee: string;
  readonly note: string;
}

/** The history of `id`, newest first. */
export async function loadTriageHistory(
  db: Database,
  id: string,
): Promise<TriageEntry[]> {
  return await ask<TriageEntry>(
    db,
    sql`SELECT toFloat64(toUnixTimestamp64Milli(ts)) AS tsMs, actor, state, verdict, assignee, note
      FROM triage_events WHERE detection_id = ${id} ORDER BY ts DESC LIMIT 200`,
  );
}
