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

/** Remembers one handshake of each kind and lends its values to the others. */
export class SharedValues {
  readonly #kinds = new Map<string, HandshakeEvent>();

  /** Replaces values of `event` by equal ones that are held already. */
  share(event: HandshakeEvent): void {
    const { ja4 } = event;
    if (ja4 === undefined) return;
    const known = this.#kinds.get(ja4);
    if (known === undefined) {
      if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
      this.#kinds.set(ja4, event);
      return;
    }
    // Named one by one: a property access by a variable costs several times as much.
    const own: Mutable<HandshakeEvent> = event;
    if (known.dest_ip === own.dest_ip) own.dest_ip = known.dest_ip;
    if (known.sensor === own.sensor) own.sensor = known.sensor;
    if (known.in_iface !== undefined && known.in_iface === own.in_iface) {
      own.in_iface = known.in_iface;
    }
    if (known.transport === own.transport) own.transport = known.transport;
    if (known.status === own.status) own.status = known.status;
    if (known.ja4 !== undefined && known.ja4 === own.ja4) {
      own.ja4 = known.ja4;
    }
    if (known.ja4_r !== undefined && known.ja4_r === own.ja4_r) {
      own.ja4_r = known.ja4_r;
    }
    if (known.ja4_o !== undefined && known.ja4_o === own.ja4_o) {
      own.ja4_o = known.ja4_o;
    }
    if (known.ja4_ro !== undefined && known.ja4_ro === own.ja4_ro) {
      own.ja4_ro = known.ja4_ro;
    }
    if (known.ja4_stable !== undefined && known.ja4_stable === own.ja4_stable) {
      own.ja4_stable = known.ja4_stable;
    }
    if (known.ja3 !== undefined && known.ja3 === own.ja3) {
      own.ja3 = known.ja3;
    }
    if (known.ja3_string !== undefined && known.ja3_string === own.ja3_string) {
      own.ja3_string = known.ja3_string;
    }
    if (known.ja3n !== undefined && known.ja3n === own.ja3n) {
      own.ja3n = known.ja3n;
    }
    if (known.sni !== undefined && known.sni === own.sni) {
      own.sni = known.sni;
    }
    if (
      known.tls_version_offered !== undefined &&
      known.tls_version_offered === own.tls_version_offered
    ) {
      own.tls_version_offered = known.tls_version_offered;
    }
    if (
      known.tcp_options !== undefined && known.tcp_options === own.tcp_options
    ) {
      own.tcp_options = known.tcp_options;
    }
    if (isEqual(known.client_alpns, own.client_alpns)) {
      own.client_alpns = known.client_alpns;
    }
    if (isEqual(known.cipher_suites, own.cipher_suites)) {
      own.cipher_suites = known.cipher_suites;
    }
    if (isEqual(known.extensions, own.extensions)) {
      own.extensions = known.extensions;
    }
    if (isEqual(known.supported_groups, own.supported_groups)) {
      own.supported_groups = known.supported_groups;
    }
    if (isEqual(known.signature_algorithms, own.signature_algorithms)) {
      own.signature_algorithms = known.signature_algorithms;
    }
    if (isEqual(known.ec_point_formats, own.ec_point_formats)) {
      own.ec_point_formats = known.ec_point_formats;
    }
    if (isEqual(known.supported_versions, own.supported_versions)) {
      own.supported_versions = known.supported_versions;
    }
    if (isEqual(known.key_share_groups, own.key_share_groups)) {
      own.key_share_groups = known.key_share_groups;
    }
  }
}

function isEqual<Item extends number | string>(
  a: readonly Item[] | undefined,
  b: readonly Item[] | undefined,
): a is readonly Item[] {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
