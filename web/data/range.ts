/**
 * The time range of a page: `from` and `to` of its URL in, two instants and a column width out.
 *
 * `from` and `to` are ISO 8601 instants or relative to now (`-15m`, `-24h`, `-7d`, `now`). Relative stays
 * relative in every link, so that a page in a tab keeps following the clock. Without either, the page
 * shows the shortest preset that covers the data there is: minutes after an installation the charts are
 * already full.
 *
 * @module
 */

/** What a page shows. */
export interface TimeRange {
  readonly from: Date;
  readonly to: Date;
  /** Seconds a chart column stands for; the columns of a range are at most {@linkcode COLUMNS_MAX}. */
  readonly stepS: number;
  /** For a person: `Last 24 hours`, or the two instants. */
  readonly label: string;
  /** The URL names the range; otherwise it was chosen from the data. */
  readonly explicit: boolean;
}

/** A range or what is wrong with it, as a sentence for the page. */
export type ParsedRange =
  | { readonly ok: true; readonly range: TimeRange }
  | { readonly ok: false; readonly message: string };

/** One choice of the range menu. */
export interface Preset {
  /** Value of `from`; `to` is now. */
  readonly from: string;
  readonly seconds: number;
  readonly label: string;
}

export const PRESETS: readonly Preset[] = [
  { from: "-15m", seconds: 900, label: "Last 15 minutes" },
  { from: "-1h", seconds: 3600, label: "Last hour" },
  { from: "-6h", seconds: 6 * 3600, label: "Last 6 hours" },
  { from: "-24h", seconds: 86_400, label: "Last 24 hours" },
  { from: "-7d", seconds: 7 * 86_400, label: "Last 7 days" },
  { from: "-30d", seconds: 30 * 86_400, label: "Last 30 days" },
];

/** Most columns a chart of this range has. */
export const COLUMNS_MAX = 96;

const DEFAULT_FROM = "-24h";
const RANGE_MIN_S = 10;
const RANGE_MAX_S = 400 * 86_400;
const UNIT_S: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
};
const STEPS_S: readonly number[] = [
  10,
  30,
  60,
  300,
  900,
  1800,
  3600,
  7200,
  21_600,
  28_800,
  86_400,
  7 * 86_400,
];
/** Parameters that every internal link carries. */
const CARRIED = ["from", "to", "tz"] as const;

/** Seconds of a relative instant such as `-24h`; undefined if it is not one. */
function relativeSeconds(text: string): number | undefined {
  if (text === "now") return 0;
  const match = /^-(\d{1,5})([smhd])$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_S[match[2] ?? ""] ?? 0);
}

/** Milliseconds since the epoch of what `from` or `to` says. */
function instant(text: string, nowMs: number): number | undefined {
  const seconds = relativeSeconds(text);
  if (seconds !== undefined) return nowMs - seconds * 1000;
  const iso =
    /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:\d{2})?$/
      .exec(text);
  if (iso === null) return undefined;
  const ms = Date.parse(`${iso[1]}${iso[2] ?? "Z"}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * Reads `from` and `to` of `url`.
 *
 * @param firstMs when the oldest data of the last day began, milliseconds since the epoch: the default
 * range covers it.
 */
export function parseRange(
  url: URL,
  nowMs: number,
  firstMs?: number,
): ParsedRange {
  const fromText = url.searchParams.get("from") ?? "";
  const toText = url.searchParams.get("to") ?? "";
  const explicit = fromText !== "" || toText !== "";
  const chosen = fromText !== ""
    ? fromText
    : explicit
    ? DEFAULT_FROM
    : presetCovering(nowMs, firstMs);
  const fromMs = instant(chosen, nowMs);
  if (fromMs === undefined) {
    return { ok: false, message: notUnderstood("from", chosen) };
  }
  const toMs = instant(toText === "" ? "now" : toText, nowMs);
  if (toMs === undefined) {
    return { ok: false, message: notUnderstood("to", toText) };
  }
  const seconds = (toMs - fromMs) / 1000;
  if (seconds < RANGE_MIN_S) {
    return {
      ok: false,
      message:
        `The range must begin at least ${RANGE_MIN_S} seconds before it ends: "from" is ${
          new Date(fromMs).toISOString()
        }, "to" is ${new Date(toMs).toISOString()}.`,
    };
  }
  if (seconds > RANGE_MAX_S) {
    return {
      ok: false,
      message: `The range may be at most ${RANGE_MAX_S / 86_400} days long.`,
    };
  }
  const preset = toText === "" || toText === "now"
    ? PRESETS.find((one) => one.from === chosen)
    : undefined;
  const range = rangeBetween(new Date(fromMs), new Date(toMs));
  return {
    ok: true,
    range: { ...range, label: preset?.label ?? range.label, explicit },
  };
}

/** The range between two instants. */
export function rangeBetween(from: Date, to: Date): TimeRange {
  const seconds = (to.getTime() - from.getTime()) / 1000;
  return {
    from,
    to,
    stepS: STEPS_S.find((step) => seconds / step <= COLUMNS_MAX) ?? 7 * 86_400,
    label: `${stamp(from.getTime())} to ${stamp(to.getTime())} UTC`,
    explicit: true,
  };
}

function presetCovering(nowMs: number, firstMs: number | undefined): string {
  if (firstMs === undefined) return DEFAULT_FROM;
  const age = (nowMs - firstMs) / 1000;
  return PRESETS.find((one) => one.seconds >= age && one.seconds <= 86_400)
    ?.from ?? DEFAULT_FROM;
}

function notUnderstood(name: string, text: string): string {
  return `Cannot read "${name}" of the time range: expected an instant such as 2026-01-31T09:00:00Z, or one relative to now such as -15m, -24h or -7d, found "${
    text.slice(0, 60)
  }".`;
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

