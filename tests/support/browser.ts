/** Headless Chromium for tests, with a fresh profile. @module */
import { type Browser, chromium } from "playwright-core";
import { exists } from "../../lib/testing.ts";

const PROGRAMS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** The browser of this machine, undefined if there is none. */
export function findChromium(): string | undefined {
  return PROGRAMS.find(exists);
}

/** Starts it. */
export async function startBrowser(): Promise<Browser & AsyncDisposable> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium");
  return await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}
