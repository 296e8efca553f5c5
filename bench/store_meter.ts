/** What the benchmarks of the store share: CPU time of both sides, medians, and the line of a figure. @module */
import process from "node:process";

/** Kernel clock ticks a second of /proc/PID/stat: 100 on every Linux that Deno runs on. */
const TICKS = 100;

/** CPU microseconds that this process and process `pid` have used. */
export function cpuUs(pid: number): number {
  const { user, system } = process.cpuUsage();
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // proc(5): after the name in parentheses, utime and stime are the 12th and 13th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return user + system + ticks * 1e6 / TICKS;
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** A figure and what it is compared with, in the same unit and run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: number;
  /** Value by baseline, where it was measured as such. @default their quotient */
  readonly ratio?: number;
  /** More that was measured with it. */
  readonly detail?: Readonly<Record<string, number>>;
}

/** Prints a figure as one line of JSON. */
export function report(
  { name, value, unit, baseline, ratio = value / baseline, detail }: Figure,
  command: string,
): void {
  const line = {
    name,
    value: Number(value.toPrecision(4)),
    unit,
    baseline: Number(baseline.toPrecision(4)),
    ratio: Number(ratio.toFixed(2)),
    ...detail,
    command,
  };
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}
