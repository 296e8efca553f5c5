/** Quantities in words, as people say them: "3 requests", "0.4 %", "25 ms", "2.5 h". @module */
import { printable, shorten } from "../lib/text.ts";

/** Text of a client in quotation marks, shortened and made visible; empty for none. */
export function quoted(text: string | undefined): string {
  return text === undefined || text === ""
    ? ""
    : `"${shorten(printable(text), 50)}"`;
}

/** The name with its possessive ending. */
export function possessive(name: string): string {
  return `${name}'s`;
}

/** A number and the word for what is counted. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** A quantity: whole, or to one decimal. */
export function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** A share, 0..1, as a percentage that two digits tell. */
export function percent(value: number): string {
  const hundredths = 100 * value;
  if (hundredths > 0 && hundredths < 0.01) return "under 0.01 %";
  return `${
    hundredths.toFixed(
      hundredths === 0 || hundredths >= 2 ? 0 : hundredths >= 0.1 ? 1 : 2,
    )
  } %`;
}

/** A length of time of milliseconds. */
export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** A length of time in the unit that suits it. */
export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 100) return `${value.toFixed(0)} s`;
  return value < 5400
    ? `${(value / 60).toFixed(0)} min`
    : `${(value / 3600).toFixed(1)} h`;
}

/** part / whole, at most 1; 0 of nothing. */
export function ratio(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, part / whole) : 0;
}

/** log2(1 + x). */
export function log2p1(x: number): number {
  return Math.log2(1 + x);
}
