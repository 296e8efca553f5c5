/** What tests beside the code and across folders share. Nothing in production imports this. @module */

/**
 * Options for `Deno.test` of a test that needs something the machine may lack. Where `present` is
 * false the test is ignored and a line `SKIP reason` is printed, which `task test` counts and
 * compares with the skips it expects.
 */
export function needs(present: boolean, reason: string): { ignore: boolean } {
  // deno-lint-ignore no-console -- the line is the protocol with tools/test.ts
  if (!present) console.log(`SKIP ${reason}`);
  return { ignore: !present };
}

/** Whether `path` exists. */
export function exists(path: string | URL): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A temporary folder that is removed at the end of the scope. */
export async function temporaryFolder(): Promise<
  { path: string } & AsyncDisposable
> {
  const path = await Deno.makeTempDir({ prefix: "ja4-test-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/**
 * Asks `probe` every 20 ms until it gives a value other than undefined or false.
 *
 * @throws {Error} naming `what` after `timeoutMs`.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
