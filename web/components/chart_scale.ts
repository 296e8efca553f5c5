/** Arithmetic that the charts share. Positions along x are per cent of the plot, so that it may have any width. @module */
import { clock, day, hourMinute } from "./format.ts";

/** `12.35%`: a tenth of a pixel of a plot 1000 pixels wide. */
export function per(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}

/** Round values from 0 upwards that cover `max` in about `count` steps. */
export function ticksOf(max: number, count = 4): number[] {
  if (!(max > 0)) return [0];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power)
    .find((one) => one >= rough) ?? 10 * power;
  const whole = Math.max(1, step);
  return Array.from(
    { length: Math.ceil(max / whole) + 1 },
    (_, index) => index * whole,
  );
}

/** A label below the plot. */
export interface TimeTick {
  /** 0..1 from left. */
  readonly at: number;
  readonly text: string;
  /** Where its text stands against it: at the edges of the plot inwards, so that none of it is cut off. */
  readonly anchor: "start" | "middle" | "end";
  /** Left out where there is little room. */
  readonly minor: boolean;
}

const TICK_STEPS_S = [
  1,
  2,
  5,
  10,
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  10_800,
  21_600,
  43_200,
  86_400,
  2 * 86_400,
  7 * 86_400,
  30 * 86_400,
];

/** Share of the plot within which half a label would stand out of it on a phone. */
const EDGE = 0.06;

/** Labels at round times between two instants: hours, or days where they are far apart. */
export function timeTicks(
  fromMs: number,
  toMs: number,
  zone: string,
): TimeTick[] {
  const span = (toMs - fromMs) / 1000;
  const stepS = TICK_STEPS_S.find((step) => span / step <= 8) ??
    90 * 86_400;
  const ticks: TimeTick[] = [];
  const stepMs = stepS * 1000;
  let index = 0;
  for (let at = Math.ceil(fromMs / stepMs) * stepMs; at < toMs; at += stepMs) {
    const share = (at - fromMs) / (toMs - fromMs);
    if (share < 0.02 || share > 0.98) continue;
    ticks.push({
      at: share,
      text: stepS >= 86_400
        ? day(at, zone).slice(5)
        : stepS < 60
        ? clock(at, zone)
        : hourMinute(at, zone),
      anchor: share < EDGE ? "start" : share > 1 - EDGE ? "end" : "middle",
      minor: index++ % 2 === 1,
    });
  }
  return ticks;
}
