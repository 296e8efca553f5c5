/**
 * How many datagrams the kernel queues for a UNIX socket (`net.unix.max_dgram_qlen` at the time the
 * socket is made). Measured, because reading it below /proc/sys needs every permission of Deno.
 *
 * @module
 */

/**
 * As far as the measurement goes: a sender's buffer of 212 992 bytes holds 277 datagrams. The
 * kernel's own default is 10, with which stalls of 200 ms lost 18 %; systemd sets 512.
 */
export const QUEUE_LENGTH_MEASURED = 256;
const SENT_MS_MAX = 50;

/** What was measured. */
export interface QueueLength {
  /** Datagrams that went, at most {@linkcode QUEUE_LENGTH_MEASURED}. */
  readonly found: number;
  /** The last attempt, which ends when the other socket closes; until then the sender is busy. */
  readonly pending: Promise<unknown>;
}

/** Sends from `sender` to a socket that nobody reads, until one does not go. */
export async function measureQueueLength(
  sender: Deno.DatagramConn,
  path: string,
): Promise<QueueLength> {
  const to = { path, transport: "unixpacket" } as const;
  const message = new Uint8Array(1);
  let pending: Promise<unknown> = Promise.resolve();
  let found = 0;
  while (found < QUEUE_LENGTH_MEASURED) {
    pending = sender.send(message, to).catch(() => "refused");
    if (!await within(SENT_MS_MAX, pending)) break;
    found++;
  }
  return { found, pending };
}

/** Whether `sending` ends in time. */
async function within(ms: number, sending: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<"timeout">((resolve) => {
    timer = setTimeout(() => resolve("timeout"), ms);
  });
  const first = await Promise.race([sending, timeout]);
  clearTimeout(timer);
  return first !== "timeout" && first !== "refused";
}
