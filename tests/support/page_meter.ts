/** What pages weigh and how soon they answer, as a browser and a clock see it. @module */
import assert from "node:assert/strict";
import process from "node:process";
import { gzipSync } from "node:zlib";
import type { CDPSession, Page } from "playwright-core";
import { listening } from "./journey.ts";
import type { Store } from "./store.ts";

/** KiB compressed, each file by itself. */
export interface Weights {
  readonly script: number;
  readonly stylesheet: number;
  readonly document: number;
}

/** Bytes of files that pages share, compressed, by address. */
const weighed = new Map<string, Promise<number>>();

/**
 * What the open page loads by kind. Its islands' scripts must have been asked for: they are together, and
 * LivePulse is on every page.
 *
 * @param body of the document.
 */
export async function weightsOf(
  page: Page,
  body: Uint8Array,
): Promise<Weights> {
  await page.waitForFunction(() =>
    performance.getEntriesByType("resource")
      .some(({ name }) => name.endsWith("/islands/LivePulse.js"))
  );
  const names = await page.evaluate(() =>
    performance.getEntriesByType("resource").map(({ name }) => name)
  );
  const weigh = async (end: string): Promise<number> => {
    const files = names.filter((name) => new URL(name).pathname.endsWith(end));
    const sizes = await Promise.all(
      files.map((name) => weighed.getOrInsertComputed(name, compressed)),
    );
    return sizes.reduce((sum, size) => sum + size, 0) / 1024;
  };
  return {
    script: await weigh(".js"),
    stylesheet: await weigh(".css"),
    document: gzipSync(body).byteLength / 1024,
  };
}

async function compressed(url: string): Promise<number> {
  return gzipSync(await (await fetch(url)).bytes()).byteLength;
}

/** Whether times mean anything: fewer programs want to run than there are processors. */
export function isCalm(): boolean {
  return (Deno.loadavg()[0] ?? 0) < navigator.hardwareConcurrency + 1;
}

/** Milliseconds of CPU that the store and this process have used. */
export async function cpuMs(store: Store): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${store.pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Ticks of a hundredth of a second (proc(5), utime and stime).
  const ticks = Number(fields[11]) + Number(fields[12]);
  const { user, system } = process.cpuUsage();
  return ticks * 10 + (user + system) / 1000;
}

/** Milliseconds of `rounds` runs, shortest first; one more run warms up and is not counted. */
export async function timesOf(
  rounds: number,
  run: () => Promise<unknown>,
): Promise<number[]> {
  await run();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

/** The smallest of `sorted` that `share` of them do not exceed: of twenty, the 95th percentile is the nineteenth. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** When the largest part of a page was painted, ms, and how far its parts moved before somebody touched them. */
export interface Vitals {
  readonly lcp: number;
  readonly cls: number;
}

/** Has every page that `page` opens from now on note its {@linkcode Vitals}. */
export async function watchVitals(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const vitals = { lcp: 0, cls: 0 };
    Object.assign(globalThis, { vitals });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) vitals.lcp = entry.startTime;
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        vitals.cls += (entry as PerformanceEntry & { value: number }).value;
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** The {@linkcode Vitals} of a page at a quarter of the speed, once its islands stand and two frames are painted. */
export async function vitalsOf(
  page: Page,
  session: CDPSession,
  url: string,
): Promise<Vitals> {
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.goto(url);
  await listening(page);
  await page.waitForFunction(() =>
    (globalThis as unknown as { vitals: Vitals }).vitals.lcp > 0
  );
  return await page.evaluate(() =>
    new Promise<Vitals>((resolve) =>
      requestAnimationFrame(() =>
        requestAnimationFrame(() =>
          // Observers hear of a frame after it.
          setTimeout(() =>
            resolve({
              ...(globalThis as unknown as { vitals: Vitals }).vitals,
            })
          )
        )
      )
    )
  );
}

/** Milliseconds from what a person does to the frame that shows what came of it. */
export async function inputToPaint(
  page: Page,
  type: "keydown" | "pointermove",
  act: () => Promise<void>,
): Promise<number> {
  // The listener stands before it is done: what it waits for is asked for afterwards.
  const painted = await page.evaluateHandle((name) => ({
    delay: new Promise<number>((resolve) => {
      document.addEventListener(name, ({ timeStamp }) => {
        requestAnimationFrame(() =>
          setTimeout(() => resolve(performance.now() - timeStamp))
        );
      }, { once: true, capture: true });
    }),
  }), type);
  await act();
  return await painted.evaluate(({ delay }) => delay);
}

/** Fails where a page weighs more than its budget. */
export function assertWithin(
  path: string,
  weights: Weights,
  budget: Weights,
): void {
  for (const kind of ["script", "stylesheet", "document"] as const) {
    assert.ok(
      weights[kind] > 0 && weights[kind] <= budget[kind],
      `${path}: ${kind} of ${weights[kind].toFixed(1)} KiB, budget ${
        budget[kind]
      }`,
    );
  }
}
