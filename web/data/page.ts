/** What every page's handler begins with: its range, and what its components share. @module */
import { type Context, HttpError } from "fresh";
import type { PageView } from "../components/page_view.ts";
import type { State } from "../utils.ts";
import { attempt, attemptAll, type Loaded, STILL_LOADING } from "./ask.ts";
import { loadFirstData } from "./overview.ts";
import { parseRange, type TimeRange } from "./range.ts";

/** The clock, zone and rights that a page's components need. */
export function pageView(ctx: Context<State>): PageView {
  return {
    url: withoutWait(ctx.url),
    nowMs: ctx.state.now() / 1000,
    zone: ctx.state.preferences.zone,
    mayTriage: ctx.state.can("triage"),
    login: ctx.state.user.login,
  };
}

/** Parameter of an address that waits for each panel, however long it takes. */
export const WAIT = "wait";

function withoutWait(url: URL): URL {
  const plain = new URL(url);
  plain.searchParams.delete(WAIT);
  return plain;
}

/**
 * The panels of a page. What is not answered soon stands in the page as still loading, and the page that the
 * browser then asks for (islands/ShellScript.tsx) waits for all.
 */
export async function pagePanels<Panels extends Record<string, unknown>>(
  ctx: Context<State>,
  questions: { readonly [Name in keyof Panels]: Promise<Panels[Name]> },
): Promise<{ [Name in keyof Panels]: Loaded<Panels[Name]> }> {
  const panels = await attemptAll(
    questions,
    ctx.url.searchParams.has(WAIT) ? Infinity : ctx.state.services.patienceMs,
  );
  ctx.state.late ||= Object.values<Loaded<unknown>>(panels).some((panel) =>
    !panel.ok && panel.message === STILL_LOADING
  );
  return panels;
}

/**
 * The range of the URL, or the shortest that covers the data.
 *
 * @throws {HttpError} 400 with a sentence if the URL's range cannot be understood.
 */
export async function pageRange(ctx: Context<State>): Promise<TimeRange> {
  const nowMs = ctx.state.now() / 1000;
  const { searchParams } = ctx.url;
  const explicit = searchParams.has("from") || searchParams.has("to");
  const first = explicit
    ? undefined
    : await attempt(loadFirstData(ctx.state.db, nowMs));
  const parsed = parseRange(
    ctx.url,
    nowMs,
    first?.ok === true ? first.value : undefined,
  );
  if (!parsed.ok) throw new HttpError(400, parsed.message);
  ctx.state.range = parsed.range;
  return parsed.range;
}

/** The page that led to this one; the Overview if it was none of ours. */
export function pageBefore(ctx: Context<State>): URL {
  const before = URL.parse(ctx.req.headers.get("referer") ?? "");
  return before === null || before.host !== ctx.url.host
    ? new URL("/", ctx.url)
    : before;
}
