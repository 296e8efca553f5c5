/** Numbers, shares, durations and times as pages write them: no locale of the host in it. @module */

/** Narrow no-break space: groups of thousands, and between a number and its unit. */
const THIN = "\u202f";

/** `18 423 907`, thousands by thin spaces. */
export function count(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** Three figures with k, M or G above 10 000: `1 912`, `48 k`, `18.4 M`. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size < 10_000) return count(value);
  const [divisor, unit] = size < 1e6
    ? [1e3, "k"] as const
    : size < 1e9
    ? [1e6, "M"] as const
    : [1e9, "G"] as const;
  const scaled = value / divisor;
  const digits = Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 1 : 0;
  return `${scaled.toFixed(digits)}${THIN}${unit}`;
}

/** A share of one as per cent with two or three figures: `2.31 %`, `0.4 %`, `97 %`. */
export function percent(share: number): string {
  const value = share * 100;
  const text = value === 0
    ? "0"
    : value >= 99.95
    ? "100"
    : value >= 10
    ? value.toFixed(0)
    : value >= 1
    ? value.toFixed(1)
    : value >= 0.1
    ? value.toFixed(2)
    : "<0.1";
  return `${text}${THIN}%`;
}

/** Up to three significant figures, without exponent: `0.042`, `1.38`, `43.5`, `1 912`. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return compact(value);
  if (size >= 100) return count(value);
  if (size === 0) return "0";
  if (size < 0.001) return value < 0 ? ">-0.001" : "<0.001";
  const digits = size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return value.toFixed(digits).replace(/\.?0+$/, "");
}

/** Bytes with a decimal unit: `512 B`, `4.2 kB`. */
export function bytes(value: number): string {
  if (value < 1000) return `${count(value)}${THIN}B`;
  const units = ["kB", "MB", "GB", "TB"];
  let scaled = value / 1000;
  let index = 0;
  while (scaled >= 1000 && index < units.length - 1) {
    scaled /= 1000;
    index++;
  }
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)}${THIN}${units[index]}`;
}

/** Length of time in the two largest units: `1.4 s`, `44 min 23 s`, `5 h 10 min`, `3 d 2 h`. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)}${THIN}ms`;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : s.toFixed(0)}${THIN}s`;
  const whole = Math.round(s);
  if (whole < 3600) {
    return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  }
  if (whole < 86_400) {
    return pair(
      Math.floor(whole / 3600),
      "h",
      Math.floor(whole % 3600 / 60),
      "min",
    );
  }
  return pair(
    Math.floor(whole / 86_400),
    "d",
    Math.floor(whole % 86_400 / 3600),
    "h",
  );
}

function pair(
  major: number,
  majorUnit: string,
  minor: number,
  minorUnit: string,
): string {
  return minor === 0
    ? `${major}${THIN}${majorUnit}`
    : `${major}${THIN}${majorUnit} ${minor}${THIN}${minorUnit}`;
}

/** Age in one unit: `12 s`, `2 min`, `15 h`, `3 d`. */
export function age(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 60) return `${Math.floor(s)}${THIN}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${THIN}min`;
  if (s < 2 * 86_400) return `${Math.floor(s / 3600)}${THIN}h`;
  return `${Math.floor(s / 86_400)}${THIN}d`;
}

/** `2026-11-23T09:53:47.118Z` as the clocks of a zone show it; a page has hundreds, so Intl is asked once a quarter of an hour. */
function localIso(ms: number, zone: string): string {
  const quarter = Math.floor(ms / QUARTER_MS);
  const key = `${quarter} ${zone}`;
  let offset = OFFSETS.get(key);
  if (offset === undefined) {
    if (OFFSETS.size >= OFFSETS_MAX) OFFSETS.clear();
    offset = offsetMs(quarter * QUARTER_MS, zone);
    OFFSETS.set(key, offset);
  }
  return new Date(ms + offset).toISOString();
}

/** Zones move their clocks at quarters of an hour (IANA tz database, since 1972). */
const QUARTER_MS = 900_000;
const OFFSETS = new Map<string, number>();
const OFFSETS_MAX = 4000;

/** How far the clocks of a zone are before those of UTC, by Intl: host locale and clock play no part. */
function offsetMs(ms: number, zone: string): number {
  const format = FORMATS.getOrInsertComputed(
    zone,
    () =>
      new Intl.DateTimeFormat("en-GB", {
        timeZone: zone,
        hourCycle: "h23",
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
      }),
  );
  const at = Object.fromEntries(
    format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = at;
  return Date.UTC(year, month - 1, day, hour, minute, second) - ms;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** `09:53`. */
export function hourMinute(ms: number, zone: string): string {
  return localIso(ms, zone).slice(11, 16);
}

/** `09:53:47`. */
export function clock(ms: number, zone: string): string {
  return localIso(ms, zone).slice(11, 19);
}

/** `09:53:47.118`. */
export function clockMs(ms: number, zone: string): string {
  return localIso(ms, zone).slice(11, 23);
}

/** `2026-11-23`. */
export function day(ms: number, zone: string): string {
  return localIso(ms, zone).slice(0, 10);
}

/** `2026-11-23 09:53:47`. */
export function dayClock(ms: number, zone: string): string {
  return localIso(ms, zone).slice(0, 19).replace("T", " ");
}

/** How a zone is labelled beside a time: `UTC`, `Europe/Paris`. */
export function zoneLabel(zone: string): string {
  return zone === "Etc/UTC" ? "UTC" : zone;
}

/** A signed contribution: `+0.19`, `−0.02` (a true minus). */
export function signed(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 ? `−${text}` : `+${text}`;
}

/** Plural by count: `1 request`, `2 requests`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? one : many}`;
}
