/** SIGTERM and SIGINT as an AbortSignal. @module */

/** Listens for the two stop signals until disposed. */
export interface Shutdown extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT, or at {@linkcode Shutdown.stop}. */
  readonly signal: AbortSignal;
  /** Asks for the same stop from inside the program. */
  stop(): void;
}

/**
 * The first signal asks for a drain, the second ends the process at once with 130 (as a shell
 * reports SIGINT). SIGUSR1 is never listened for: Deno opens its inspector on it.
 */
export function listenForShutdown(): Shutdown {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
  };
  Deno.addSignalListener("SIGTERM", onSignal);
  Deno.addSignalListener("SIGINT", onSignal);
  return {
    signal: controller.signal,
    stop: () => controller.abort(),
    [Symbol.dispose](): void {
      Deno.removeSignalListener("SIGTERM", onSignal);
      Deno.removeSignalListener("SIGINT", onSignal);
    },
  };
}

/** Resolves when `signal` aborts; at once if it already has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
