/**
 * Equal lists and texts of handshakes, kept once. Clients of one kind send the same lists in every
 * ClientHello; a quarter of a million handshakes would hold them as often.
 *
 * @module
 */
import type { HandshakeEvent } from "../lib/events.ts";

type Mutable<Event> = { -readonly [Key in keyof Event]: Event[Key] };

/** Kinds of client remembered; beyond it all are forgotten and learned again. */
const KINDS_MAX = 4096;

const TEXTS = [
  "sensor",
  "in_iface",
  "transport",
  "status",
  "ja4",
  "ja4_r",
  "ja4_o",
  "ja4_ro",
  "ja4_stable",
  "ja3",
  "ja3_string",
  "ja3n",
  "sni",
  "tls_version_offered",
  "tcp_options",
] as const satisfies readonly (keyof HandshakeEvent)[];

const LISTS = [
  "client_alpns",
  "cipher_suites",
  "extensions",
  "supported_groups",
  "signature_algorithms",
  "ec_point_formats",
  "supported_versions",
  "key_share_groups",
] as const satisfies readonly (keyof HandshakeEvent)[];

/** Remembers one handshake of each kind and lends its values to the others. */
export class SharedValues {
  readonly #kinds = new Map<string, HandshakeEvent>();

  /** Replaces values of `event` by equal ones that are held already. */
  share(event: HandshakeEvent): void {
    const { ja4_ro } = event;
    if (ja4_ro === undefined) return;
    const known = this.#kinds.get(ja4_ro);
    if (known === undefined) {
      if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
      this.#kinds.set(ja4_ro, event);
      return;
    }
    const own = event as Mutable<HandshakeEvent> & Record<string, unknown>;
    for (const key of TEXTS) {
      if (known[key] !== undefined && known[key] === own[key]) {
        own[key as string] = known[key];
      }
    }
    for (const key of LISTS) {
      const held = known[key];
      if (held !== undefined && isEqual(held, own[key])) {
        own[key as string] = held;
      }
    }
  }
}

function isEqual(
  a: readonly (number | string)[],
  b: readonly (number | string)[] | undefined,
): boolean {
  if (b === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
