/** A socket that systemd passed to this process (sd_listen_fds(3)). @module */

/** The first descriptor that is passed. */
const FIRST_PASSED = 3;

/** Its descriptor, if there is one. */
export function passedDescriptor(): number | undefined {
  try {
    if (Deno.env.get("LISTEN_PID") !== String(Deno.pid)) return undefined;
    return Number(Deno.env.get("LISTEN_FDS")) >= 1 ? FIRST_PASSED : undefined;
  } catch (thrown) {
    // Who does not grant the variables does not pass sockets.
    if (thrown instanceof Deno.errors.NotCapable) return undefined;
    throw thrown;
  }
}