/**
 * `path` with the range of `url` carried along. `change` sets parameters; an empty value removes one.
 */
export function withRange(
  path: string,
  url: URL,
  change: Readonly<Record<string, string>> = {},
): string {
  const carried = carriedBy(url);
  const changes = Object.keys(change).length > 0;
  // Most links of a page: nothing in them has to be read or spelled otherwise.
  if (!changes && PLAIN_PATH.test(path)) {
    return carried.text === "" ? path : `${path}?${carried.text}`;
  }
  const target = new URL(path, "http://local");
  for (const [name, value] of carried.values) {
    if (!target.searchParams.has(name)) target.searchParams.set(name, value);
  }
  for (const [name, value] of Object.entries(change)) {
    if (value === "") target.searchParams.delete(name);
    else target.searchParams.set(name, value);
  }
  return target.pathname + target.search;
}

/** A path as URL writes it, without parameters. */
const PLAIN_PATH = /^(?:\/(?!\.)[\w.:%~-]*)+$/;

/** What {@linkcode CARRIED} says of a URL. */
interface Carried {
  readonly search: string;
  readonly values: readonly (readonly [name: string, value: string])[];
  readonly text: string;
}

const carriedByUrl = new WeakMap<URL, Carried>();

function carriedBy(url: URL): Carried {
  const known = carriedByUrl.get(url);
  if (known !== undefined && known.search === url.search) return known;
  const values = CARRIED.flatMap((name) => {
    const value = url.searchParams.get(name) ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  const carried: Carried = {
    search: url.search,
    values,
    text: new URLSearchParams(values.map(([name, value]) => [name, value]))
      .toString(),
  };
  carriedByUrl.set(url, carried);
  return carried;
}

/** This page with some parameters changed, all others kept. */
export function withParams(
  url: URL,
  change: Readonly<Record<string, string>>,
): string {
  return withRange(url.pathname + url.search, url, change);
}

/** A stretch of time within a page's range. */
export interface Stretch {
  readonly from: Date;
  readonly to: Date;
}

/** The stretch that two parameters of a URL name; undefined without both, or if they are no instants in order. */
export function parseStretch(
  url: URL,
  [fromName, toName]: readonly [from: string, to: string],
): Stretch | undefined {
  const [from, to] = [fromName, toName].map((name) =>
    Date.parse(url.searchParams.get(name) ?? "")
  );
  return from === undefined || to === undefined || !(from < to)
    ? undefined
    : { from: new Date(from), to: new Date(to) };
}

/** The range before or after this one, of the same length, as instants. */
export function shifted(
  range: TimeRange,
  direction: -1 | 1,
): { readonly from: string; readonly to: string } {
  const length = range.to.getTime() - range.from.getTime();
  const move = (at: Date): string =>
    new Date(at.getTime() + direction * length).toISOString().slice(0, 19) +
    "Z";
  return { from: move(range.from), to: move(range.to) };
}

/** The range twice as long around the same middle, not beyond now, as instants. */
export function widened(
  range: TimeRange,
  nowMs: number,
): { readonly from: string; readonly to: string } {
  const half = (range.to.getTime() - range.from.getTime()) / 2;
  const to = Math.min(nowMs, range.to.getTime() + half);
  const text = (ms: number): string =>
    new Date(ms).toISOString().slice(0, 19) + "Z";
  return { from: text(to - 4 * half), to: text(to) };
}
