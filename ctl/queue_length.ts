/**
 * How many datagrams a UNIX socket holds until they are read. The kernel gives a socket the value of
 * `net.unix.max_dgram_qlen` when it is made. systemd sets 512 at boot; the kernel's own default of 10
 * loses requests of a quick client (44 of 100 over one HTTP/2 connection were measured), because the
 * web server never waits.
 *
 * @module
 */

/** What hosts with systemd have. */
export const QUEUE_LENGTH = 512;

const PATH = "/proc/sys/net/unix/max_dgram_qlen";

/** The present value, for sockets that are made from now on. */
export async function queueLength(): Promise<number> {
  return Number(await Deno.readTextFile(PATH));
}

/**
 * Raises the value to {@linkcode QUEUE_LENGTH} until disposed; returns what it was. Undefined if it
 * is high enough, or may not be changed.
 */
export async function raiseQueueLength(): Promise<
  { readonly from: number } & AsyncDisposable | undefined
> {
  const from = await queueLength();
  if (from >= QUEUE_LENGTH) return undefined;
  try {
    await Deno.writeTextFile(PATH, String(QUEUE_LENGTH), { create: false });
  } catch {
    return undefined;
  }
  return {
    from,
    [Symbol.asyncDispose]: () =>
      Deno.writeTextFile(PATH, String(from), { create: false }),
  };
}
