/** Waiting for a host to come to a state. @module */
import { FatalError } from "../lib/errors.ts";
import { pause } from "../lib/shutdown.ts";

const ASK_MS = 100;

/**
 * Asks until `probe` says yes.
 *
 * @throws {FatalError} `unavailable` with `otherwise` after `limitMs`, or when `signal` aborts.
 */
export async function eventuallyTrue(
  probe: () => Promise<boolean>,
  limitMs: number,
  signal: AbortSignal,
  otherwise: string,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!await probe()) {
    if (signal.aborted || performance.now() > deadline) {
      throw new FatalError("unavailable", otherwise);
    }
    await pause(ASK_MS, signal);
  }
}
