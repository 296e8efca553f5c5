/** A JA4 in words, as the API tells it. @module */
import {
  type CodePointKind,
  codePointName,
  hexCode,
  isPostQuantum,
  isWeak,
} from "../data/iana.ts";
import type { Ja4Lists, Ja4Neighbours } from "../data/ja4.ts";
import { decodeSectionA, ja4Parts } from "../data/ja4_decode.ts";

/** Section a says itself what it means; `lists` are null while none of the fingerprint is captured. */
export function ja4Answer(
  ja4: string,
  lists: Ja4Lists | undefined,
): Readonly<Record<string, unknown>> {
  const { a, b, c } = ja4Parts(ja4);
  return {
    ja4,
    a,
    b,
    c,
    meaning: decodeSectionA(a),
    lists: lists === undefined ? null : {
      cipher_suites: named("cipher_suite", lists.cipher_suites),
      extensions: named("extension", lists.extensions),
      supported_groups: named("supported_group", lists.supported_groups),
      signature_algorithms: named(
        "signature_algorithm",
        lists.signature_algorithms,
      ),
      key_share_groups: named("supported_group", lists.key_share_groups),
      client_alpns: lists.client_alpns,
      ja4_r: lists.ja4_r,
    },
  };
}

function named(
  kind: CodePointKind,
  codes: readonly number[],
): readonly Readonly<Record<string, unknown>>[] {
  return codes.map((code) => {
    const name = codePointName(kind, code) ?? "";
    return {
      code: hexCode(code),
      name,
      weak: isWeak(kind, name),
      post_quantum: isPostQuantum(kind, name),
    };
  });
}

/** Fingerprints that share section a, b or c, and what their ClientHellos have more and less. */
export function similarAnswer(
  ja4: string,
  neighbours: Ja4Neighbours,
): Readonly<Record<string, unknown>> {
  const told = (section: "a" | "b" | "c"): unknown => ({
    total: neighbours[section].total,
    data: neighbours[section].rows.map((row) => ({
      ja4: row.ja4,
      client: row.client,
      last_seen: new Date(row.lastSeenMs).toISOString(),
      difference: row.difference ?? null,
    })),
  });
  return { ja4, a: told("a"), b: told("b"), c: told("c") };
}
