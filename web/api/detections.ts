/** What calls about detections share: their query, and what a change of them answers. @module */
import type { Context } from "fresh";
import type { UnixMicros } from "../../lib/events.ts";
import type { Sql } from "../../lib/sql.ts";
import { type DetectionView, loadDetection } from "../data/detection.ts";
import { isDetectionId } from "../data/search.ts";
import {
  loadTriageHistory,
  type TriageEntry,
  type TriageOutcome,
} from "../data/triage.ts";
import { compileQuery, QueryError } from "../query/compile.ts";
import { parseQuery } from "../query/parse.ts";
import { pathParam } from "../path_param.ts";
import type { State } from "../utils.ts";
import { ApiError } from "./error.ts";

/** The condition on detections_current that `text` asks for. @throws {ApiError} 400 */
export function detectionsWhere(ctx: Context<State>, text: string): Sql {
  const nowMs = ctx.state.now() / 1000;
  const parsed = parseQuery(text);
  if (!parsed.ok) {
    const { message, at, length, suggestion } = parsed.fault;
    throw new ApiError(400, "query-syntax", message, {
      position: at,
      length,
      ...(suggestion === undefined ? {} : { hint: suggestion }),
    });
  }
  try {
    return compileQuery(parsed.query, "detections", {
      range: { from: new Date(0), to: new Date(nowMs) },
      nowMs,
    });
  } catch (thrown) {
    if (!(thrown instanceof QueryError)) throw thrown;
    throw new ApiError(400, "query-syntax", thrown.message);
  }
}

/** What became of several detections; `at` is the moment by which it can be undone. */
export function bulkAnswer(
  { changed, already, unknown }: TriageOutcome,
  at?: UnixMicros,
): Readonly<Record<string, unknown>> {
  return {
    changed: changed.length,
    already,
    skipped: unknown,
    undo: at === undefined || changed.length === 0 ? null : String(at),
  };
}

/** What is told of the detection of the path. @throws {ApiError} 404 */
export async function detectionAnswer(
  ctx: Context<State>,
): Promise<Readonly<Record<string, unknown>>> {
  const found = await detectionOf(ctx);
  const history = await loadTriageHistory(ctx.state.db, found.id);
  return {
    id: found.id,
    first_seen: new Date(found.firstSeenMs).toISOString(),
    last_seen: new Date(found.lastSeenMs).toISOString(),
    src_ip: found.src_ip,
    ja4: found.ja4,
    http_host: found.http_host,
    severity: found.severity,
    score: found.score,
    title: found.title,
    requests: found.requests,
    state: found.state,
    verdict: found.verdict,
    assignee: found.assignee,
    campaign_id: found.campaign_id,
    summary: found.summary,
    base: found.base,
    reasons: found.reasons,
    rules: found.rules,
    history: history.map(toldEntry),
  };
}

/** There is none of that identifier. */
export function noSuchDetection(id: string): ApiError {
  return new ApiError(
    404,
    "not-found",
    `There is no detection "${id.slice(0, 60)}"`,
  );
}

/** The detection of the path. @throws {ApiError} 404 */
export async function detectionOf(
  ctx: Context<State>,
): Promise<DetectionView> {
  const id = pathParam(ctx, "id");
  const found = isDetectionId(id)
    ? await loadDetection(ctx.state.db, id)
    : undefined;
  if (found === undefined) throw noSuchDetection(id);
  return found;
}

/** An entry of a detection's history. */
export function toldEntry(
  { tsMs, ...entry }: TriageEntry,
): Readonly<Record<string, string>> {
  return { ts: new Date(tsMs).toISOString(), ...entry };
}
