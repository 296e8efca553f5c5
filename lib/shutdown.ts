/** SIGTERM and SIGINT as an AbortSignal, and waiting that one ends. @module */

/** Listens for the two stop signals until disposed. */
export interface Shutdown extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT, or at {@linkcode Shutdown.stop}. */
  readonly signal: AbortSignal;
  /** Asks for the same stop from inside the program. */
  stop(): void;
}

/**
 * Milliseconds within which a further signal is the same wish: a terminal's Ctrl-C reaches the whole
 * foreground group, and npx and `deno task` each pass it on to the program besides.
 */
const SAME_WISH_MS = 1000;

/**
 * The first signal asks for a drain, a later one ends the process at once with 130 (as a shell
 * reports SIGINT). SIGUSR1 is never listened for: Deno opens its inspector on it.
 */
export function listenForShutdown(): Shutdown {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const onSignal = (): void => {
    firstMs ??= performance.now();
    if (performance.now() - firstMs > SAME_WISH_MS) Deno.exit(130);
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

/** Waits `ms` milliseconds; ends early, without an error, when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
  return promise;
}
