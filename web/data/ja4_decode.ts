/**
 * A JA4 in words. Section a says itself what it means (JA4.md, "JA4 Algorithm"); sections b and c are
 * hashes and can only be read from the lists that were captured.
 *
 * @module
 */

/** The three sections of a JA4. */
export interface Ja4Parts {
  readonly a: string;
  readonly b: string;
  readonly c: string;
}

/** Splits a JA4 at its underscores; what is missing is "". */
export function ja4Parts(ja4: string): Ja4Parts {
  const [a = "", b = "", c = ""] = ja4.split("_");
  return { a, b, c };
}

/** One piece of section a and its meaning. */
export interface DecodedPiece {
  readonly code: string;
  readonly meaning: string;
}

const TRANSPORTS: Readonly<Record<string, string>> = {
  t: "TCP",
  q: "QUIC",
  d: "DTLS",
};
const VERSIONS: Readonly<Record<string, string>> = {
  "13": "TLS 1.3",
  "12": "TLS 1.2",
  "11": "TLS 1.1",
  "10": "TLS 1.0",
  s3: "SSL 3.0",
  s2: "SSL 2.0",
  d1: "DTLS 1.0",
  d2: "DTLS 1.2",
  d3: "DTLS 1.3",
  "00": "unknown version",
};
const ALPNS: Readonly<Record<string, string>> = {
  "00": "no ALPN",
  h2: "HTTP/2 (h2)",
  h1: "HTTP/1.1",
  h3: "HTTP/3 (h3)",
};

/** Section a piece by piece; [] if it is not one. */
export function decodeSectionA(a: string): DecodedPiece[] {
  const match = /^([tqd])(..)([di])(\d\d)(\d\d)(..)$/.exec(a);
  if (match === null) return [];
  const [
    ,
    transport = "",
    version = "",
    sni = "",
    ciphers = "",
    extensions = "",
    alpn = "",
  ] = match;
  return [
    {
      code: transport + version,
      meaning: `${TRANSPORTS[transport] ?? transport}, ${
        VERSIONS[version] ?? "unknown version"
      }`,
    },
    {
      code: sni,
      meaning: sni === "d"
        ? "server name sent"
        : "no server name: the client asked for an address",
    },
    {
      code: `${ciphers} · ${extensions}`,
      meaning: `${atMost(ciphers)} ciphers, ${atMost(extensions)} extensions`,
    },
    {
      code: alpn,
      meaning: alpn === "00"
        ? "no ALPN"
        : `first ALPN is ${ALPNS[alpn] ?? `"${alpn[0]}…${alpn[1]}"`}`,
    },
  ];
}

/** JA4 counts to 99 and stays there. */
function atMost(count: string): string {
  return count === "99" ? "99 or more" : String(Number(count));
}
