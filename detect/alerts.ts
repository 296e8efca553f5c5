/**
 * What people are told of. Detections of one subject (a campaign, else an address), host and kind
 * are one alert: it is updated, not repeated. People are told when it opens, when its severity
 * rises, and again after the cooldown while it lasts; 24 quiet hours close it, and if it comes back
 * it says how often it did within 30 days. Pure.
 *
 * @module
 */
import { SEVERITIES, type Severity, type UnixMicros } from "../lib/events.ts";

/** A detection, as far as alerts go by it. */
export interface AlertSource {
  readonly id: string;
  readonly src_ip: string;
  readonly http_host: string;
  readonly campaign_id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly summary: string;
  readonly last_seen: UnixMicros;
  /** Rule that weighs most, or `model`. */
  readonly kind: string;
}

/** An alert as it is stored; `id` stands for subject, host and kind. */
export interface Alert {
  readonly id: string;
  readonly subject: string;
  readonly http_host: string;
  readonly kind: string;
  readonly state: "open" | "closed";
  readonly severity: Severity;
  readonly title: string;
  readonly summary: string;
  readonly detections: readonly string[];
  readonly opened_at: UnixMicros;
  readonly last_seen: UnixMicros;
  readonly notified_at: UnixMicros;
  readonly notified: number;
  readonly recurrence: number;
  readonly past_opens: readonly UnixMicros[];
}

/** Why people are told. */
export type Occasion = "opened" | "rose" | "lasts";

/** One thing to tell people; `id` is the same when it is made again. */
export interface Notification {
  readonly id: string;
  readonly occasion: Occasion;
  readonly alert: Alert;
}

export interface AlertOptions {
  readonly minSeverity: Severity;
  /** Time after which a lasting alert is told again. */
  readonly cooldownUs: number;
}

/** Quiet time after which an alert is closed. */
export const QUIET_US = 24 * 3600e6;
/** Time over which recurrences are counted. */
const RECURRENCE_US = 30 * 24 * 3600e6;
const DETECTIONS_MAX = 100;

/** The alert that a detection belongs to. */
export function subjectOf(
  source: AlertSource,
): Pick<Alert, "subject" | "http_host" | "kind"> {
  return {
    subject: source.campaign_id === "" ? source.src_ip : source.campaign_id,
    http_host: source.http_host,
    kind: source.kind,
  };
}

/** What becomes of alerts, and what is to be told. */
export interface Advance {
  /** Alerts that are new or have changed. */
  readonly changed: readonly Alert[];
  readonly notifications: readonly Notification[];
}

/**
 * Brings alerts up to `now`. `sources`: detections of the last day, by alert id; `known`: alerts
 * of these ids, and all that are open. The same input again changes nothing and tells nothing.
 */
export function advance(
  sources: ReadonlyMap<string, readonly AlertSource[]>,
  known: ReadonlyMap<string, Alert>,
  options: AlertOptions & { now: UnixMicros },
): Advance {
  const changed: Alert[] = [];
  const notifications: Notification[] = [];
  for (const [id, found] of sources) {
    const before = known.get(id);
    const fresh = found.filter(({ severity, last_seen }) =>
      rank(severity) >= rank(options.minSeverity) &&
      options.now - last_seen < QUIET_US &&
      (before?.state !== "closed" || last_seen > before.last_seen)
    );
    if (fresh.length === 0) continue;
    const updated = update(id, fresh, before, options.now);
    const occasion = occasionOf(updated, before, options);
    const alert = occasion === undefined ? updated : {
      ...updated,
      notified_at: options.now,
      notified: updated.notified + 1,
    };
    if (occasion !== undefined) {
      notifications.push({
        id: `${id}-${alert.opened_at}-${alert.notified}`,
        occasion,
        alert,
      });
    }
    if (before === undefined || !same(before, alert)) changed.push(alert);
  }
  for (const alert of known.values()) {
    const touched = changed.some(({ id }) => id === alert.id);
    if (
      alert.state === "open" && !touched &&
      options.now - alert.last_seen >= QUIET_US
    ) changed.push({ ...alert, state: "closed" });
  }
  return { changed, notifications };
}

function update(
  id: string,
  sources: readonly AlertSource[],
  before: Alert | undefined,
  now: UnixMicros,
): Alert {
  const newest = sources.reduce((a, b) => b.last_seen > a.last_seen ? b : a);
  const worst =
    sources.reduce((a, b) => rank(b.severity) > rank(a.severity) ? b : a)
      .severity;
  const open = before?.state === "open" ? before : undefined;
  const opened_at = open?.opened_at ?? now;
  const past_opens = (before?.past_opens ?? [])
    .filter((at) => now - at < RECURRENCE_US);
  if (open === undefined) past_opens.push(now);
  return {
    id,
    ...subjectOf(newest),
    state: "open",
    severity: open !== undefined && rank(open.severity) > rank(worst)
      ? open.severity
      : worst,
    title: newest.title,
    summary: newest.summary,
    detections: [
      ...new Set([
        ...(open?.detections ?? []),
        ...sources.map((source) => source.id),
      ]),
    ].slice(-DETECTIONS_MAX).sort(),
    opened_at,
    last_seen: Math.max(
      open?.last_seen ?? 0,
      newest.last_seen,
    ) as UnixMicros,
    notified_at: open?.notified_at ?? 0 as UnixMicros,
    notified: open?.notified ?? 0,
    recurrence: past_opens.length,
    past_opens,
  };
}

function occasionOf(
  alert: Alert,
  before: Alert | undefined,
  options: AlertOptions & { now: UnixMicros },
): Occasion | undefined {
  if (before?.state !== "open") return "opened";
  if (rank(alert.severity) > rank(before.severity)) return "rose";
  // Only what went on since people were last told is told again.
  return options.now - before.notified_at >= options.cooldownUs &&
      alert.last_seen > before.notified_at
    ? "lasts"
    : undefined;
}

function same(one: Alert, other: Alert): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}
